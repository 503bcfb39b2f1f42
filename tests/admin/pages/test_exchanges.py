"""Exchanges, and one of them with both of its handshakes."""

from __future__ import annotations

import pytest

from mcpgate.admin.page import NotFound
from mcpgate.admin.pages.exchanges import said
from mcpgate.index.answers import Filter
from tests.admin.pages.staged import MadeIndex, asked, show, sources, text_of


def test_exchanges_are_found_by_what_their_records_say() -> None:
    """Every filter that the page offers reaches the index, and no other."""
    index = MadeIndex()
    query = "?principal=a&route=b&method=c&name=d&verdict=allow&reason=e&gate=f&outcome=g"
    show("/exchanges", asked(f"/exchanges{query}"), sources(index))
    wanted = Filter(principal="a", route="b", method="c", name="d", verdict="allow", reason="e", gate="f")
    assert index.asked == [("exchanges", (wanted, None))]


def test_one_exchange_has_both_legs_and_all_else_that_is_on_record() -> None:
    """What it was, who asked, what became of it and why, and what happened on the way."""
    text = text_of(show("/exchanges/<id>", asked("/exchanges/x-1", {"id": "x-1"}), sources(MadeIndex())))
    for words in (
        "Inbound leg: public",
        "Outbound leg: public",
        "block by rule never-delete",
        "A rule with verdict",
        "12 ms, 10 ms of it until the upstream's first byte",
        "email ×3",
        'In the shadow {"new": "block"}',
        "Trace get_weather",
        "echo",
    ):
        assert words in " ".join(text.replace("Trace", "Trace ").replace("shadow", "shadow ").split()), words


def test_an_exchange_that_is_not_there_is_said_not_to_be() -> None:
    """It may be older than the index keeps."""
    with pytest.raises(NotFound):
        show("/exchanges/<id>", asked("/exchanges/x", {"id": "x"}), sources(MadeIndex()))


def test_what_a_line_does_not_say_is_left_out() -> None:
    """Values that are no texts are written as JSON."""
    assert (
        said({"detail": "x", "by": None, "added": [], "n": 0, "m": {"a": 1}})
        == 'detail: x; n: 0; m: {"a": 1}'
    )
