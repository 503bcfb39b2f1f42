"""One question for all who ask it at the same time."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred

from mcpgate.admin.together import Together


def begun(together: Together[str], asked: list[Deferred[str]]) -> Deferred[str]:
    """Somebody asks; C{asked} gets what is asked for that, if anything is."""

    async def question() -> str:
        asked.append(Deferred())
        return await asked[-1]

    return Deferred.fromCoroutine(together.ask(question))


def test_all_who_ask_meanwhile_have_one_answer() -> None:
    """And who comes after it has another."""
    together, asked, found = Together[str](), list[Deferred[str]](), list[str]()
    for _ in range(50):
        begun(together, asked).addCallback(found.append)
    assert len(asked) == 1 and not found
    asked[0].callback("here")
    assert found == ["here"] * 50
    begun(together, asked)
    assert len(asked) == 2


def test_a_failure_is_everybodys() -> None:
    """And is not kept."""
    together, asked = Together[str](), list[Deferred[str]]()
    waiting = [begun(together, asked) for _ in range(3)]
    asked[0].errback(ZeroDivisionError())
    failures: list[object] = []
    for one in waiting:
        one.addErrback(lambda failure: failures.append(failure.type))
    assert failures == [ZeroDivisionError] * 3
    begun(together, asked)
    assert len(asked) == 2


@pytest.mark.parametrize("who", [0, 1])
def test_whoever_leaves_takes_nothing_from_the_others(who: int) -> None:
    """Nor does it matter if it was the first."""
    together, asked = Together[str](), list[Deferred[str]]()
    waiting = [begun(together, asked) for _ in range(2)]
    left: list[object] = []
    waiting[who].addErrback(lambda failure: left.append(failure.type))
    waiting[who].cancel()
    assert left == [CancelledError]
    found: list[str] = []
    waiting[1 - who].addCallback(found.append)
    asked[0].callback("here")
    assert found == ["here"]
