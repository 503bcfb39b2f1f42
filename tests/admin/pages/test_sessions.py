"""Sessions, and what was asked in one of them."""

from __future__ import annotations

import pytest

from mcpgate.admin.page import NotFound
from mcpgate.index.answers import Filter
from tests.admin.pages.staged import MadeIndex, asked, drawn, show, sources, text_of


def test_sessions_are_found_by_principal_and_route() -> None:
    """And the next rows by where these end."""
    index = MadeIndex(rows=2)
    page = drawn(show("/sessions", asked("/sessions?principal=ci&after=here"), sources(index)))
    assert index.asked == [("sessions", (Filter(principal="ci"), "here"))]
    assert 'href="/sessions?principal=ci&amp;after=further"' in page
    assert 'href="/sessions?principal=ci"' in page


def test_a_session_begins_with_its_handshakes() -> None:
    """Before anything was asked, it was encrypted; then each call has verdict, rule, sizes and time."""
    text = text_of(show("/sessions/<id>", asked("/sessions/s-1", {"id": "s-1"}), sources(MadeIndex())))
    parts = ("Inbound leg: public", "Outbound leg: public", "Calls", "tools/call get_weather")
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    for words in (
        "X25519MLKEM768",
        "never-delete",
        "policy.blocked",
        "412 B in, 17.8 KiB out",
        "12 ms",
        "email ×3",
    ):
        assert words in text


def test_a_session_that_is_not_there_is_said_not_to_be() -> None:
    """It may be older than the index keeps."""
    with pytest.raises(NotFound):
        show("/sessions/<id>", asked("/sessions/s-9", {"id": "s-9"}), sources(MadeIndex()))
