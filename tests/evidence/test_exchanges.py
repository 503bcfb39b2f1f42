"""The two lines of an exchange: the same keys whatever becomes of it."""

from __future__ import annotations

import pytest

from mcpgate.evidence.exchanges import (
    Outcome,
    batch_facts,
    call_facts,
    caller_facts,
    hold_facts,
    open_line,
)
from mcpgate.evidence.record import LINE_MOST, TEXT_LENGTH, VERSION, parse_line
from mcpgate.holds.held import Decision, Word
from mcpgate.policy.rules import Action, Verdict
from mcpgate.reasons import Reason
from mcpgate.wire.jsonrpc import BATCH_MOST
from tests.evidence.lines import TIME, closed, one_line, opened


def test_an_open_line_says_who_asked_for_what_and_what_was_decided() -> None:
    assert list(parse_line(opened()).items()) == [
        ("v", VERSION),
        ("type", "open"),
        ("id", "x-1"),
        ("time", "2027-01-15T08:00:00.500000Z"),
        ("inbound", "h-1"),
        ("outbound", "h-2"),
        ("principal", "ci"),
        ("how", "token"),
        ("proof", "0123456789ab"),
        ("issuer", None),
        ("subject", None),
        ("listener", "public"),
        ("route", "github"),
        ("upstream", "github"),
        ("http", "POST"),
        ("revision", "2025-11-25"),
        ("session", "0a1b2c3d"),
        ("method", "tools/call"),
        ("name", "get_weather"),
        ("verdict", "allow"),
        ("rule", "reads"),
    ]


def test_an_exchange_that_ended_early_has_the_same_keys() -> None:
    bare = opened(
        **dict.fromkeys(("principal", "verdict", "route", "upstream", "outbound", "method", "name")),
        revision=None,
        session=None,
    )
    assert list(parse_line(bare)) == list(parse_line(opened()))


@pytest.mark.parametrize("outbound", [None, "h-2"])
def test_a_request_of_the_gates_own_has_no_inbound_leg(outbound: str | None) -> None:
    """Nor a listener; the keys are the same."""
    first = parse_line(opened(inbound=None, outbound=outbound, listener=None))
    last = parse_line(closed(inbound=None, outbound=outbound))
    for line, usual in ((first, opened()), (last, closed())):
        assert (line["inbound"], line["outbound"]) == (None, outbound)
        assert list(line) == list(parse_line(usual))
    assert first["listener"] is None


def test_an_open_line_of_a_batch_has_each_of_its_calls() -> None:
    """In their order, each with what one of its own would say; and so nothing in their place."""
    calls = [
        call_facts("tools/call", "get_weather", Verdict(Action.ALLOW, "reads", None)),
        call_facts("tools/call", 'rm "x"', Verdict(Action.BLOCK, None, Reason.POLICY_UNLISTED)),
        call_facts(None, None, None),
    ]
    caller = caller_facts(None, listener="public", route=None, upstream=None, http="POST")
    together = batch_facts(calls)
    line = open_line("x-1", time=TIME, inbound="h-1", outbound=None, caller=caller, call=together)
    record = one_line(line)
    assert list(record)[: len(parse_line(opened()))] == list(parse_line(opened()))
    assert (record["method"], record["name"], record["verdict"], record["rule"]) == (None,) * 4
    assert record["calls"] == [
        {"method": "tools/call", "name": "get_weather", "verdict": "allow", "rule": "reads"},
        {"method": "tools/call", "name": 'rm "x"', "verdict": "block", "rule": None},
        {"method": None, "name": None, "verdict": None, "rule": None},
    ]


def test_a_close_line_says_how_it_ended() -> None:
    assert list(parse_line(closed()).items()) == [
        ("v", VERSION),
        ("type", "close"),
        ("id", "x-1"),
        ("time", "2027-01-15T08:00:00.500000Z"),
        ("inbound", "h-1"),
        ("outbound", "h-2"),
        ("outcome", "completed"),
        ("status", 200),
        ("reason", None),
        ("detail", None),
        ("bytes_in", 100),
        ("bytes_out", 200),
        ("seconds", 0.012346),
        ("waited", 0.00789),
    ]


def test_a_close_line_names_the_budgets_that_only_record() -> None:
    """Where there are some, and nothing changes where there are none."""
    assert parse_line(closed(over=["searches", "all"]))["over"] == ["searches", "all"]
    assert closed(over=[]) == closed()


def test_a_close_line_says_of_a_stream_that_it_was_one() -> None:
    """How long it took is no measure of anything then."""
    assert parse_line(closed(streamed=True))["streamed"] is True
    assert closed(streamed=False) == closed()


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_written_as_its_word(outcome: Outcome) -> None:
    assert parse_line(closed(outcome=outcome))["outcome"] == outcome.value


def test_a_long_name_is_cut_and_counted() -> None:
    name = parse_line(opened(name="n" * 5_000_000))["name"]
    assert name == "n" * TEXT_LENGTH + "... (5000000 characters)"


def test_an_open_line_says_who_let_a_held_call_pass() -> None:
    """And that nobody has, where that is so."""
    for decision, told in ((None, [None, None]), (Decision(Word.APPROVED, "alice"), ["approved", "alice"])):
        call = f"{call_facts('tools/call', 'rm', None)},{hold_facts('w-1', decision)}"
        line = open_line("x-1", time=TIME, inbound="h-1", outbound=None, caller='"principal":null', call=call)
        record = parse_line(line)
        assert [record["hold"], record["decided"], record["by"]] == ["w-1", *told]


@pytest.mark.parametrize("char", ["\U0001f600", "\u4e2d", "\x01", '"', "a"])
def test_no_batch_makes_a_line_that_nobody_reads(char: str) -> None:
    """Else a caller could make evidence that fails verification, and is not read behind it."""
    calls = [call_facts(char * 5000, char * 5000, None)] * BATCH_MOST
    line = open_line(
        "x-0",
        time="2026-11-26T09:30:00.123456Z",
        inbound=None,
        outbound=None,
        caller=caller_facts(None, listener="l", route="r", upstream="u", http="POST"),
        call=batch_facts(calls),
    )
    assert len(line) < LINE_MOST // 2
