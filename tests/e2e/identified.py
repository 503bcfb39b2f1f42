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

#: A test of hostile tokens has more failures, and larger tokens, than any honest client.
UNTROUBLED: Table = {"failures": 65535, "head_size": "64KiB"}


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


def shown(gate: GateProcess, token: str, tool: str = "get_weather", **arguments: str) -> Shown:
    """What a call with a token comes to."""
    with Caller(gate, token) as caller:
        return _shown(gate, caller, tool, arguments or {"city": "Oslo"})


def shown_all(gate: GateProcess, tokens: Mapping[str, bytes]) -> dict[str, Shown]:
    """The same of many, by their names."""
    came: dict[str, Shown] = {}
    for name, token in tokens.items():
        with Caller(gate, token.decode("ascii")) as caller:
            came[name] = _shown(gate, caller, "get_weather", {"city": "Oslo"})
    return came


def _shown(gate: GateProcess, caller: Caller, tool: str, arguments: Mapping[str, str]) -> Shown:
    response = caller.post(call(tool, arguments))
    message = json.loads(response.read())
    challenge = response.getheader("www-authenticate", "")
    # By the error it is known which exchange it was; else by the connection, on which there is only this one.
    # An earlier one may have come from the same port.
    known = message.get("error", {}).get("data", {}).get("exchange")
    if known is not None:
        return Shown(response.status, message, challenge, gate.exchange(id=known))
    *_, inbound = [one["id"] for one in gate.handshakes("inbound") if one["peer"] == caller.address]
    return Shown(response.status, message, challenge, gate.exchange(inbound=inbound))


def save_ca(lab: Lab, file: str = "clients.pem") -> Path:
    """The lab's CA as whom client certificates are to chain to."""
    path = lab.directory / file
    path.write_bytes(certificate_pem(lab.ca.certificate))
    return path
