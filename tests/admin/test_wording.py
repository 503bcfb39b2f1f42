"""How values are written on a page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from mcpgate.admin import wording


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0 %"),
        (1, "100 %"),
        (0.423, "42.3 %"),
        (0.0000001, "0.1 %"),
        (0.9999999, "99.9 %"),
    ],
)
def test_a_share_is_never_said_to_be_all_or_nothing_unless_it_is(value: float | None, text: str) -> None:
    """One caller in a million without TLS 1.3 is not 100 % of them with it."""
    assert wording.share(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1024 * 1024 - 1, "1.0 MiB"),
        (5 * 1024**3, "5.0 GiB"),
        (5 * 1024**5, "5120.0 TiB"),
    ],
)
def test_sizes(value: int | None, text: str) -> None:
    """With one digit behind the point, and a unit that leaves few before it."""
    assert wording.size(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0004, "0.4 ms"),
        (0.0123, "12 ms"),
        (3.44, "3.4 s"),
        (320, "5 min 20 s"),
        (7200, "2 h"),
        (11100, "3 h 5 min"),
        (86400 * 12 + 3600, "12 d"),
        (86400 + 3600, "1 d 1 h"),
    ],
)
def test_seconds(value: float | None, text: str) -> None:
    """With the digits that tell something."""
    assert wording.seconds(value) == text


def test_numbers_have_their_thousands_apart() -> None:
    """And what is a text already stays one."""
    assert wording.number(1234567) == "1,234,567"
    assert wording.number("many") == "many"
    assert wording.number(None) == "–"
    assert (wording.of(1, "group"), wording.of(2000, "group")) == ("1 group", "2,000 groups")
    assert wording.milliseconds(4.2) == "4.2 ms"


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-26T09:30:12.345678Z",
        1795685412.4,
        datetime(2026, 11, 26, 9, 30, 12, tzinfo=UTC),
        datetime(2026, 11, 26, 10, 30, 12, tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_times_are_utc_however_they_come(value: str | float | datetime) -> None:
    """Of records, of files and of the index; whatever zone a value is in."""
    assert wording.moment(value) == "2026-11-26 09:30:12"
    assert wording.clock(value) == "09:30:12"
    assert wording.iso(value) == "2026-11-26T09:30:12Z"
    assert wording.moment(None) == wording.clock(None) == "–"


def test_what_shows_nothing_is_written_out() -> None:
    """A name cannot turn a page around, or hide in it; line breaks are no disguise."""
    assert wording.shown("a\u202eb\u200bc\x1b\n{}") == "a\\u{202e}b\\u{200b}c\\u{1b}\n{}"
    assert wording.shown(7) == 7
    ours = Markup("<b>\u202e</b>")
    assert wording.shown(ours) is ours


@given(st.text())
def test_a_field_is_sent_back_as_it_came(text: str) -> None:
    """What a form returns to us is not what is shown, but what it is."""
    assert Markup(wording.exact(text)).unescape() == Markup(wording.exact(text)).unescape()
    assert wording.exact(text).unescape() == text


@given(st.text())
def test_nothing_steers_a_page(text: str) -> None:
    """Whatever somebody makes up: no control but the line feed is left."""
    left = wording.shown(text)
    assert all(character == "\n" or character.isprintable() or character.isspace() for character in left)
