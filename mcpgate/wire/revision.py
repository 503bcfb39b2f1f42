"""Which revision of MCP a request speaks: told by its C{MCP-Protocol-Version} header alone.

The official servers route by the header too, so whoever would be told by the body could be told
something else than the server behind the gate. C{wire.agreement} sees to it that the body says the same.

A revision that the gate does not know is one that it cannot inspect: nothing of it may pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, unique
from typing import Final

from mcpgate.reasons import Reason, Refusal

HEADER: Final = b"mcp-protocol-version"

#: How much of an unknown version is echoed. Ours have 10 characters; a date and a word would fit.
ECHO_LENGTH = 64
#: And recorded.
RECORD_LENGTH = 24


@unique
class Revision(Enum):
    """
    A published revision.

    @ivar text: As C{_meta} and C{initialize} write it.
    @ivar header: As the header writes it.
    @ivar modern: Without a handshake and sessions; every request carries its own metadata.
    @ivar batches: Whether a body may be an array of messages (only 2025-03-26's changelog adds them,
        and only 2025-06-18's removes them).
    """

    text: str
    header: bytes
    modern: bool
    batches: bool

    V2024_11_05 = "2024-11-05"
    V2025_03_26 = "2025-03-26"
    V2025_06_18 = "2025-06-18"
    V2025_11_25 = "2025-11-25"
    V2026_07_28 = "2026-07-28"

    def __init__(self, text: str) -> None:
        self.text = text
        self.header = text.encode()
        # The first one that has none; dates in this form sort as text.
        self.modern = text >= "2026-07-28"
        self.batches = text == "2025-03-26"

    def __str__(self) -> str:
        return self.text


#: What a request without the header speaks (2025-06-18, transports, "Protocol Version Header"; 2026-07-28
#: leaves it to servers that serve the older revisions, which an upstream of ours may be).
ASSUMED: Final = Revision.V2025_03_26

#: What a client may fall back to when it asked for what we do not know, newest first. Only what is
#: negotiated in this way: the legacy revisions are negotiated by initialize, and the official servers,
#: which name these only in server/discover too, would be contradicted by more.
SUPPORTED: Final = tuple(sorted((one.text for one in Revision if one.modern), reverse=True))

_BY_HEADER: Final[Mapping[bytes | None, Revision]] = {
    None: ASSUMED,
    **{one.header: one for one in Revision},
}


def revision_of(header: bytes | None) -> Revision | Refusal:
    """
    The revision that a request speaks.

    @param header: The value of its MCP-Protocol-Version, C{None} where it has none.
    @return: C{mcp.revision} for one that is not known. Its answer should have the request's id, so the
        body is read first.
    """
    found = _BY_HEADER.get(header)
    if found is not None:
        return found
    assert header is not None
    requested = _shown(header)
    # One that is longer is something else, which somebody has put in the wrong place: none for a record.
    is_one = len(header) <= RECORD_LENGTH
    return Refusal(
        Reason.MCP_REVISION,
        f"MCP-Protocol-Version {requested!r}" if is_one else "MCP-Protocol-Version, too long for one",
        told={"supported": list(SUPPORTED), "requested": requested},
    )


def _shown(header: bytes) -> str:
    """What the caller wrote, at a length and in characters that are harmless in answers and records."""
    text = header[:ECHO_LENGTH].decode("ascii", "replace")
    return "".join([letter if " " <= letter <= "~" else "?" for letter in text])
