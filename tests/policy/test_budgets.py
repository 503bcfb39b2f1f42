"""Which calls a budget is about, by what they are counted, and what of a window is used."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.config.tables.policy import BudgetTable
from mcpgate.config.tables.rule import OnTable, WhoTable
from mcpgate.identity.principal import Principal
from mcpgate.policy.budgets import COUNTERS, PARTS, SECOND, Budget, about, compile_budgets, slid, wait
from mcpgate.policy.rules import compile_rules
from mcpgate.policy.who import Caller
from mcpgate.reasons import Refusal
from mcpgate.wire.call import Call, Nature, call_of
from mcpgate.wire.jsonrpc import Message, parse

CI = Principal("ci", "token", "t1", None)


def budget(**keys: object) -> Budget:
    given: Mapping[str, object] = {"name": "b", "calls": 1, **keys}
    (compiled,) = compile_budgets([BudgetTable(**given)])  # type: ignore[arg-type]
    return compiled


def asks(method: str, **params: object) -> Call:
    message = parse(msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
    assert isinstance(message, Message)
    call = call_of(message)
    assert not isinstance(call, Refusal)
    return call


TOOL = asks("tools/call", name="get_x")
READ = asks("resources/read", uri="note://x")
LIST = asks("tools/list")
OTHER = asks("acme/run")
COMPLETE = asks(
    "completion/complete",
    ref={"type": "ref/prompt", "name": "greet"},
    argument={"name": "a", "value": ""},
)


def test_without_methods_it_is_about_all_that_names_something_and_the_unknown() -> None:
    """Lists, pings and what clients send by themselves do not use it up."""
    every = budget()
    counted = [TOOL, READ, OTHER, asks("resources/subscribe", uri="note://x")]
    assert all(map(every.matches, counted))
    free = [LIST, COMPLETE, asks("ping"), asks("initialize"), asks("logging/setLevel", level="info")]
    assert not any(map(every.matches, free))


def test_a_budget_that_names_methods_is_about_those() -> None:
    """Lists too; what the protocol needs never."""
    assert budget(on=OnTable(method=("tools/*",))).matches(LIST)
    assert not budget(on=OnTable(method=("tools/*",))).matches(READ)
    assert not budget(on=OnTable(method=("*",))).matches(asks("ping"))


def test_a_budget_that_names_names_is_about_nothing_without_one() -> None:
    """A list has no name, whatever stands in it."""
    named = budget(on=OnTable(name=("get_*",)))
    assert (named.matches(TOOL), named.matches(READ), named.matches(LIST), named.matches(OTHER)) == (
        True,
        False,
        False,
        False,
    )


def test_a_message_is_counted_by_its_own_method() -> None:
    """Completing for a prompt uses up no budget of getting it."""
    assert not budget(on=OnTable(method=("prompts/get",))).matches(COMPLETE)
    assert budget(on=OnTable(method=("completion/complete",), name=("greet",))).matches(COMPLETE)


def test_to_ask_for_a_task_is_no_other_call_of_its_tool() -> None:
    """But what it brings is part of that one's answer; and a budget that names the method counts it."""
    task = Call("tasks/result", "get_x", Nature.FOLLOWS, (("tools/call", "get_x"),))
    for one in (budget(), budget(on=OnTable(method=("tools/call",), name=("get_*",)))):
        assert one.matches(task) and not one.is_of(task)
        per = budget(on=OnTable(method=("tools/call",)), per=("tool",))
        assert per.key(CI, "a", task) == per.key(CI, "a", TOOL)
    assert not budget(on=OnTable(name=("other",))).matches(task)
    assert not budget(on=OnTable(method=("prompts/get",))).matches(task)
    assert budget(on=OnTable(method=("tasks/*",))).is_of(task)


def test_only_its_routes_are_covered() -> None:
    """None named: every route."""
    assert budget().covers("a")
    assert budget(on=OnTable(route=("a",))).covers("a")
    assert not budget(on=OnTable(route=("a",))).covers("b")
    assert about([budget(on=OnTable(route=("a",)))], "b", TOOL) == ()


def test_a_budget_is_about_those_callers_that_it_names() -> None:
    """Found once for each class of callers, as rules are."""
    policy = compile_rules([], (), [budget(who=WhoTable(token=("ci-*",)))])
    ours, others = (policy.callers(Caller(Principal(name, "token", "t", None))) for name in ("ci-7", "dev"))
    assert [one.name for one in ours.budgets] == ["b"]
    assert others.budgets == ()


@pytest.mark.parametrize(
    ("per", "apart"),
    [
        ((), set()),
        (("principal",), {"principal"}),
        (("route",), {"route"}),
        (("tool",), {"tool"}),
        (("principal", "tool"), {"principal", "tool"}),
    ],
)
def test_calls_are_counted_together_but_for_what_it_is_per(per: tuple[str, ...], apart: set[str]) -> None:
    """What it does not name makes no difference."""
    one = budget(per=per)
    here = one.key(CI, "a", TOOL)
    others = {
        "principal": one.key(Principal("dev", "token", "t2", None), "a", TOOL),
        "route": one.key(CI, "b", TOOL),
        "tool": one.key(CI, "a", asks("tools/call", name="get_y")),
    }
    assert {what for what, key in others.items() if key != here} == apart
    # Another token of the same principal is no other caller, a certificate of that name is.
    assert one.key(Principal("ci", "token", "t9", 5.0), "a", TOOL) == here
    proved = one.key(Principal("ci", "certificate", "c1", None), "a", TOOL)
    assert (proved != here) is ("principal" in apart)


def test_two_budgets_never_count_together() -> None:
    """Nor does one with itself when its window has another length: its parts are others."""
    keys = {
        budget().key(CI, "a", TOOL),
        budget(name="c").key(CI, "a", TOOL),
        budget(window=5.0).key(CI, "a", TOOL),
    }
    assert len(keys) == 3


def test_what_only_records_comes_last() -> None:
    """So that it does not count what another refuses."""
    tables = [BudgetTable(name=name, calls=1, shadow=name == "a") for name in "abc"]
    compiled = compile_budgets(tables)
    assert [one.name for one in compiled] == ["b", "c", "a"]
    assert about(compiled, "r", LIST) == ()
    assert about(compiled, "r", TOOL) == compiled


def test_the_parts_of_a_window_are_never_less_than_the_window() -> None:
    """Where eight do not divide it."""
    one = budget(window=1.000000001)
    assert one.part * PARTS >= 1_000_000_001


COUNTS = st.lists(st.integers(0, 50), min_size=COUNTERS, max_size=COUNTERS)


@given(COUNTS, st.integers(0, 30))
def test_what_is_over_is_forgotten_part_by_part(counts: list[int], past: int) -> None:
    """The counters move as the parts do."""
    now = slid(counts, 100, 100 + past)
    assert len(now) == COUNTERS
    assert now == (counts + [0] * past)[past : past + COUNTERS] if past < COUNTERS else not any(now)


@given(COUNTS, st.integers(1, 30))
def test_counts_of_another_clock_count_as_of_now(counts: list[int], ahead: int) -> None:
    """Nothing that was used is lost by it."""
    assert slid(counts, 100 + ahead, 100) == [0] * PARTS + [sum(counts)]


@given(COUNTS, st.integers(1, 60), st.integers(1, 400), st.integers(1, 10**12), st.integers(0, 10**15))
def test_whoever_waits_as_long_as_told_finds_room(
    counts: list[int], more: int, limit: int, part: int, now: int
) -> None:
    """And a second earlier there was none."""
    seconds = wait(counts, more, limit, part, now)
    if more > limit:
        assert seconds == 0
        return

    def room(at: int) -> bool:
        return sum(slid(counts, now // part, at // part)) + more <= limit

    assert room(now + seconds * SECOND)
    assert seconds <= 1 or sum(counts) + more <= limit or not room(now + (seconds - 1) * SECOND)


@given(
    limit=st.integers(1, 5),
    window=st.integers(1, 50),
    gaps=st.lists(st.integers(0, 20), min_size=1, max_size=120),
)
def test_no_window_ever_holds_more_than_the_limit(limit: int, window: int, gaps: list[int]) -> None:
    """Wherever it begins. Times are whole nanoseconds, so that every case at the edge comes up."""
    part = -(-window // PARTS)
    counts, newest, now, passed = [0] * COUNTERS, 0, 0, []
    for gap in gaps:
        now += gap
        counts, newest = slid(counts, newest, now // part), now // part
        if sum(counts) < limit:
            counts[-1] += 1
            passed.append(now)
    for begin in passed:
        assert sum(begin <= time < begin + window for time in passed) <= limit
