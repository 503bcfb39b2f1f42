"""What the index takes of a line, whatever stands in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.evidence.record import VERSION, timestamp
from mcpgate.index.lines import (
    FOUND_BY_MOST,
    Closed,
    Handshake,
    Opened,
    Other,
    found_by,
    micros,
    read_line,
    when,
)
from tests.evidence.made import BEGIN, said

NOW = timestamp(BEGIN)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = (
    "v type id time inbound outbound principal how route session method name masked calls outcome status "
    "reason bytes_in seconds leg where handshake offer peer own certificates exchange what count"
).split()


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """Records that are nearly ones."""
    kinds = st.sampled_from(["open", "close", "handshake", "generation", "gap", "payload", "unknown"])
    record: dict[str, Any] = {"v": draw(st.sampled_from([1, VERSION])), "type": draw(kinds)}
    record |= {"id": "x-1", "time": NOW, "outcome": "ok", "leg": "inbound", "where": "public"}
    record |= draw(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4))
    return json.dumps(record).encode() + b"\n"


@given(st.one_of(st.binary(), records(), JSON.map(lambda value: json.dumps(value).encode())))
def test_any_line_is_read_or_refused(line: bytes) -> None:
    """In no other way, and what is read fits a database."""
    try:
        found = read_line(line)
    except ValueError:
        return
    assert isinstance(found, Opened | Closed | Handshake | Other)
    assert 0 < len(found.id) <= 100 and "\x00" not in found.id
    if isinstance(found, Closed):
        assert abs(found.bytes_in) < 2**63


def test_a_nul_is_replaced() -> None:
    """No database has it in a text; an escaped backslash before u0000 is none."""
    line = said("open", "x-1", NOW, name="a\x00b", principal="c\\u0000")
    found = read_line(line)
    assert isinstance(found, Opened)
    assert (found.name, found.principal) == ("a\ufffdb", "c\\u0000")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]\n",
        b'{"v":99,"type":"open","id":"x-1","time":"2026-11-26T00:00:00Z"}\n',
        b'{"v":2,"type":"open","time":"2026-11-26T00:00:00Z"}\n',
        said("open", "", NOW),
        said("open", "x" * 101, NOW),
        said("close", "x-1", NOW),
        said("close", "x-1", NOW, outcome="ok", bytes_in=2**63),
        said("close", "x-1", NOW, outcome="ok", bytes_in="1"),
        said("handshake", "h-1", NOW, leg="inbound", outcome="ok", where="a", handshake={"version": 1}),
        b'{"v":2,"type":"open","id":"x-1","time":"\\ud800"}\n',
        b"[" * 100_000,
    ],
)
def test_what_does_not_fit_is_refused(line: bytes) -> None:
    """Rather than put in as something else."""
    with pytest.raises((ValueError, RecursionError)):
        read_line(line)


def test_what_a_body_was_is_not_read() -> None:
    """Of a recorded body only that there is one; of a kind of line that nobody here knows, nothing."""
    found = read_line(said("payload", "p-1", NOW, exchange="x-1", part="answer", sealed="c2VjcmV0"))
    assert isinstance(found, Other)
    assert (found.exchange, found.facts) == ("x-1", {"part": "answer"})
    found = read_line(said("novelty", "n-1", NOW, secret="c2VjcmV0"))
    assert isinstance(found, Other) and found.facts == {}


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_come_back(time: datetime) -> None:
    """To the microsecond."""
    assert when(micros(time.isoformat())) == time
    assert micros(timestamp(BEGIN)) == BEGIN * 1_000_000


@pytest.mark.parametrize("text", ["", "now", "2026-11-26", "2026-11-26T00:00:00", "9999-99-99T00:00:00Z"])
def test_what_is_no_time_is_refused(text: str) -> None:
    """Also one without a zone."""
    with pytest.raises(ValueError):
        micros(text)


@given(st.text(max_size=2000))
def test_texts_by_which_rows_are_found_fit_an_index(text: str) -> None:
    """PostgreSQL's takes 2,704 bytes, of which other columns need some."""
    found = found_by(text)
    assert found is not None and text.startswith(found) and len(found) <= FOUND_BY_MOST
    assert len(found.encode("utf-8", "surrogatepass")) <= 2000
