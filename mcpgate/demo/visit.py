"""What the official client saw through the gate, in one era of the protocol."""

from __future__ import annotations

import msgspec


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation. C{refused} is how a call of the blocked tool ended: JSON-RPC code and words."""

    protocol: str
    tools: list[str]
    answer: str
    progress: list[float]
    last: str
    refused: tuple[int, str]
