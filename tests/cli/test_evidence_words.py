"""Records in words: whatever they hold, each is one line that cannot steer a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpgate.cli.evidence_words import Body, row, sentence, told
from mcpgate.cli.text import table
from mcpgate.evidence.finding import Found, Story
from mcpgate.evidence.handshakes import handshake_line
from mcpgate.evidence.reading import lines, segments
from mcpgate.evidence.record import parse_line
from mcpgate.reasons import Reason, Refusal
from tests.evidence.lines import OFFER, TIME, closed, opened, shake
from tests.evidence.made import make_journal

STORY = Story(
    parse_line(opened()),
    parse_line(closed()),
    parse_line(shake(leg="inbound")),
    parse_line(shake()),
    (parse_line(opened()),),
)


def plain(text: str) -> bool:
    """Whether it is lines of printable characters alone."""
    return all(line.isprintable() for line in text.split("\n"))


def test_every_kind_of_record_has_its_sentence(tmp_path: Path) -> None:
    make_journal(tmp_path, exchanges=2000)
    kinds = {}
    for segment in segments(tmp_path):
        for line in lines(segment):
            record = parse_line(line)
            said = sentence(record)
            assert said.isprintable() and "None" not in said and "False" not in said, said
            kinds[record["type"]] = said
    assert set(kinds) >= {"handshake", "open", "close", "generation", "issuer"}


def test_an_exchange_is_told_from_what_was_asked_to_both_handshakes() -> None:
    text = told(STORY, {"request": Body(b'{"a": 1}\n\x1b[2J', 3), "answer": Body(None, 0, "it is sealed")})
    assert text.startswith(
        "ci asked for tools/call get_weather on github. Verdict: allow by the rule reads. "
        "It ended completed 200.\n"
    )
    for words in (
        "inbound leg",
        "outbound leg",
        "X25519MLKEM768 (post-quantum)",
        "TLS_AES_256_GCM_SHA384 (256 bits)",
        "pin                 matched",
        "2026-01-01T00:00:00.000000Z to 2027-01-01T00:00:00.000000Z",
        "request body: 13 bytes, and 3 bytes that were not recorded",
        "\\x1b[2J",
        "answer body: it is sealed",
    ):
        assert words in text, words
    assert plain(text)


def test_what_is_missing_is_said() -> None:
    assert "It has not ended" in told(Story(parse_line(opened()), None, None, None), {})
    assert "is not in this journal" in told(Story(None, parse_line(closed()), None, None), {})
    alone = parse_line(closed(outbound=None))
    assert "nothing was forwarded" in told(Story(parse_line(opened(outbound=None)), alone, None, None), {})


def test_a_refused_handshake_is_told_with_what_was_offered() -> None:
    line = handshake_line(
        "h-9",
        time=TIME,
        leg="inbound",
        outcome="refused",
        where="public",
        peer="192.0.2.1:1",
        local="192.0.2.2:2",
        offer=OFFER,
        refusal=Refusal(Reason.TLS_PLAINTEXT, "HTTP in clear text"),
        extra={"credential_exposed": True},
    )
    record = parse_line(line)
    text = told(Story(None, None, None, None, (record,)), {})
    assert "tls.plaintext" in text and "P-521" in text
    assert sentence(record).endswith("(with a credential: revoke it)")
    assert row(Found(record))[1] == "h-9"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
RECORDS = [json.loads(line) for line in (opened(), closed(), shake(), shake(handshake=None, offer=OFFER))]


@pytest.mark.parametrize("record", RECORDS, ids=lambda one: one["type"])
@settings(max_examples=30)
@given(st.data())
def test_a_record_of_any_shape_is_printable(record: dict[str, Any], data: st.DataObject) -> None:
    """A journal may have been changed by anybody, who wants to be shown to somebody."""
    keys = st.sampled_from([*record, "calls", "masked", "shadow", "hold", "extra", "own"])
    changed = {**record, **data.draw(st.dictionaries(keys, ANYTHING, max_size=4))}
    if record["type"] == "handshake" and isinstance(changed.get("handshake"), dict):
        inner = st.dictionaries(st.sampled_from(sorted(record["handshake"] or ["x"])), ANYTHING, max_size=3)
        changed["handshake"] = {**changed["handshake"], **data.draw(inner)}
    assert sentence(changed).isprintable()
    assert plain(table([row(Found(changed, changed))]))
    first, last = (changed, None) if record["type"] == "open" else (None, changed)
    assert plain(told(Story(first, last, changed, changed, (changed,)), {}))
    assert plain(told(Story(None, None, None, None, (changed,)), {}))
