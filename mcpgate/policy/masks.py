"""Masks: what of a message may not pass, and what stands in its place."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from mcpgate.reasons import Refusal
from mcpgate.wire.jsonrpc import Message
from mcpgate.wire.mcp import Sender


@frozen
class Masked:
    """
    What became of a message.

    @ivar raw: Its bytes as they may pass: every byte that no mask is about is as it was.
    @ivar counts: How many values each detector found and masked.
    """

    raw: bytes
    counts: Mapping[str, int]


class Masks:
    """The detectors that a message is subject to."""

    def apply(
        self,
        message: Message,
        raw: bytes,
        *,
        sender: Sender,
        asked: str | None = None,
        schema: Mapping[str, object] | None = None,
    ) -> Masked | Refusal | None:
        """
        What may pass of a message.

        @param sender: who says it.
        @param asked: the method of the request that it answers, if it is a response to a known one.
        @param schema: the C{outputSchema} of the tool that it is a result of, if known.
        @return: C{None} where nothing was found, so that the bytes pass as they came;
            C{policy.content} or C{policy.schema} where it may not pass at all.
        """
        return None

    def finds(self, text: bytes) -> str | None:
        """Which rule and detector find something in what is no message (a comment, an error page)."""
        return None

    def text(self, text: str) -> str:
        """A text as it may pass."""
        return text
