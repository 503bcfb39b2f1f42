"""Certificates by days left, on disk beside on the wire."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from mcpgate.index.answers import Certificate
from tests.admin.pages.staged import NOW, MadeIndex, asked, show, sources, text_of


class Some(MadeIndex):
    """An index with these certificates."""

    def __init__(self, *certificates: Certificate) -> None:
        super().__init__()
        self._some = certificates

    def certificates(self, *, gate: str | None = None) -> tuple[Certificate, ...]:
        return self._some


MADE = MadeIndex()


def rows(*certificates: Certificate, query: str = "") -> Any:
    return show("/certificates", asked(f"/certificates{query}"), sources(Some(*certificates))).values[
        "certificates"
    ]


def test_one_certificate_is_one_row_wherever_it_was() -> None:
    """On disk and on the wire: that they are the same is what somebody wants to see."""
    (row,) = rows(MADE.certificate("wire"), MADE.certificate("disk"))
    assert (row["disk"]["word"], row["wire"]["word"], row["last"]) == ("in force", "5 handshakes", NOW)
    assert row["uses"] == [{"role": "own", "place": "public"}]


def test_what_is_shown_is_not_always_what_is_on_disk() -> None:
    """A certificate that was renewed is not in force any more; a new one was not seen yet."""
    old = evolve(MADE.certificate("disk"), sha256="01", in_force=False)
    new = evolve(MADE.certificate("disk", days=90), sha256="02")
    told = [(row["disk"]["word"], row["wire"]["word"]) for row in rows(new, old)]
    assert told == [("not any more", "not seen"), ("in force", "not seen")]


def test_an_upstreams_certificate_is_pinned_or_not() -> None:
    """Where there are pins; it is never on disk."""
    upstream = evolve(MADE.certificate("wire"), role="peer", place="weather")
    words = [rows(evolve(upstream, pinned=pinned))[0]["disk"]["word"] for pinned in (None, True, False)]
    assert words == ["not kept here", "pinned", "not pinned"]


def test_what_a_certificate_is_for_is_told_once() -> None:
    """With all places; whoever is asked for keys is no upstream."""
    authority = evolve(MADE.certificate("disk"), role="trust", place="weather")
    (row,) = rows(authority, evolve(authority, place="files"), evolve(authority, place="weather"))
    assert row["uses"] == [{"role": "trusted for upstreams", "place": "weather, files"}]
    (row,) = rows(evolve(MADE.certificate(), role="peer", leg="provider", place="ci"))
    assert row["uses"] == [{"role": "provider", "place": "ci"}]


def test_the_next_to_expire_is_first_and_what_has_is_over() -> None:
    """By whole days."""
    late = evolve(MADE.certificate(days=-0.5), sha256="03")
    assert [row["days"] for row in rows(MADE.certificate(days=30.2), late)] == [-1, 30]
    text = text_of(show("/certificates", asked("/certificates"), sources(Some(late))))
    assert " over " in text


def test_those_of_one_kind_can_be_looked_at_alone() -> None:
    """An unknown kind is all of them."""
    peer = evolve(MADE.certificate(), role="peer", sha256="04")
    assert len(rows(MADE.certificate(), peer)) == len(rows(MADE.certificate(), peer, query="?kind=x")) == 2
    assert [row["sha256"] for row in rows(MADE.certificate(), peer, query="?kind=upstreams")] == ["04"]


def test_keys_of_issuers_are_there_with_their_troubles() -> None:
    """They have no end of their own, but count only for a while once they cannot be fetched."""
    text = text_of(show("/certificates", asked("/certificates"), sources(MadeIndex(), text="kid-1")))
    assert "kid-1" in text and "Keys of issuers" in text
