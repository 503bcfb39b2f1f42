"""Both sides are held to revisions that the gate can look into.

What a revision of tomorrow means by a message nobody here knows, so none may be agreed on behind the
gate's back: what a client asks for in C{initialize} is lowered to the newest that we know, as a server
without it would do (MCP "Lifecycle", "Version Negotiation"); what a server offers in C{server/discover}
(2026-07-28) is cut to what we know.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.jsonrpc import Message
from mcpgate.wire.revision import Revision
from mcpgate.wire.splice import replaced

#: What C{initialize} can agree on, oldest first; the revision without it cannot.
HANDSHAKEN = tuple(revision.text for revision in Revision if not revision.modern)
_KNOWN = frozenset(revision.text for revision in Revision)


def asked(message: Message, raw: bytes) -> bytes:
    """An C{initialize} request as it may be forwarded."""
    version = message.params.get("protocolVersion")
    if type(version) is not str or version in HANDSHAKEN:
        # What is no version at all is for the server to refuse.
        return raw
    return replaced(raw, ("params", "protocolVersion"), HANDSHAKEN[-1])


def answered(method: str, message: Message, raw: bytes) -> bytes | Refusal:
    """An answer to C{initialize} or C{server/discover} as it may be passed on."""
    result = message.result
    if not isinstance(result, Mapping):
        return raw
    if method == "initialize":
        if result.get("protocolVersion") in HANDSHAKEN:
            return raw
        return Refusal(Reason.UPSTREAM_REVISION, "it answered initialize with an unknown revision")
    offered = result.get("supportedVersions")
    if not isinstance(offered, list):
        return raw
    known = [version for version in offered if type(version) is str and version in _KNOWN]
    return raw if len(known) == len(offered) else replaced(raw, ("result", "supportedVersions"), known)
