"""What a journal needs while nothing happens: checkpoints in time, another try, retention, the clock.

It looks twice a second. What takes the disk's time is done in a thread (C{retention}, C{sealing}).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from math import inf
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from mcpgate.evidence.aside import Aside
from mcpgate.evidence.bookkeeping import clock_line, expired_line
from mcpgate.evidence.ids import new_id
from mcpgate.evidence.lock import JournalError
from mcpgate.evidence.retention import Leaving, compress, leaving, remove
from mcpgate.evidence.sealing import SealingAside
from mcpgate.evidence.witness import Witness
from mcpgate.ops.watch import Watch

# A journal that failed is written again within a second of there being room.
TICK = 0.5

# A step of the wall clock that is told; time servers move it by less than a millisecond at a time.
STEP_LEAST = 1.0

# Retention is about days; what is large is seen when a segment ends.
RETENTION_APART = 600.0

# Whether the clock was right before it was set by so much, or is now, nobody knows; for a day it decides
# about no evidence, which is long enough to set it again.
STEP_DOUBTED = 3600.0
DOUBTED_FOR = 86400.0

# A stop does not wait for a segment to be compressed: it is begun anew.
STOP_MOST = 0.5


class Upkeep:
    """Looks after the journal of one worker."""

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        witness: Witness,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reactor = reactor
        self._witness = witness
        self._wall = wall
        self._monotonic = monotonic
        self._watch = Watch(reactor, lambda: TICK, self.look)
        self._aside = Aside("mcpgate retention", nice=10)
        self._offset = wall() - monotonic()
        # Of which segment on, and when, closed ones are to be looked at.
        self._kept_segment = 0
        self._kept_at = 0.0
        self._keeping = False
        # Until when nothing is removed for its age.
        self._doubted_until = 0.0

    def start(self) -> None:
        """Begin to look."""
        self._watch.start()

    def stop(self) -> None:
        """Look no more."""
        self._watch.stop()
        self._aside.finish(STOP_MOST)

    def look(self) -> None:
        """What is due now."""
        witness, now = self._witness, self._monotonic()
        journal = witness.journal
        self._look_at_clock(now)
        witness.tell_floods(now)
        witness.look()
        witness.retry(now)
        if journal.waits >= journal.terms.checkpoint_every - TICK:
            journal.checkpoint()
        if isinstance(journal.seals, SealingAside):
            journal.seals.again()
        if not self._keeping and (
            journal.segment != self._kept_segment or now - self._kept_at >= RETENTION_APART
        ):
            self._kept_segment, self._kept_at = journal.segment, now
            self._keeping = True
            self._aside.do(self._keep)

    def seal(self) -> Deferred[None]:
        """Write a checkpoint of all that was told; fires when it is kept."""
        witness = self._witness
        witness.tell_floods(self._monotonic(), all=True)
        witness.settle()
        witness.journal.checkpoint()
        seals = witness.journal.seals
        if not isinstance(seals, SealingAside):
            return succeed(None)
        done: Deferred[None] = Deferred()
        seals.after(lambda: self._reactor.callFromThread(done.callback, None))
        return done

    def _look_at_clock(self, now: float) -> None:
        offset = self._wall() - now
        stepped, self._offset = offset - self._offset, offset
        if abs(stepped) >= STEP_LEAST:
            witness = self._witness
            witness.tell(clock_line(new_id("k"), time=witness.stamp(), stepped=stepped))
        if stepped >= STEP_DOUBTED:
            self._doubted_until = now + DOUBTED_FOR
            by = round(stepped)
            self.log.warn("the clock was set forward by {by} s: no evidence expires for a day", by=by)

    # In the thread, and back.

    def _keep(self) -> None:
        journal = self._witness.journal
        going: list[Leaving] = []
        try:
            terms = journal.terms
            if self._monotonic() < self._doubted_until:
                terms = evolve(terms, keep=inf)
            going = leaving(journal.directory, terms, self._wall())
            if journal.terms.compress:
                compress(journal.directory, journal.worker)
        except (OSError, EOFError) as error:
            self.log.warn("the journal's closed segments could not be looked after: {why}", why=error)
        self._reactor.callFromThread(self._kept, going)

    def _kept(self, going: list[Leaving]) -> None:
        self._keeping = False
        witness = self._witness
        told = True
        for one in going:
            line = expired_line(
                new_id("r"),
                time=witness.stamp(),
                worker=one.file.worker,
                segment=one.file.number,
                lines=one.lines,
                root=one.root,
            )
            told = witness.tell(line) and told
        if going and told and witness.settle():
            try:
                descriptor = witness.journal.descriptor()
            except JournalError:
                return  # it fails again; there is another time
            self._aside.do(lambda: self._remove(going, descriptor))

    def _remove(self, going: list[Leaving], descriptor: int) -> None:
        try:
            try:
                # A power cut must not leave them removed, and nothing that says so.
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)
            remove(one.file for one in going)
        except OSError as error:
            self.log.warn("a segment of the journal cannot be removed: {why}", why=error)
