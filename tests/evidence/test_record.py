"""Lines of evidence: complete, one each, and printable whatever peers send."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.evidence.bookkeeping import (
    clock_line,
    expired_line,
    gap_line,
    handshakes_line,
    repair_line,
    segment_line,
)
from mcpgate.evidence.events import (
    answered_line,
    decision_line,
    definition_line,
    dropped_line,
    issuer_line,
)
from mcpgate.evidence.exchanges import (
    Outcome,
    batch_facts,
    call_facts,
    caller_facts,
    close_line,
    hold_facts,
    open_line,
)
from mcpgate.evidence.handshakes import handshake_line
from mcpgate.evidence.record import TEXT_LENGTH, VERSION, parse_line, timestamp
from mcpgate.holds.held import Decision, Word
from mcpgate.identity.principal import Principal
from mcpgate.policy.rules import Action, Verdict
from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.handshake import Certificate, Handshake, Offer

TIME = timestamp(1_800_000_000.5)
CERTIFICATE = Certificate(
    subject="CN=server",
    issuer="CN=ca",
    serial="01ab",
    sha256="cd" * 32,
    spki_pin="sha256/AAAA",
    not_before=datetime(2026, 1, 1, tzinfo=UTC),
    not_after=datetime(2027, 1, 1, tzinfo=UTC),
    key="EC P-256",
    dns_names=("server.example",),
)
HANDSHAKE = Handshake(
    version="TLSv1.3",
    cipher="TLS_AES_256_GCM_SHA384",
    cipher_bits=256,
    group="X25519MLKEM768",
    alpn="http/1.1",
    sni="server.example",
    peer=CERTIFICATE,
    peer_chain_pins=("sha256/AAAA", "sha256/BBBB"),
    own=None,
    exporter_sha256="ef" * 32,
    milliseconds=1.23456,
    pinned=True,
    generation=3,
)
OFFER = Offer("server.example", ("TLSv1.2",), ("X",), ("P-521",), ("h2",))


def shake(**changes: Any) -> bytes:
    facts: dict[str, Any] = {
        "time": TIME,
        "leg": "outbound",
        "outcome": "ok",
        "where": "github",
        "peer": "192.0.2.1:443",
        "local": "192.0.2.2:55555",
        "handshake": HANDSHAKE,
    }
    return handshake_line("h-1", **(facts | changes))


def opened(**changes: Any) -> bytes:
    facts: dict[str, Any] = {
        "time": TIME,
        "inbound": "h-1",
        "outbound": "h-2",
        "principal": Principal("ci", "token", "0123456789ab", None),
        "listener": "public",
        "route": "github",
        "upstream": "github",
        "http": "POST",
        "revision": "2025-11-25",
        "session": "0a1b2c3d",
        "method": "tools/call",
        "name": "get_weather",
        "verdict": Verdict(Action.ALLOW, "reads", None),
    }
    facts |= changes
    call = call_facts(*[facts.pop(key) for key in ("method", "name", "verdict")])
    keys = ("listener", "route", "upstream", "http", "revision", "session")
    caller = caller_facts(facts.pop("principal"), **{key: facts.pop(key) for key in keys})
    return open_line("x-1", caller=caller, call=call, **facts)


def closed(**changes: Any) -> bytes:
    facts: dict[str, Any] = {
        "time": TIME,
        "inbound": "h-1",
        "outbound": "h-2",
        "outcome": Outcome.COMPLETED,
        "status": 200,
        "refusal": None,
        "bytes_in": 100,
        "bytes_out": 200,
        "seconds": 0.0123456789,
    }
    return close_line("x-1", **(facts | changes))


def test_a_handshake_line_says_everything_that_was_observed() -> None:
    line = shake()
    assert list(parse_line(line))[:5] == ["v", "type", "id", "time", "leg"]
    assert parse_line(line) == {
        "v": VERSION,
        "type": "handshake",
        "id": "h-1",
        "time": "2027-01-15T08:00:00.500000Z",
        "leg": "outbound",
        "outcome": "ok",
        "where": "github",
        "peer": "192.0.2.1:443",
        "local": "192.0.2.2:55555",
        "reason": None,
        "detail": None,
        "handshake": {
            "version": "TLSv1.3",
            "cipher": "TLS_AES_256_GCM_SHA384",
            "cipher_bits": 256,
            "group": "X25519MLKEM768",
            "post_quantum": True,
            "alpn": "http/1.1",
            "sni": "server.example",
            "peer": {
                "subject": "CN=server",
                "issuer": "CN=ca",
                "serial": "01ab",
                "sha256": "cd" * 32,
                "spki_pin": "sha256/AAAA",
                "not_before": "2026-01-01T00:00:00.000000Z",
                "not_after": "2027-01-01T00:00:00.000000Z",
                "key": "EC P-256",
                "dns_names": ["server.example"],
                "uris": [],
                "addresses": [],
            },
            "peer_chain_pins": ["sha256/AAAA", "sha256/BBBB"],
            "pinned": True,
            "own": None,
            "exporter_sha256": "ef" * 32,
            "milliseconds": 1.235,
            "generation": 3,
        },
        "offer": None,
        "extra": None,
    }


def test_no_observed_fact_is_left_out() -> None:
    """A field added to the observation must be added to the record, or it is no evidence."""
    seen = parse_line(shake())["handshake"]
    assert isinstance(seen, dict)
    assert set(seen) == {field.name for field in Handshake.__attrs_attrs__} | {"post_quantum"}
    assert set(seen["peer"]) == {field.name for field in Certificate.__attrs_attrs__}
    offer = parse_line(shake(offer=OFFER))["offer"]
    assert isinstance(offer, dict)
    assert set(offer) == {field.name for field in Offer.__attrs_attrs__}


def test_a_refused_handshake_says_why_and_what_was_offered() -> None:
    record = parse_line(
        shake(
            leg="inbound",
            outcome="refused",
            handshake=None,
            offer=OFFER,
            refusal=Refusal(Reason.TLS_VERSION, "TLSv1.2 is below TLSv1.3"),
            extra={"times": 3},
        )
    )
    assert (record["reason"], record["detail"]) == ("tls.version", "TLSv1.2 is below TLSv1.3")
    assert record["offer"] == {
        "sni": "server.example",
        "versions": ["TLSv1.2"],
        "ciphers": ["X"],
        "groups": ["P-521"],
        "alpn": ["h2"],
    }
    assert record["handshake"] is None
    assert record["extra"] == {"times": 3}


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
    ]


def test_a_close_line_names_the_budgets_that_only_record() -> None:
    """Where there are some, and nothing changes where there are none."""
    assert parse_line(closed(over=["searches", "all"]))["over"] == ["searches", "all"]
    assert closed(over=[]) == closed()


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_written_as_its_word(outcome: Outcome) -> None:
    assert parse_line(closed(outcome=outcome))["outcome"] == outcome.value


def one_line(line: bytes) -> dict[str, Any]:
    """Assert that the bytes are one line to every kind of reader; return what a strict one reads."""
    assert line.endswith(b"}\n")
    text = line[:-1].decode("ascii")
    assert text.isprintable() and text.splitlines() == [text]
    record: dict[str, Any] = json.loads(text)
    assert parse_line(line) == record
    return record


#: Everything that a C{str} can hold, and often what breaks lines, terminals or encoders.
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30) | st.text(
    "\ud800\udc00\x7f\x85\u2028\x9b\x1b\n"
)


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_any_text_makes_exactly_one_line_of_printable_json(first: str, second: str, third: str) -> None:
    record = one_line(opened(method=first, name=second))
    assert record["method"] == mended(first) and record["name"] == mended(second)
    record = one_line(closed(refusal=Refusal(Reason.FRAME_JSON, third)))
    assert record["detail"] == mended(third)
    one_line(
        shake(
            where=first,
            handshake=evolve(
                HANDSHAKE, sni=second, peer=evolve(CERTIFICATE, subject=third, dns_names=(first,))
            ),
            offer=evolve(OFFER, sni=third, alpn=(second,)),
            extra={first: [second, {third: first}]},
        )
    )


def mended(text: str) -> str:
    """What a reader gets: the text, with a lone surrogate shown as U+FFFD (a pair is its character)."""
    units = text.encode("utf-16-le", "surrogatepass")
    return units.decode("utf-16-le", "replace")


def test_a_long_name_is_cut_and_counted() -> None:
    name = parse_line(opened(name="n" * 5_000_000))["name"]
    assert name == "n" * TEXT_LENGTH + "... (5000000 characters)"


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


def test_an_open_line_says_who_let_a_held_call_pass() -> None:
    """And that nobody has, where that is so."""
    for decision, told in ((None, [None, None]), (Decision(Word.APPROVED, "alice"), ["approved", "alice"])):
        call = f"{call_facts('tools/call', 'rm', None)},{hold_facts('w-1', decision)}"
        line = open_line("x-1", time=TIME, inbound="h-1", outbound=None, caller='"principal":null', call=call)
        record = parse_line(line)
        assert [record["hold"], record["decided"], record["by"]] == ["w-1", *told]


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


def test_a_repair_line_says_how_much_was_lost() -> None:
    line = repair_line("r-1", time=TIME, what="torn", file="journal-0-00000001.jsonl", dropped=7)
    assert parse_line(line) == {
        "v": VERSION,
        "type": "repair",
        "id": "r-1",
        "time": "2027-01-15T08:00:00.500000Z",
        "what": "torn",
        "file": "journal-0-00000001.jsonl",
        "dropped": 7,
    }


def test_what_the_journal_says_of_itself_is_told_in_lines_like_others() -> None:
    """With the text that is not ours bounded and escaped."""
    mine = {"time": TIME}
    lines = [
        segment_line("s-1", gate="g", worker=0, segment=1, openssl="OpenSSL 3", **mine),
        gap_line("g-1", since=TIME, until=TIME, exchanges=1, lines=2, why="\x1b" + "x" * 2000, **mine),
        expired_line("r-1", worker=0, segment=1, lines=9, root="00" * 32, **mine),
        handshakes_line(
            *("h-1",), where="l", reason="tls.hello", count=5, addresses=2, seconds=1.23456, example="a:1",
            **mine,
        ),
        clock_line("k-1", stepped=-3600.00049, **mine),
    ]
    records = [one_line(line) for line in lines]
    kinds = ["segment", "gap", "expired", "handshakes", "clock"]
    assert [record["type"] for record in records] == kinds
    assert all(list(record)[:4] == ["v", "type", "id", "time"] for record in records)
    assert b"\x1b" not in b"".join(lines) and len(str(records[1]["why"])) < 1100
    assert (records[3]["seconds"], records[4]["stepped"]) == (1.235, -3600.0)


@pytest.mark.parametrize("line", [b"", b"{", b"[]\n", b"{}\n", b'{"v":3}\n', b'{"v":"1"}\n', b"\xff"])
def test_what_is_no_record_of_this_version_is_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError):
        parse_line(line)


@given(st.floats(0, 4_000_000_000))
def test_times_are_utc_with_microseconds_and_sort_as_text(time: float) -> None:
    text = timestamp(time)
    assert len(text) == 27
    assert abs(datetime.fromisoformat(text).timestamp() - time) < 1e-6
    assert timestamp(time + 0.001) > text
