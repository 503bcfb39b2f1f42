"""Whatever else happens is a line of its own, that of the exchange it happened to among its keys."""

from __future__ import annotations

import pytest

from mcpgate.evidence.events import (
    answered_line,
    decision_line,
    definition_line,
    dropped_line,
    issuer_line,
)
from mcpgate.evidence.record import TEXT_LENGTH, VERSION, parse_line
from mcpgate.holds.held import Decision, Word
from mcpgate.reasons import Reason, Refusal
from tests.evidence.lines import TIME, one_line


def test_what_was_kept_from_a_caller_is_a_line_of_its_own() -> None:
    line = dropped_line(
        "d-1", time=TIME, exchange="x-1", refusal=Refusal(Reason.UPSTREAM_UNASKED, "an answer to nothing")
    )
    assert list(one_line(line).items()) == [
        ("v", VERSION),
        ("type", "dropped"),
        ("id", "d-1"),
        ("time", "2027-01-15T08:00:00.500000Z"),
        ("exchange", "x-1"),
        ("reason", "upstream.unasked"),
        ("detail", "an answer to nothing"),
    ]


@pytest.mark.parametrize("request_id", ["x-1", None])
def test_an_answer_by_another_exchange_than_its_requests_is_a_line_of_its_own(request_id: str | None) -> None:
    """With the request's exchange, if this worker has seen it."""
    assert list(one_line(answered_line("a-1", time=TIME, exchange="x-2", request=request_id)).items()) == [
        ("v", VERSION),
        ("type", "answered"),
        ("id", "a-1"),
        ("time", "2027-01-15T08:00:00.500000Z"),
        ("exchange", "x-2"),
        ("request", request_id),
    ]


def test_what_is_new_of_a_tool_is_a_line_of_its_own() -> None:
    """A name that an upstream chose is bounded and escaped like any other."""
    line = definition_line(
        "n-1",
        time=TIME,
        exchange="x-1",
        upstream="up",
        tool="t\u2028" * TEXT_LENGTH,
        what="changed",
        old="sha256:aa",
        new="sha256:bb",
        key="sha256/k",
        renewed=True,
        detail=None,
        by=None,
    )
    assert line.isascii() and line.count(b"\n") == 1
    found = one_line(line)
    assert str(found.pop("tool")).endswith(f"({2 * TEXT_LENGTH} characters)")
    assert list(found.items()) == [
        ("v", VERSION),
        ("type", "definition"),
        ("id", "n-1"),
        ("time", "2027-01-15T08:00:00.500000Z"),
        ("exchange", "x-1"),
        ("upstream", "up"),
        ("what", "changed"),
        ("old", "sha256:aa"),
        ("new", "sha256:bb"),
        ("key", "sha256/k"),
        ("renewed", True),
        ("detail", None),
        ("by", None),
    ]


def test_a_decision_is_a_line_of_its_own() -> None:
    """Which hold, by which exchange, whose word; the reason that was given is cut where it is too long."""
    decision = Decision(Word.DENIED, "alice (uid 1000)", "x" * 2000)
    line = decision_line("c-1", time=TIME, hold="w-1", exchange="x-1", decision=decision)
    record = parse_line(line)
    assert {name: record[name] for name in ("type", "id", "hold", "exchange", "decided", "by")} == {
        "type": "decision",
        "id": "c-1",
        "hold": "w-1",
        "exchange": "x-1",
        "decided": "denied",
        "by": "alice (uid 1000)",
    }
    assert record["why"] == "x" * TEXT_LENGTH + "... (2000 characters)"
    unsaid = Decision(Word.WITHDRAWN, "the caller")
    line = decision_line("c-1", time=TIME, hold="w-1", exchange="x-1", decision=unsaid)
    assert parse_line(line)["why"] is None


def test_what_became_of_an_issuers_keys_is_a_line_of_its_own() -> None:
    """Ids of keys are the issuer's to choose, so they are bounded and escaped."""
    line = issuer_line(
        "i-1", time=TIME, issuer="okta", what="keys", added=("k2", "\x1b" + "k" * 2000), removed=("k1",)
    )
    assert line.isascii() and b"\x1b" not in line
    record = one_line(line)
    assert list(record) == ["v", "type", "id", "time", "issuer", "what", "added", "removed", "detail"]
    assert (record["type"], record["issuer"], record["what"]) == ("issuer", "okta", "keys")
    assert record["removed"] == ["k1"] and record["detail"] is None
    added = record["added"]
    assert isinstance(added, list) and added[0] == "k2" and len(added[1]) < 1100
    told = one_line(issuer_line("i-2", time=TIME, issuer="okta", what="lapsed", detail="it answered 503"))
    assert (told["added"], told["removed"], told["detail"]) == ([], [], "it answered 503")
