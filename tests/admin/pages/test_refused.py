"""Handshakes that were refused."""

from __future__ import annotations

from mcpgate.index.answers import Filter
from tests.admin.pages.staged import MadeIndex, asked, show, sources, text_of


def test_a_refused_handshake_says_what_the_client_offered() -> None:
    """And whether a credential was in the clear, and how many more there were that nobody has recorded."""
    index = MadeIndex("old.example.com")
    text = text_of(show("/refused", asked("/refused?leg=inbound&reason=tls.version"), sources(index)))
    assert index.asked == [("refused", (Filter(leg="inbound", reason="tls.version"), None))]
    for words in ("TLSv1.2, 1 group, 2 suites", "x25519", "c1, c2", "old.example.com", "and 9 more"):
        assert words in text
    assert "A credential was sent in clear." in text
