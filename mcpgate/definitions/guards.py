"""The guards of all upstreams, for one process: what serves asks here, and so does who accepts a change."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.logger import Logger

from mcpgate.definitions.guard import GUARDED, Guard
from mcpgate.definitions.known import Known, News, NotKnown, accept
from mcpgate.definitions.store import Store, StoreError

if TYPE_CHECKING:
    from mcpgate.upstream.terms import UpstreamTerms


class Guards:
    """
    Those of one state directory, which L{begin} is told.

    @ivar guarding: By the upstream's name, those that have a say at calls. Mostly there are none.
    """

    log = Logger()

    def __init__(
        self, tell: Callable[[str, Sequence[News]], None], wall: Callable[[], float] = time.time
    ) -> None:
        """
        @param tell: as L{Guard} has it.
        """
        self.guarding: dict[str, Guard] = {}
        self._all: dict[str, Guard] = {}
        self._store: Store | None = None
        self._tell = tell
        self._wall = wall

    def begin(self, state: Path) -> None:
        """Make what is not there yet. Where that cannot be, each guard says what follows for it."""
        self._store = Store(state)
        try:
            self._store.begin()
        except StoreError as error:
            self.log.error("what upstreams say of their tools cannot be kept: {why}", why=str(error))

    def adopt(self, upstreams: Mapping[str, UpstreamTerms]) -> None:
        """These are the upstreams from now on."""
        assert self._store is not None, "it has begun"
        before, self._all = self._all, {}
        for name, terms in upstreams.items():
            place = (terms.authority + terms.target).decode("latin-1")
            mode = terms.table.definitions
            guard = before.get(name)
            if guard is None:
                guard = Guard(self._store, name, place, mode, self._tell, self._wall)
            else:
                guard.adopt(place, mode)
            self._all[name] = guard
        self.guarding = {name: guard for name, guard in self._all.items() if guard.mode in GUARDED}

    def of(self, upstream: str) -> Guard | None:
        """That of an upstream; C{None} if it is not in force any more."""
        return self._all.get(upstream)

    def look(self) -> None:
        """See whether anybody has changed what is kept."""
        for guard in self._all.values():
            guard.look()

    def close(self) -> None:
        """Nobody asks any more."""
        if self._store is not None:
            self._store.close()


def accept_in(
    store: Store,
    upstream: str,
    tools: Sequence[str] | None,
    by: str,
    fingerprint: str | None = None,
    *,
    withdrawn: bool = False,
) -> list[News]:
    """
    Have a change accepted, for all who use these files.

    @param tools: and the rest, as C{known.accept} has it.
    @raise StoreError: it cannot be read or kept.
    @raise NotKnown: there is nothing of the kind to accept.
    """

    def change(known: Known | None) -> tuple[Known, list[News]]:
        if known is None:
            raise NotKnown(f"upstream {upstream} has shown no tools")
        names = list(tools) if tools is not None else None
        return known, accept(known, names, by, fingerprint, withdrawn=withdrawn)

    return store.change(upstream, change)
