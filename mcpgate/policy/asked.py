"""A request that was let through, until its answer is there."""

from __future__ import annotations

import msgspec

from mcpgate.policy.rules import Verdict
from mcpgate.wire.call import Call


class Asked(msgspec.Struct, eq=False, frozen=True):
    """
    What was found of a request. (A struct: one is made for each.)

    @ivar exchange: By which it came; its answer may come by another.
    @ivar cursor: Of a list: which page of it, if not the first.
    """

    call: Call
    verdict: Verdict
    exchange: str
    cursor: str | None = None
