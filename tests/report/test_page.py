"""The page: it needs nothing else, and whatever peers chose stands in it as text."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from attrs import evolve

from mcpgate.reasons import Reason
from mcpgate.report.page import TEXT_MOST, page, seen
from mcpgate.report.profiles import PROFILES
from mcpgate.report.verified import Found
from mcpgate.tls.handshake import Offer
from tests.report.written import (
    CERTIFICATE,
    OUTBOUND,
    PRINCIPAL,
    QUIET,
    closed,
    opened,
    reported,
    said,
    shake,
    verified,
)

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}\u202eevil\u0000&amp;"


class Reader(HTMLParser):
    """The elements, their attributes and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.text = ""
        self.captions = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile() -> str:
    """A page about a day on which everybody was called something hostile."""
    principal = evolve(PRINCIPAL, name=HOSTILE)
    cert = evolve(CERTIFICATE, subject=HOSTILE, issuer=HOSTILE, dns_names=(HOSTILE,), sha256="34" * 32)
    lines = (
        *QUIET,
        said("segment", 0, gate=HOSTILE, mcpgate=HOSTILE, openssl=HOSTILE),
        shake("h-2", leg="outbound", where=HOSTILE, handshake=evolve(OUTBOUND, peer=cert, version=HOSTILE)),
        shake("h-3", peer=HOSTILE, refused=Reason.TLS_VERSION, offer=Offer(HOSTILE, (HOSTILE,), (), (), ())),
        opened("x-2", principal=principal, route=HOSTILE, name=HOSTILE, method=HOSTILE),
        closed("x-2", refused=Reason.POLICY_BLOCKED, detail=HOSTILE, masked={HOSTILE: 1}),
        opened("x-3", principal=principal, name=HOSTILE, route=None),
        said("decision", decided=HOSTILE, by=HOSTILE, **{HOSTILE: HOSTILE}),
        said("definition", tool=HOSTILE, what="changed"),
        said("reload", what="configuration", problem=HOSTILE),
        said("gap", why=HOSTILE),
    )
    return page(reported(*lines, found=verified(Found("tampered", HOSTILE, HOSTILE), sound=False)))


def test_hostile_names_stand_there_as_text() -> None:
    """No element, attribute or template comes of them, and what cannot be seen is written as its number."""
    text = hostile()
    read = Reader(text)
    assert "script" not in read.tags and "img" not in read.tags
    assert not [name for _, name, _ in read.attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in read.text
    assert "{{ 7*7 }}" in read.text
    assert "\u202e" not in text and "\0" not in text
    assert "\\u{202e}evil" in read.text


@pytest.mark.parametrize("profile", PROFILES)
def test_a_page_needs_nothing_else(profile: str) -> None:
    """No script, no file, no network: what it names elsewhere are links to follow by hand."""
    read = Reader(page(reported(*QUIET, profile=profile)))
    assert not {"script", "link", "img", "iframe", "object", "embed", "form"} & set(read.tags)
    links = [value for tag, name, value in read.attributes if name in ("src", "href")]
    assert all(value is not None and value.startswith(("#", "https://")) for value in links)
    assert any(
        name == "content" and "default-src 'none'" in (value or "") for _, name, value in read.attributes
    )
    assert "url(" not in page(reported(*QUIET, profile=profile))


def test_a_page_is_accessible() -> None:
    """One heading of the first level and none left out, tables with captions and scopes, a language."""
    read = Reader(page(reported(*QUIET)))
    assert read.tags.count("h1") == 1
    levels = [int(tag[1]) for tag in read.tags if tag in ("h1", "h2", "h3", "h4")]
    assert all(later - before <= 1 for before, later in zip(levels, levels[1:], strict=False))
    assert read.tags.count("table") == read.tags.count("caption") > 5
    heads = read.tags.count("th")
    assert heads == sum(1 for tag, name, _ in read.attributes if (tag, name) == ("th", "scope"))
    assert ("html", "lang", "en") in read.attributes
    targets = {value for _, name, value in read.attributes if name == "id"}
    assert {
        value[1:] for _, name, value in read.attributes if name == "href" and value and value[0] == "#"
    } <= targets


def test_a_page_says_what_was_found() -> None:
    """Answers, places, what was refused, and that it was tampered with."""
    sound = Reader(page(reported(*QUIET))).text
    assert "Verification: sound" in sound and "TAMPERED" not in sound
    assert "gate-1" in sound and "X25519MLKEM768" in sound and "What this evidence shows" in sound
    tampered = Reader(
        page(reported(*QUIET, found=verified(Found("tampered", "0/1:3", "Edited."), sound=False)))
    )
    assert "TAMPERED" in tampered.text and "0/1:3: Edited." in tampered.text
    late = Reader(page(reported(*QUIET, found=verified(late=True)))).text
    assert "Verification: sound as far as it was sealed in time" in late


def test_a_span_without_anything_is_a_page_too() -> None:
    """It says that there was nothing."""
    text = Reader(page(reported())).text
    assert "There was no handshake in this span." in text and "Nothing was refused." in text


def test_long_texts_are_cut() -> None:
    """And it is said how long they were."""
    assert seen("x" * 5000) == "x" * TEXT_MOST + "... (5000 characters)"
    assert seen("a\u200bb\x1b[31m") == "a\\u{200b}b\\u{1b}[31m"
