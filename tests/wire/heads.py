"""Heads and bodies as callers of the modern revision send them, for the tests of what is compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mcpgate.wire.http import RequestHead, read_request_head
from mcpgate.wire.jsonrpc import Message, parse

VERSION = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
MODERN = "2026-07-28"


def meta(**changes: object) -> dict[str, object]:
    """What every request of 2026-07-28 carries; C{version} and C{capabilities} change that."""
    return {VERSION: changes.get("version", MODERN), CAPABILITIES: changes.get("capabilities", {})}


def head(headers: Mapping[str, str | bytes]) -> RequestHead:
    """The head of a POST with these headers, read as the gate reads it."""
    lines = [b"POST /mcp HTTP/1.1", b"Host: gw.test", b"Content-Type: application/json", b"Content-Length: 1"]
    for name, value in headers.items():
        lines.append(name.encode() + b": " + (value if isinstance(value, bytes) else value.encode()))
    found = read_request_head(b"\r\n".join(lines) + b"\r\n\r\n")
    assert isinstance(found, RequestHead), found
    return found


def message(method: str, params: object = None, **members: Any) -> Message:
    """A request, or with C{id=None} a notification, read as the gate reads it."""
    whole = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params, **members}
    found = parse(json.dumps({name: value for name, value in whole.items() if value is not None}).encode())
    assert isinstance(found, Message), found
    return found
