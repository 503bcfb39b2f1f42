"""Whether a message's headers and its body tell the same story (2026-07-28, streamable HTTP).

From 2026-07-28 on, headers mirror what the body says, so that others on the way need not read it. The
gate reads the body and judges by nothing else, but whoever stands behind it may not; so a request
whose headers and body differ is refused (basic/transports/streamable-http, "Server Validation").

The order is that of the official Python server: the metadata first, then the version, then the method,
then the name. What the specification leaves open stays open: it defines no headers for notifications,
so one needs none, and no source for C{Mcp-Name} beyond the methods below.

Methods that a revision does not have are not looked for: the upstream answers what it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.http import RequestHead
from mcpgate.wire.jsonrpc import Kind, Message
from mcpgate.wire.mcp import CLIENT_REQUESTS
from mcpgate.wire.revision import Revision
from mcpgate.wire.sentinel import PREFIX, decode

VERSION: Final = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES: Final = "io.modelcontextprotocol/clientCapabilities"

#: The param that C{Mcp-Name} mirrors, by the method. For tasks: SEP-2663, "Streamable HTTP: Routing Headers".
MIRRORED: Final[Mapping[str, str]] = {
    each.method: each.name
    for each in CLIENT_REQUESTS.values()
    if each.header is not None and each.name is not None
}

# As in tls/stream.py: a member is read off its class slowly.
_REQUEST, _RESPONSE = Kind.REQUEST, Kind.RESPONSE
_META: Final = Reason.MCP_META
_HEADER: Final = Reason.MCP_HEADER


def agreement(message: Message, head: RequestHead, revision: Revision) -> Refusal | None:
    """
    Why a message contradicts the head that it came with, if it does.

    @param revision: That of the head (C{revision_of}).
    """
    if not revision.modern:
        return _legacy(message)
    kind = message.kind
    params = message.params
    meta = params.get("_meta")
    if kind is not _REQUEST:
        if kind is _RESPONSE:
            # "Sending Messages" 4: "The client MUST NOT send JSON-RPC responses."
            return Refusal(Reason.MCP_RESPONSE, "a response")
        return _notification(message, meta, head, revision)
    if type(meta) is not dict:
        return Refusal(_META, "_meta is missing or not an object")
    version = meta.get(VERSION)
    if type(version) is not str:
        return Refusal(_META, f"{VERSION} is missing or not a string")
    if type(meta.get(CAPABILITIES)) is not dict:
        return Refusal(_META, f"{CAPABILITIES} is missing or not an object")
    if version != revision.text:
        return Refusal(_HEADER, "MCP-Protocol-Version and the body's protocolVersion differ")
    method = message.method
    assert method is not None
    fields = head.fields
    claimed = fields.get(b"mcp-method")
    if claimed is None or claimed != method.encode() or not method.isascii():
        return _otherwise("Mcp-Method", claimed)
    param = MIRRORED.get(method)
    if param is None:
        return None
    name = params.get(param)
    claimed = fields.get(b"mcp-name")
    if claimed is None:
        # A name that the method lacks is for others to miss.
        return _otherwise("Mcp-Name", None) if type(name) is str else None
    return None if _is_name(claimed, name) else _otherwise("Mcp-Name", claimed)


def _is_name(claimed: bytes, name: object) -> bool:
    """Whether C{Mcp-Name} says what the body says; where that names nothing, nobody may read a name."""
    if type(name) is not str:
        return False
    if name.isascii() and claimed == name.encode() and not claimed.startswith(PREFIX):
        return True
    return decode(claimed) == name


def _legacy(message: Message) -> Refusal | None:
    """
    Only what would make it a modern message to somebody who looks at its body first, as the official
    TypeScript server does, while others go by the header.
    """
    meta = message.params.get("_meta")
    if type(meta) is dict and VERSION in meta:
        return Refusal(_HEADER, "the body names a protocolVersion, MCP-Protocol-Version does not")
    return None


def _notification(message: Message, meta: object, head: RequestHead, revision: Revision) -> Refusal | None:
    """
    "Header requirements for notification POSTs are not defined by this revision", and the required
    C{_meta} members are those of requests; but what is there must be true.
    """
    if type(meta) is dict and meta.get(VERSION, revision.text) != revision.text:
        return Refusal(_HEADER, "MCP-Protocol-Version and the body's protocolVersion differ")
    method = message.method
    assert method is not None
    claimed = head.fields.get(b"mcp-method")
    if claimed is not None and (claimed != method.encode() or not method.isascii()):
        return _otherwise("Mcp-Method", claimed)
    param, claimed = MIRRORED.get(method), head.fields.get(b"mcp-name")
    if claimed is not None and param is not None and not _is_name(claimed, message.params.get(param)):
        return _otherwise("Mcp-Name", claimed)
    return None


def _otherwise(header: str, claimed: bytes | None) -> Refusal:
    why = "is missing" if claimed is None else "is not what the body says"
    return Refusal(_HEADER, f"{header} {why}")
