"""What stands around every page."""

from __future__ import annotations

import pytest
from attrs import evolve

from mcpgate.admin.page import Asked, GateFacts, NotFound, Shown, Sources
from mcpgate.admin.pages.around import frame, page
from mcpgate.index.asking import PlaceError
from mcpgate.index.filling import Freshness
from mcpgate.index.store import StoreError
from tests.admin.pages.staged import NOW, VICTOR, asked, held, sources, status, text_of


def test_what_waits_for_somebody_is_counted_beside_its_page() -> None:
    """Calls that nobody has decided about, and tools that have changed."""
    facts = GateFacts(status(), (held(), held(id="k-2"), held(id="k-3", decided="approved")))
    around = frame("posture", asked("/"), sources(None, gate=facts))
    assert {one.key: one.count for one in around.places if one.count} == {"held": 2, "definitions": 1}
    assert (around.held, around.told) == (2, "2 calls wait")


def test_it_says_who_looks_and_what_they_may_do() -> None:
    """By the same words as a record of what they decide."""
    around = frame("posture", asked("/", person=VICTOR), sources(None))
    assert (around.who, around.role, around.may_decide, around.logs_out) == (
        "victor (certificate)",
        "viewer",
        False,
        False,
    )


def test_a_gate_in_good_order_has_no_problems() -> None:
    """And a list of them that is always full would be read by nobody."""
    around = frame("posture", asked("/"), sources(None, gate=GateFacts(status(), ())))
    assert (around.problems, around.told, around.generation) == ((), "", 4)


@pytest.mark.parametrize(
    ("fresh", "words"),
    [
        (Freshness(trouble="the database does not answer"), "older: the database does not answer"),
        (Freshness(behind=1, last=NOW.timestamp() - 75), "1 min 15 s behind"),
        (Freshness(behind=1, last=NOW.timestamp() - 1), None),
        (Freshness(behind=0, last=NOW.timestamp() - 75), None),
    ],
)
def test_what_is_older_than_it_looks_is_said_to_be(fresh: Freshness, words: str | None) -> None:
    """A page that shows yesterday without saying so is worse than none."""
    given = evolve(sources(None, gate=GateFacts(status(), ())), freshness=fresh)
    problems = frame("posture", asked("/"), given).problems
    assert [words in problem for problem in problems if words] == ([True] if words else [])
    assert bool(problems) == (words is not None)


def test_a_gate_that_drains_says_so() -> None:
    """Whoever wonders why nobody gets in looks here."""
    facts = {**status(), "draining": True}
    around = frame("posture", asked("/"), sources(None, gate=GateFacts(facts, ())))
    assert around.problems == ("The gate is draining: it accepts no more connections.",)


def test_an_index_that_is_down_is_said_within_the_frame() -> None:
    """With its reason, and where else to look."""

    def fails(asked: Asked, sources: Sources) -> Shown:
        raise StoreError("the database does not answer")

    shown = page("/x", "Sessions", "sessions", fails).show(asked("/x"), sources(None))
    assert shown.status == 503
    assert "the database does not answer" in text_of(shown)
    assert "mcpgate evidence show" in text_of(shown)


def test_rows_behind_nothing_are_not_there() -> None:
    """Somebody has changed a link by hand."""

    def fails(asked: Asked, sources: Sources) -> Shown:
        raise PlaceError("there is no such place")

    with pytest.raises(NotFound, match="no such rows"):
        page("/x", "Sessions", "sessions", fails).show(asked("/x"), sources(None))
