"""An answer that all who want it at the same time wait for together, so that it is asked for once.

Some of what anybody may ask of the dashboard costs somebody else a question: whether the gate is ready, where
a provider has people log in. The slower that is, the more would ask meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred

Given = TypeVar("Given")


class Together(Generic[Given]):
    """One question, and who waits for its answer."""

    def __init__(self) -> None:
        self._waiting: list[Deferred[Given]] = []

    async def ask(self, question: Callable[[], Coroutine[Deferred[Any], Any, Given]]) -> Given:
        """
        Its answer, or its failure.

        @param question: asked if nobody waits for it yet. Whoever leaves takes nothing from the others.
        """
        mine: Deferred[Given] = Deferred()
        self._waiting.append(mine)
        if len(self._waiting) == 1:
            Deferred.fromCoroutine(question()).addBoth(self._tell)
        return await mine

    def _tell(self, answer: Any) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            # A failure, too: then it is raised by each.
            one.callback(answer)
