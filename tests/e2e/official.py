"""The official servers of C{package.json} behind TLS, and a gate before them with a ready policy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mcpgate.testing import LocalCA
from tests.e2e.lab import ROOT, GateProcess, Lab, McpServer
from tests.e2e.node import PACKAGES, node

POLICIES = ROOT / "etc" / "policies"
_SERVERS = PACKAGES / "node_modules" / "@modelcontextprotocol"


def filesystem(directory: Path, ca: LocalCA, files: Path) -> McpServer:
    """The server of that directory's files, which speaks stdio."""
    program = _SERVERS / "server-filesystem" / "dist" / "index.js"
    return McpServer(directory, ca, "bridge.py", node(), str(program), str(files))


def everything(directory: Path, ca: LocalCA) -> McpServer:
    """The server that shows all of MCP, over stdio as well."""
    program = _SERVERS / "server-everything" / "dist" / "index.js"
    return McpServer(directory, ca, "bridge.py", node(), str(program), "stdio")


@contextmanager
def guarded(lab: Lab, server: McpServer, policy: str) -> Iterator[GateProcess]:
    """A gate before it, with the ready policy as it is shipped: included, and bound by the route's name."""
    included = lab.directory / "policies"
    included.mkdir(exist_ok=True)
    shutil.copy(POLICIES / f"{policy}.toml", included)
    config = lab.config(upstream={"url": server.url}, route={"name": policy}, rules=[])
    text = config.read_text(encoding="utf-8")
    config.write_text(f'include = ["policies/{policy}.toml"]\n{text}', encoding="utf-8")
    with lab.gate(config) as running:
        yield running


def texts(result: dict[str, Any]) -> str:
    """All text of a tool's result."""
    return "\n".join(block.get("text", "") for block in result["content"])
