"""Search."""

from __future__ import annotations

from tests.admin.pages.staged import MadeIndex, asked, drawn, parsed, show, sources, text_of


def test_everything_that_is_found_leads_to_where_it_is_shown() -> None:
    """A session, an exchange, and an event of an exchange; a handshake alone has no page of its own."""
    index = MadeIndex()
    document = parsed(drawn(show("/search", asked("/search?q=get"), sources(index))))
    assert [link.get("href") for link in document.xpath("//main//table//a")] == [
        "/sessions/s-1",
        "/exchanges/x-1",
        "/exchanges/x-1",
    ]
    assert "inbound with public, 192.0.2.7:51234: ok" in document.text_content()
    assert index.asked == [("search", "get")]


def test_nothing_is_looked_for_that_nobody_has_asked() -> None:
    """The page with an empty field."""
    index = MadeIndex()
    assert "Found" not in text_of(show("/search", asked("/search?q=++"), sources(index)))
    assert index.asked == []


def test_what_is_not_found_may_still_be_in_the_journal() -> None:
    """And it is said where."""
    text = text_of(show("/search", asked("/search?q=x"), sources(MadeIndex(rows=0))))
    assert "Nothing was found" in text and "mcpgate evidence show" in text
