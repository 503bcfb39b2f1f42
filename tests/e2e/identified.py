"""A gate that knows its callers by their issuers' tokens, and what becomes of one that is shown to it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from mcpgate.testing import certificate_pem
from tests.e2e.caller import Caller, call
from tests.e2e.lab import EVERYTHING_BUT_DELETE, GateProcess, Lab, McpServer, Table, free_port

#: A test of hostile tokens has more failures than any honest client.
UNTROUBLED: Table = {"failures": 65535}


def identified(
    lab: Lab,
    server: McpServer,
    issuers: Sequence[Table],
    *,
    rules: Sequence[Table] = EVERYTHING_BUT_DELETE,
    route: Table | None = None,
    listener: Table | None = None,
    gate: Table | None = None,
    more: Mapping[str, Sequence[Table]] | None = None,
) -> GateProcess:
    """A gate, not yet started, before that server; its URL, which tokens are for, is known already."""
    # Port 0 has no URL before it is bound.
    port = free_port()
    public = {"listen": f"tcp:{port}:interface=127.0.0.1", "public_url": f"https://localhost:{port}"}
    config = lab.config(
        upstream={"url": server.url, "pins": [server.pin]},
        listener={**public, **(listener or {})},
        route=route or {},
        rules=rules,
        gate=gate,
        limits=UNTROUBLED,
        more={"issuer": issuers, **(more or {})},
    )
    made = lab.gate(config)
    made.port = port
    return made


@frozen
class Shown:
    """What a call with a token came to: the answer, and the record of it."""

    status: int
    message: Mapping[str, Any]
    challenge: str
    record: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The text of a tool's result."""
        return "".join(part["text"] for part in self.message["result"]["content"])


def shown(gate: GateProcess, token: str | bytes, tool: str = "get_weather", **arguments: str) -> Shown:
    """Call a tool with a token."""
    text = token if isinstance(token, str) else token.decode("latin-1")
    with Caller(gate, text) as caller:
        response = caller.post(call(tool, arguments or {"city": "Oslo"}))
        message = json.loads(response.read())
        # Only this connection's: others may call at the same time.
        (inbound,) = [one["id"] for one in gate.handshakes("inbound") if one["peer"] == caller.address]
    challenge = response.getheader("www-authenticate", "")
    return Shown(response.status, message, challenge, gate.exchange(inbound=inbound))


def save_ca(lab: Lab, file: str = "clients.pem") -> Path:
    """The lab's CA as whom client certificates are to chain to."""
    path = lab.directory / file
    path.write_bytes(certificate_pem(lab.ca.certificate))
    return path
