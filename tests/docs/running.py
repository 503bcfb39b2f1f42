"""A small gate that runs, and whoever calls it: what the worlds of runbooks and of issuers begin with."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any

from mcpgate.ops.control import ControlError, ask
from mcpgate.tls.material import Pair
from tests.docs.hosts import Host
from tests.docs.mcp_server import McpServer, Tool
from tests.docs.place import SYSTEM, Place
from tests.waiting import eventually

GATE = "gate.example.com"
STATE = Path("/var/lib/mcpgate")

CONFIG = """\
[gate]
state = "/var/lib/mcpgate"

[[listener]]
name = "public"
listen = "tcp:8443"
public_url = "https://gate.example.com:8443"
certificates = "/etc/mcpgate/tls"

[[upstream]]
name = "files"
url = "https://files.example.com/mcp"

[[upstream]]
name = "github"
url = "https://github.example.com/mcp"

[[route]]
path = "/files"
upstream = "files"

[[route]]
path = "/github"
upstream = "github"

[[rule]]
name = "use-files"
on = { route = "files" }
verdict = "allow"

[[rule]]
name = "use-github"
on = { route = "github" }
verdict = "allow"
"""

FILES = {
    "read_file": Tool("Reads a file.", lambda path: f"contents of {path}", ("path",)),
    "list_directory": Tool("Lists a directory.", lambda path: "notes.txt\nplan.txt", ("path",)),
    "delete_file": Tool("Deletes a file.", lambda path: f"deleted {path}", ("path",)),
}
GITHUB = {"get_issue": Tool("Gets an issue.", lambda number: f"issue {number}", ("number",))}

#: What the unit does at a reload; there is no systemd here.
_SYSTEMCTL = """\
#!/bin/sh
case "$1 $2" in
  "reload mcpgate") mcpgate check >/dev/null && kill -HUP "$(cat /var/lib/mcpgate/gate.lock)" && sleep 1 ;;
  *) echo "no $*" >&2; exit 1 ;;
esac
"""


def stage(place: Place, files: Pair | None = None, *, config: str = CONFIG) -> None:
    """
    All that the gate needs, and not yet the gate.

    @param files: what C{files.example.com} proves itself by, if not by a pair as good as any.
    """
    place.name(GATE, "127.0.0.1")
    place.pair([GATE, "localhost"], "/etc/mcpgate/tls/gate.crt", "/etc/mcpgate/tls/gate.key")
    STATE.mkdir(mode=0o700, exist_ok=True)
    STATE.chmod(0o700)
    pair = files or place.ca.server(["files.example.com"], place.now)
    respond = McpServer.of("files", FILES).respond
    place.stack.enter_context(Host(place.name("files.example.com"), 443, pair, respond))
    place.mcp("github.example.com", GITHUB)
    place.config = place.file("/etc/mcpgate/mcpgate.toml", config)
    place.file("/usr/local/bin/systemctl", _SYSTEMCTL, 0o755)


def start(place: Place) -> None:
    """Run it."""
    assert place.config is not None
    place.gate(place.config, STATE)


def token(place: Place, name: str, *bounds: str) -> str:
    """A token of the gate's own."""
    return place.command("token", "issue", name, *bounds).strip().splitlines()[-1]


def call(proof: str, tool: str = "read_file", **arguments: str) -> int:
    """Call a tool of the files' server through the gate; the status of the answer."""
    trusting = ssl.create_default_context(cafile=str(SYSTEM))
    return _post(HTTPSConnection(GATE, 8443, context=trusting), proof, tool, arguments)


def call_in_clear(proof: str) -> int:
    """The same by somebody who has forgotten an C{s}."""
    return _post(HTTPConnection(GATE, 8443), proof, "read_file", {"path": "plan.txt"})


def status() -> dict[str, Any]:
    """What C{mcpgate status} is told; nothing while there is nobody to tell it."""
    try:
        return ask(STATE / "control.sock", "status")
    except ControlError:
        return {}


def reload(place: Place) -> None:
    """Have it read its configuration again, and wait for what comes of it."""
    before = status()
    subprocess.run(["kill", "-HUP", (STATE / "gate.lock").read_text().strip()], check=True)
    eventually(
        lambda: (
            status().get("problem") != before.get("problem")
            or status().get("generation") != before.get("generation")
        ),
        "the gate has looked at its configuration",
    )


def _post(connection: HTTPConnection, proof: str, tool: str, arguments: Mapping[str, str]) -> int:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": tool, "arguments": dict(arguments), "_meta": meta}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = {
        "Authorization": f"Bearer {proof}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": tool,
    }
    connection.request("POST", "/files", json.dumps(message), headers)
    with connection.getresponse() as answer:
        answer.read()
        code = answer.status
    connection.close()
    return code
