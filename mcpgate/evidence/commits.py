"""Group commit: many turns of the gate wait for the disk together, and none of them holds up another."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from mcpgate.evidence.aside import Aside

# A disk that does not answer for so long has failed, for whoever waits.
COMMIT_MOST = 5.0

#: Calls what it is given at the end of the turn; beside it, whose fault it is if that raises.
Soon = Callable[..., object]
#: Calls what it is given from another thread in the gate's own.
Back = Callable[[Callable[[], None]], object]

_Waiting = list[tuple[Callable[[], object], object]]


class Commits:
    """
    Has a file synced in a thread; whoever comes meanwhile waits for the next time.

    @ivar kept: In what waited, while it is called: whether the disk has what was written before it waited.
    @ivar stuck: Whether the disk does not answer.
    """

    def __init__(self, soon: Soon, back: Back, told: Callable[[str | None], None]) -> None:
        """
        @param told: called after each time with C{None} or with what went wrong, before those who waited.
        """
        self.kept: bool | None = None
        self.stuck = False
        self.waiting: _Waiting = []
        self._soon = soon
        self._back = back
        self._told = told
        self._aside = Aside("mcpgate commits")
        self._flying: _Waiting = []
        self._since: float | None = None

    def wait(self, call: Callable[[], object], thing: object) -> None:
        """Be called once what was written by the end of this turn is on the disk, or cannot be."""
        self.waiting.append((call, thing))

    @property
    def under_way(self) -> bool:
        """Whether one is."""
        return self._since is not None

    def begin(self, descriptor: int, now: float) -> None:
        """
        Begin one for all who wait, when none is under way.

        @param descriptor: of the file, ours to close.
        """
        self._since = now
        self._flying, self.waiting = self.waiting, []

        def sync() -> None:
            try:
                os.fdatasync(descriptor)
                wrong = None
            except OSError as error:
                wrong = error.strerror or str(error)
            finally:
                os.close(descriptor)
            self._back(lambda: self._over(wrong))

        self._aside.do(sync)

    def overdue(self, now: float) -> bool:
        """Whether the one that is under way takes too long; those who wait are told that it failed."""
        if self._since is None or self.stuck or now - self._since < COMMIT_MOST:
            return False
        self.stuck = True
        flying, self._flying = self._flying, []
        self._call(flying, False)
        self.fail()
        return True

    def fail(self) -> None:
        """Tell those who wait for the next one that there is none."""
        waiting, self.waiting = self.waiting, []
        self._call(waiting, False)

    def close(self) -> None:
        """Wait for what is under way, but not for ever; whoever waits has waited in vain."""
        self._aside.finish(COMMIT_MOST)
        flying, self._flying = self._flying, []
        self._call(flying, False)
        self.fail()

    def _over(self, wrong: str | None) -> None:
        self._since, self.stuck = None, False
        flying, self._flying = self._flying, []
        self._told(wrong)
        self._call(flying, wrong is None)

    def _call(self, waited: _Waiting, kept: bool) -> None:
        def all_of_them() -> None:
            for call, thing in waited:
                self._soon(partial(self._one, call, kept), thing)

        if waited:
            # In one turn, whose lines are written together.
            self._soon(all_of_them)

    def _one(self, call: Callable[[], object], kept: bool) -> None:
        self.kept = kept
        try:
            call()
        finally:
            self.kept = None
