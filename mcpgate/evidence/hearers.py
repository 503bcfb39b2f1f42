"""Who else wants to hear what is recorded: callbacks of the application that holds a gate.

They hear of lines that are in the journal, in its order, after the turn that wrote them: so whatever a
callback does (a reload, a drain) is not done in the middle of an exchange, and what it raises is nobody's
but its own. Nobody who asks, nothing that is done: a journal without hearers has no onlooker.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from inspect import iscoroutinefunction
from time import monotonic
from typing import Any

import msgspec
from twisted.logger import Logger

Heard = Callable[[Mapping[str, Any]], object]

#: A callback that fails fails for every record; its traceback is wanted once, and that it still does.
REPORT_APART = 5.0


class Hearers:
    """The callbacks of one gate, and what is still to be told to them."""

    log = Logger()

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._callbacks: list[Heard] = []
        self._waiting: list[bytes] = []
        # Who is still to be told which line, of what is being told now.
        self._due: deque[tuple[Heard, bytes]] = deque()
        self._reported = -REPORT_APART
        self._failures = 0

    def add(self, callback: Heard) -> None:
        """One more, who hears what is recorded from now on.

        @raise TypeError: a call of it makes a coroutine, or it cannot be called.
        """
        called = callable(callback) and (callback, type(callback).__call__)
        if not called or any(map(iscoroutinefunction, called)):
            raise TypeError("a callback for evidence is an ordinary function of one record")
        self._callbacks.append(callback)

    @property
    def onlooker(self) -> Callable[[bytes], None] | None:
        """What a journal has to show its lines; C{None} while nobody wants to hear."""
        return self._wrote if self._callbacks else None

    def deliver(self) -> None:
        """Tell now what waits, if anything does.

        A callback may stop the gate, which comes here again: it goes on with what is next, so that each
        hears in order all the same, and all before the gate has stopped.
        """
        waiting, self._waiting = self._waiting, []
        self._due.extend(
            (callback, line)
            for piece in waiting
            for line in piece.splitlines()
            for callback in self._callbacks
        )
        while self._due:
            self._tell(*self._due.popleft())

    def _wrote(self, piece: bytes) -> None:
        self._waiting.append(piece)
        if len(self._waiting) == 1:
            self._reactor.callLater(0, self.deliver)

    def _tell(self, callback: Heard, line: bytes) -> None:
        try:
            # Each has one of its own: what one does to it is not what another hears.
            callback(msgspec.json.decode(line))
        except Exception:
            self._failures += 1
            now = monotonic()
            if now - self._reported >= REPORT_APART:
                self._reported = now
                self.log.failure(
                    "a callback for evidence failed (failures since the start: {failures})",
                    failures=self._failures,
                )
