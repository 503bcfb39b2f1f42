"""The configuration in force."""

from __future__ import annotations

from typing import Any

from mcpgate.admin.page import GateFacts
from mcpgate.index.answers import EVERYTHING, Event, Filter, Page
from tests.admin.pages.staged import MadeIndex, asked, show, sources, text_of


def test_it_is_told_with_pins_and_what_they_came_to() -> None:
    """Listeners, upstreams, the file, the version of OpenSSL; and which pins, as the journal has them."""
    text = text_of(show("/configuration", asked("/configuration"), sources(MadeIndex("own.pem"))))
    for words in ("0.0.0.0:8443", "12 d", "sha256/AAAA", "only reported", "trusts own.pem", "the pinned key"):
        assert words in text
    assert "OpenSSL 3.5.4" in text and "12 of at most 16,384" in text


def test_generations_and_reloads_that_failed_are_one_story() -> None:
    """Told by what tells one from the other: hashes of files and of rules."""
    text = text_of(show("/configuration", asked("/configuration"), sources(MadeIndex())))
    assert (
        "generation 4configuration abababababab, 1 included file, 3 rules (efefefefefef), 1 listener" in text
    )
    assert "not taken" in text


class Older(MadeIndex):
    """An index of a gate whose lines say less."""

    def events(
        self,
        type: str | None = None,
        filter: Filter = EVERYTHING,
        *,
        after: str | None = None,
        rows: int = 50,
    ) -> Page[Event]:
        one: Any = self.event(type or "")
        return Page((Event(*(getattr(one, name) for name in one.__slots__[:10]), facts={"number": 1}),), None)


def test_lines_that_say_less_are_shown_as_far_as_they_go() -> None:
    """A journal is older than the program that reads it."""
    text = text_of(show("/configuration", asked("/configuration"), sources(Older())))
    assert "generation 1" in text


def test_a_gate_that_does_not_answer_has_its_history_left() -> None:
    """It is on record."""
    facts = GateFacts(problem="the gate is gone")
    text = text_of(show("/configuration", asked("/configuration"), sources(MadeIndex(), gate=facts)))
    assert "this is all that its journal says" in text and "generation 4" in text
