"""A request that was let through, until its answer is there."""

from __future__ import annotations

from typing import Protocol

import msgspec

from mcpgate.policy.rules import Verdict
from mcpgate.reasons import Refusal
from mcpgate.wire.call import Call


class Spent(Protocol):
    """What a request has of budgets (C{relay.spending})."""

    def exceeds(self, size: int) -> Refusal | None:
        """Whether an answer of so many bytes is more than it may have."""

    def charge(self, size: int) -> None:
        """It has had so many bytes of an answer."""


class Asked(msgspec.Struct, eq=False, frozen=True):
    """
    What was found of a request. (A struct: one is made for each.)

    @ivar exchange: By which it came; its answer may come by another.
    @ivar spent: What it has of budgets, if any is about it.
    @ivar cursor: Of a list: which page of it, if not the first.
    """

    call: Call
    verdict: Verdict
    exchange: str
    spent: Spent | None = None
    cursor: str | None = None
