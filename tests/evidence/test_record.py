"""Lines of evidence: complete, one each, and printable whatever peers send."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.evidence.record import TEXT_LENGTH, TEXT_SIZE, bounded, parse_line, timestamp
from mcpgate.evidence.uris import shown
from mcpgate.reasons import Reason, Refusal
from tests.evidence.lines import (
    ANY_TEXT,
    CERTIFICATE,
    HANDSHAKE,
    OFFER,
    closed,
    mended,
    one_line,
    opened,
    shake,
)


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_any_text_makes_exactly_one_line_of_printable_json(first: str, second: str, third: str) -> None:
    record = one_line(opened(method=first, name=second))
    assert record["method"] == mended(first) and record["name"] == mended(shown(second))
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


@given(st.text(max_size=3000))
def test_a_text_that_a_peer_chose_is_bounded_as_it_is_written(text: str) -> None:
    """Not only in characters: of some each takes twelve bytes in a line."""
    cut = bounded(text)
    assert cut is not None
    end = cut.rfind("... (")
    assert text == cut or text.startswith(cut[:end])
    assert len(json.dumps(cut)) <= 2 * TEXT_SIZE + 40
    if text.isascii() and text.isprintable() and len(text) <= TEXT_LENGTH:
        assert cut == text
