"""What records are counted as."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.metrics import counting, table
from mcpgate.metrics.counting import Counting, Counts, Labels
from tests.metrics.records import NAMES, closed, handshake, opened, refused


def seen(found: Counts, metric: table.Metric) -> dict[Labels, float]:
    """The series of a counter of which there was any."""
    return {labels: count for labels, count in found.counters.get(metric, {}).items() if count}


def counted(*records: dict[str, Any]) -> Counting:
    """All of them, counted."""
    found = Counting(NAMES)
    found.take(records)
    return found


def test_a_handshake_is_counted_by_what_it_negotiated() -> None:
    """And how long it took."""
    found = counted(handshake(), handshake()).counts
    labels = ("inbound", "TLSv1.3", "X25519MLKEM768", "TLS_AES_256_GCM_SHA384", "ok", "none")
    assert seen(found, table.HANDSHAKES) == {labels: 2}
    assert found.spreads[table.HANDSHAKE_SECONDS][("inbound",)].total == pytest.approx(0.006)
    assert seen(found, table.REFUSED_HANDSHAKES) == {}


def test_a_refused_one_is_counted_by_its_reason_and_by_whom_it_was_with() -> None:
    """Where nothing was negotiated, nothing is said of that."""
    found = counted(refused(), refused("tls.pin", leg="outbound", where="files")).counts
    assert seen(found, table.REFUSED_HANDSHAKES) == {
        ("inbound", "public", "tls.version"): 1,
        ("outbound", "files", "tls.pin"): 1,
    }
    assert found.of(table.HANDSHAKES, outcome="refused", version="none") == 2


def test_those_that_a_flood_left_unrecorded_are_counted_too() -> None:
    """The line that is there says how many are not."""
    found = counted(refused("limit.connections", extra={"unrecorded": 41})).counts
    assert found.of(table.HANDSHAKES, reason="limit.connections") == 42
    assert found.of(table.REFUSED_HANDSHAKES, name="public") == 42


def test_a_mismatch_that_is_only_reported_is_seen() -> None:
    """It went on, so it is no refusal."""
    shaken = handshake()["handshake"] | {"pinned": False}
    found = counted(handshake(leg="outbound", where="files", handshake=shaken)).counts
    assert seen(found, table.UNPINNED) == {("outbound", "files"): 1}


def test_an_exchange_is_counted_when_it_is_over() -> None:
    """By what its open line said of it."""
    found = counted(opened())
    assert table.EXCHANGES not in found.counts.counters
    found.take([closed()])
    assert seen(found.counts, table.EXCHANGES) == {("files", "tools/call", "allow", "completed"): 1}
    assert seen(found.counts, table.BODY_BYTES) == {("files", "in"): 100, ("files", "out"): 300}


def test_what_the_gate_added_is_the_whole_without_what_the_upstream_took() -> None:
    """Each in its own histogram, of the same exchanges."""
    spreads = counted(opened(), closed()).counts.spreads
    assert spreads[table.REQUEST_SECONDS][("files",)].total == pytest.approx(0.02)
    assert spreads[table.UPSTREAM_SECONDS][("files",)].total == pytest.approx(0.015)
    assert spreads[table.ADDED_SECONDS][("files",)].total == pytest.approx(0.005)
    assert sum(spreads[table.ADDED_SECONDS][("files",)].counts) == 1


def test_a_stream_is_no_slow_answer() -> None:
    """How long it went on stands apart; that its head came soon or late still counts."""
    spreads = counted(opened(), closed(seconds=3000.0, streamed=True)).counts.spreads
    assert spreads[table.STREAM_SECONDS][("files",)].total == 3000
    assert table.UPSTREAM_SECONDS in spreads
    assert table.REQUEST_SECONDS not in spreads and table.ADDED_SECONDS not in spreads


def test_what_was_refused_is_no_quick_answer() -> None:
    """Nothing was waited for."""
    end = closed(outcome="refused", reason="policy.unlisted", waited=None)
    found = counted(opened(verdict="block"), end).counts
    assert seen(found, table.REFUSALS) == {("files", "policy.unlisted"): 1}
    assert found.spreads == {}


@pytest.mark.parametrize(
    ("begin", "method", "verdict"),
    [
        ({"method": "tools/../secret"}, "other", "allow"),
        ({"method": None, "http": "GET", "verdict": None}, "GET", "none"),
        ({"method": None, "http": "BREW", "verdict": None}, "other", "none"),
        ({"own": "metadata", "method": None, "verdict": None}, "own", "none"),
        ({"method": None, "verdict": None, "calls": [{"verdict": "allow"}]}, "batch", "allow"),
        (
            {"method": None, "verdict": None, "calls": [{"verdict": "allow"}, {"verdict": "block"}]},
            "batch",
            "mixed",
        ),
    ],
)
def test_a_method_is_one_that_is_known(begin: dict[str, Any], method: str, verdict: str) -> None:
    """A caller invents none."""
    found = counted(opened(**begin), closed()).counts
    assert found.of(table.EXCHANGES, method=method, verdict=verdict) == 1


def test_an_exchange_from_before_is_counted_as_one() -> None:
    """Its open line was written before anybody counted."""
    found = counted(closed()).counts
    assert seen(found, table.EXCHANGES) == {("other", "other", "other", "completed"): 1}


def test_what_is_never_over_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest first: a worker that was killed closes nothing."""
    monkeypatch.setattr(counting, "OPEN_MOST", 2)
    found = counted(opened("a"), opened("b"), opened("c"), closed("a"), closed("c")).counts
    assert found.of(table.EXCHANGES, route="other") == 1
    assert found.of(table.EXCHANGES, route="files") == 1


def test_masks_budgets_and_shadows_are_counted_by_their_names() -> None:
    """Masks of both lines of an exchange."""
    begin = opened(masked={"email": 2, "custom": 1}, shadow={"shy": "block", "gone": "allow"})
    found = counted(begin, closed(masked={"email": 3}, over=["calls"])).counts
    assert seen(found, table.MASKED) == {("email",): 5, ("other",): 1}
    assert seen(found, table.OVER) == {("calls",): 1}
    assert seen(found, table.SHADOW) == {("shy", "block"): 1, ("other", "allow"): 1}


@pytest.mark.parametrize(
    ("record", "metric", "labels"),
    [
        ({"type": "echo", "upstream": "files", "what": "masked"}, table.ECHOES, ("files", "masked")),
        (
            {"type": "definition", "upstream": "files", "tool": "x", "what": "changed"},
            table.DEFINITIONS,
            ("files", "changed"),
        ),
        ({"type": "decision", "decided": "denied"}, table.DECISIONS, ("denied",)),
        ({"type": "dropped", "reason": "upstream.unasked"}, table.DROPPED, ("upstream.unasked",)),
        ({"type": "issuer", "issuer": "login", "what": "lapsed"}, table.ISSUERS, ("login", "lapsed")),
        ({"type": "generation", "number": 3}, table.GENERATIONS, ()),
        ({"type": "reload"}, table.RELOADS_FAILED, ()),
        ({"type": "repair", "what": "torn", "dropped": 9}, table.REPAIRS, ("torn",)),
        ({"type": "clock", "stepped": 3600.0}, table.CLOCK_STEPS, ()),
        ({"type": "gap", "exchanges": 1, "lines": 3}, table.OFF_RECORD, ()),
    ],
)
def test_other_lines_are_counted_by_what_they_say(
    record: dict[str, Any], metric: table.Metric, labels: tuple[str, ...]
) -> None:
    """And every line as one of its type."""
    found = counted(record).counts
    assert found.counters[metric][labels] == 1
    assert seen(found, table.LINES) == {(record["type"],): 1}


def test_a_line_that_is_not_as_it_should_be_stops_nothing() -> None:
    """It is counted as one that could not be read."""
    found = counted({"type": "close"}, {"type": "handshake", "leg": 5}, {}, opened(), closed()).counts
    assert seen(found, table.UNREADABLE) == {(): 2}
    assert found.of(table.EXCHANGES, outcome="completed") == 1


def test_a_generation_is_one_for_all_workers() -> None:
    """Each of them tells of it."""
    lines = [{"type": "generation", "number": number} for number in (1, 1, 2, 2, 2, 3)]
    assert seen(counted(*lines).counts, table.GENERATIONS) == {(): 3}


def test_a_credential_in_clear_text_is_counted() -> None:
    """And a mere mistake is not."""
    extra = [{"credential_exposed": True}, {"credential_exposed": False}, None]
    found = counted(*(refused("tls.plaintext", extra=each) for each in extra)).counts
    assert seen(found, table.EXPOSED) == {("public",): 1}


def test_what_should_never_happen_begins_at_nought() -> None:
    """The first time that it does is an increase then."""
    found = counted().counts.counters
    assert found[table.RELOADS_FAILED] == {(): 0}
    assert found[table.REFUSED_HANDSHAKES] == {
        ("outbound", "files", "tls.pin"): 0,
        ("provider", "login", "tls.pin"): 0,
    }
    assert found[table.EXPOSED] == {("public",): 0}
    assert found[table.ECHOES][("files", "withheld")] == 0
    assert found[table.ISSUERS][("login", "lapsed")] == 0


scalars = st.none() | st.booleans() | st.integers() | st.text()
anything = scalars | st.lists(st.text()) | st.dictionaries(st.text(), st.text())
KEYS = ("leg", "where", "reason", "method", "http", "route", "verdict", "outcome", "handshake")


@given(
    st.sampled_from([handshake(), refused(), opened(), closed()]),
    st.dictionaries(st.sampled_from(KEYS), anything),
)
def test_no_record_makes_a_series_of_its_own(record: dict[str, Any], changes: dict[str, Any]) -> None:
    """Whatever a record holds, labels are ours, and nothing is raised."""
    found = counted(record | changes).counts
    ours = {"none", "other", "mixed", "own", "batch", "ok", "refused", "completed", "in", "out", "allow"}
    ours |= {"TLSv1.3", "X25519MLKEM768", "TLS_AES_256_GCM_SHA384", *counting.MCP_METHODS}
    ours |= counting.LEGS | counting.VERDICTS | counting.OUTCOMES | counting.REASONS | counting.HTTP_METHODS
    ours |= {"files", "public", "login", *(metric.name for metric in table.METRICS)}
    ours |= counting.VERSION_NAMES | counting.GROUP_NAMES | counting.SUITE_NAMES
    ours |= {"handshake", "open", "close", *(word for words in counting.WORDS.values() for word in words)}
    for series in (*found.counters.values(), *found.spreads.values()):
        assert {value for labels in series for value in labels} <= ours
