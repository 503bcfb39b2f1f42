"""Records of what is new in definitions."""

from __future__ import annotations

from collections.abc import Iterable

from mcpgate.definitions.known import News
from mcpgate.evidence.events import definition_line
from mcpgate.evidence.journal import new_id
from mcpgate.evidence.witness import Witness


def tell(witness: Witness, upstream: str, news: Iterable[News], exchange: str | None = None) -> None:
    """Record it. C{exchange}: the id of the one by which it was seen, C{None} for what a person did."""
    for one in news:
        line = definition_line(
            new_id("n"),
            time=witness.stamp(),
            exchange=exchange,
            upstream=upstream,
            tool=one.tool,
            what=one.what,
            old=one.old,
            new=one.new,
            key=one.key,
            renewed=one.renewed,
            detail=one.detail,
            by=one.by,
        )
        witness.tell(line)
