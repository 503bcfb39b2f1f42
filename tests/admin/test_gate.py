"""What the admin process asks of its gate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed

from mcpgate.admin import gate as module
from mcpgate.admin.gate import GateError, GateLink
from mcpgate.admin.page import GateFacts
from mcpgate.workers.channel import ChannelError, Silent


class Channel:
    """Answers at once."""

    def __init__(self, answer: Callable[[str], dict[str, Any]]) -> None:
        self.open = True
        self.asked: list[dict[str, Any]] = []
        self._answer = answer

    def ask(self, verb: str, *, within: float, **given: Any) -> Deferred[dict[str, Any]]:
        assert verb == "gate" and within == module.WITHIN
        self.asked.append(given)
        return succeed(None).addCallback(lambda _: self._answer(given["what"]))


def of(channel: Channel | None) -> GateLink:
    return GateLink(lambda: channel)  # type: ignore[arg-type, return-value]


def result(waited: Any) -> Any:
    found: list[Any] = []
    Deferred.fromCoroutine(waited).addBoth(found.append)
    (one,) = found
    return one


def fails(words: str, kind: type[ChannelError] = ChannelError) -> Callable[[str], dict[str, Any]]:
    def answer(_: str) -> dict[str, Any]:
        raise kind(words)

    return answer


def test_a_decision_is_asked_with_the_name_of_who_decides() -> None:
    """Which nobody else can say, as the channel has two ends."""
    channel = Channel(lambda _: {"decided": "approved"})
    assert result(of(channel).ask("approve", "alice (oidc)", id="h1")) == {"decided": "approved"}
    assert channel.asked == [{"what": "approve", "by": "alice (oidc)", "arguments": {"id": "h1"}}]


def test_the_status_is_asked_for_once_in_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """By however many pages and probers; a failure is not kept."""
    now = 100.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    channel = Channel(lambda _: {"running": True})
    link = of(channel)
    for _ in range(3):
        assert result(link.status()) == {"running": True}
    assert len(channel.asked) == 1
    now += module.FRESH
    channel._answer = fails("busy")
    assert result(link.status()).check(GateError)
    channel._answer = lambda _: {"running": False}
    assert result(link.status()) == {"running": False}


def test_all_who_ask_at_the_same_time_ask_once() -> None:
    """A gate that answers slowly is not asked more for it; whoever leaves takes nothing from the others."""
    channel = Channel(fails("not used"))
    answer: Deferred[dict[str, Any]] = Deferred()
    asked: list[object] = []
    channel.ask = lambda verb, **given: asked.append(given) or answer  # type: ignore[method-assign, func-returns-value]
    link = of(channel)
    waiting = [Deferred.fromCoroutine(link.status()) for _ in range(50)]
    waiting[0].addErrback(lambda _: None)
    waiting[0].cancel()
    answer.callback({"running": True})
    found: list[object] = []
    for one in waiting[1:]:
        one.addCallback(found.append)
    assert found == [{"running": True}] * 49 and len(asked) == 1


def test_what_a_page_wants_to_know_never_fails() -> None:
    """It is shown without."""
    channel = Channel(lambda what: {"held": [{"id": "h1"}]} if what == "held" else {"running": True})
    link = of(channel)
    assert result(link.facts(())) == GateFacts()
    assert result(link.facts(("status", "held"))) == GateFacts({"running": True}, ({"id": "h1"},))
    channel._answer = fails("no such verb")
    assert result(of(channel).facts(("held",))) == GateFacts(problem="no such verb")
    channel.open = False
    channel._answer = fails("is gone", Silent)
    assert result(of(channel).facts(("status",))) == GateFacts(problem="the gate is gone")
    assert result(of(None).facts(("status",))) == GateFacts(problem="the gate is gone")
