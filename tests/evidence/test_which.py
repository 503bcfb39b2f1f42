"""Records are picked by what is asked of them; of an exchange that is wanted, nothing is missing."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.evidence.which import Picking, Which

OPEN: dict[str, Any] = {
    "type": "open",
    "id": "x-1",
    "time": "2026-11-26T10:00:00.000000Z",
    "principal": "ci",
    "route": "files",
    "name": "get_x",
    "session": "0a1b",
    "inbound": "h-1",
    "trace": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
}
CLOSE: dict[str, Any] = {"type": "close", "id": "x-1", "time": "2026-11-26T10:00:01.000000Z"}
CLOSE |= {"outcome": "refused", "reason": "policy.blocked"}
REFUSED: dict[str, Any] = {"type": "handshake", "id": "h-2", "time": "2026-11-26T10:00:00.000000Z"}
REFUSED |= {"outcome": "refused", "reason": "tls.version"}


@pytest.mark.parametrize(
    ("which", "wanted"),
    [
        (Which(), True),
        (Which(principal="c*", route="files", tool="get_*"), True),
        (Which(principal="me"), False),
        (Which(route="f"), False),
        (Which(tool="set_*"), False),
        (Which(session="0a1b"), True),
        (Which(session="h-1"), True),
        (Which(session="h-2"), False),
        (Which(trace="4bf92f3577b34da6a3ce929d0e0e4736"), True),
        (Which(trace="00f067aa0ba902b7"), True),
        (Which(trace="4bf9"), False),
        (Which(since=OPEN["time"]), True),
        (Which(since="2026-11-26T10:00:00.000001Z"), False),
        (Which(until=OPEN["time"]), False),
    ],
)
def test_an_exchange_is_picked_by_its_opening(which: Which, wanted: bool) -> None:
    assert which.opens(OPEN) is wanted


def test_of_a_batch_each_name_counts() -> None:
    batch = {**OPEN, "name": None, "calls": [{"name": "a"}, {"name": "b"}]}
    assert Which(tool="b").opens(batch) and not Which(tool="c").opens(batch)


@pytest.mark.parametrize(
    ("which", "exchange", "handshake"),
    [
        (Which(refused=True), True, True),
        (Which(reason="policy.*"), True, False),
        (Which(reason="tls.*"), False, True),
        (Which(reason="tls.*", principal="ci"), False, False),
    ],
)
def test_what_ended_badly_is_picked_by_its_reason(which: Which, exchange: bool, handshake: bool) -> None:
    assert which.ends(CLOSE) is exchange
    assert which.shaken(REFUSED) is handshake
    assert not which.ends({**CLOSE, "outcome": "completed", "reason": None})


def test_of_an_exchange_that_is_wanted_all_is_shown_and_of_others_nothing() -> None:
    """Until it has ended."""
    picking = Picking(Which(principal="ci"))
    other = {**OPEN, "id": "x-2", "principal": "me"}
    for kind in ("dropped", "payload", "echo"):
        assert not picking.wants({"type": kind, "exchange": "x-1", "time": OPEN["time"]})
    assert picking.wants(OPEN) and not picking.wants(other)
    for kind in ("dropped", "payload", "echo"):
        assert picking.wants({"type": kind, "exchange": "x-1", "time": OPEN["time"]})
        assert not picking.wants({"type": kind, "exchange": "x-2", "time": OPEN["time"]})
    assert picking.wants(CLOSE) and not picking.wants(CLOSE)
    assert not picking.wants({**REFUSED}) and not picking.wants({"type": "generation", "time": OPEN["time"]})


def test_where_only_what_was_refused_is_wanted_only_that_is_shown() -> None:
    picking = Picking(Which(refused=True))
    assert not picking.wants(OPEN) and picking.wants(CLOSE) and picking.wants(REFUSED)
    assert not picking.wants({"type": "generation", "time": OPEN["time"]})


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*OPEN, *CLOSE, "calls", "exchange"]), ANYTHING))
def test_a_record_of_any_shape_is_judged(changes: dict[str, Any]) -> None:
    """A journal may have been changed by anybody."""
    for which in (Which(), Which(refused=True), Which(tool="x", reason="y"), Which(session="s", until="t")):
        picking = Picking(which)
        for record in (OPEN, CLOSE, REFUSED):
            picking.wants({**record, **changes})
    assert evolve(Which(), refused=True).of_ending
