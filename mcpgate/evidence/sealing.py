"""Who seals a journal's segments, as the journal knows them; and how that holds up no turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from mcpgate.evidence.aside import Aside

# A stop waits no longer for a disk, or for those to whom copies go.
CLOSE_MOST = 5.0

# A checkpoint that could not be written is tried again, although nothing new happens.
AGAIN = 5.0


class Seals(Protocol):
    """Who signs checkpoints and keeps them."""

    @property
    def gate(self) -> str:
        """The name of the gate."""

    def add(self, segment: int, size: int, root: bytes, head: bytes, closed: bool) -> bool:
        """A segment has so many lines now; whether that is kept."""

    def facts(self) -> dict[str, Any]:
        """For C{status}."""

    def close(self) -> None:
        """There will be no more."""


class Unsealed:
    """Where nobody signs: a journal by itself, as in tests of other things."""

    gate = "gate"

    def add(self, segment: int, size: int, root: bytes, head: bytes, closed: bool) -> object:
        """Nothing."""

    def behind(self) -> float:
        """Nothing is to be kept."""
        return 0.0

    def facts(self) -> dict[str, Any]:
        """None."""
        return {}

    def close(self) -> None:
        """Nothing."""


class Sealing(Protocol):
    """Who seals, for the journal: it waits for nobody."""

    gate: str

    def add(self, segment: int, size: int, root: bytes, head: bytes, closed: bool) -> object:
        """A segment has so many lines now; it does not fail."""

    def behind(self) -> float:
        """For how many seconds a checkpoint could not be kept."""

    def facts(self) -> dict[str, Any]:
        """For C{status}."""

    def close(self) -> None:
        """There will be no more."""


class SealingAside:
    """Has checkpoints signed and kept in a thread: they go to the disk, and perhaps elsewhere."""

    def __init__(self, seals: Seals, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.gate = seals.gate
        self._seals = seals
        self._monotonic = monotonic
        self._aside = Aside("mcpgate seals")
        # The last that could not be kept, since when none could, and when that was tried last.
        self._missing: tuple[int, int, bytes, bytes, bool] | None = None
        self._since = self._tried = 0.0

    def add(self, segment: int, size: int, root: bytes, head: bytes, closed: bool) -> None:
        """As soon as those before it are."""
        self._aside.do(lambda: self._add(segment, size, root, head, closed))

    def _add(self, *checkpoint: Any) -> None:
        kept = self._seals.add(*checkpoint)
        self._tried = self._monotonic()
        if kept:
            self._missing = None
        else:
            if self._missing is None:
                self._since = self._tried
            self._missing = checkpoint

    def again(self) -> None:
        """Try again what could not be kept, if it is time."""
        missing = self._missing
        if missing is not None and self._monotonic() - self._tried >= AGAIN:
            self._tried = self._monotonic()
            self.add(*missing)

    def behind(self) -> float:
        """For how many seconds a checkpoint could not be kept."""
        return 0.0 if self._missing is None else self._monotonic() - self._since

    def facts(self) -> dict[str, Any]:
        """For C{status}."""
        return self._seals.facts()

    def after(self, call: Callable[[], object]) -> None:
        """Call, in the thread, once all that was added so far has been tried."""
        self._aside.do(call)

    def close(self) -> None:
        """Wait for what was added, but not for ever."""
        if self._aside.finish(CLOSE_MOST):
            self._seals.close()
