"""Refusals are counted one by one."""

from __future__ import annotations

from mcpgate.reasons import Reason
from mcpgate.relay.tally import Tally

CROWD, ADDRESS = Reason.LIMIT_CONNECTIONS, Reason.LIMIT_ADDRESS


def test_every_refusal_is_counted_by_its_reason() -> None:
    tally = Tally()
    for reason in (CROWD, ADDRESS, Reason.CLIENT_GONE, CROWD):
        tally.count(reason)
    assert tally.counts == {CROWD: 2, ADDRESS: 1}
