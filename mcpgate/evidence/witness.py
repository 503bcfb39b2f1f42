"""What the relay tells when something happened: makes the records and writes them in order.

The lines of one turn of the readiness set are written in one piece, at its end: a system call for a
line would cost as much as the line. What must be in the journal before it happens (an exchange's
C{open} line, before its request is forwarded) waits for L{Witness.when_kept}: the end of the turn, and
where the terms want it on the disk, the commit of a whole group of turns.

A line that could not be written is owed, not lost: it is kept and written before the next one, and
until then no exchange is opened, so nothing is forwarded off the record; or, where the operator has
chosen that, it is forwarded and counted. What was owed in vain is counted, and a C{gap} line tells.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from twisted.logger import Logger

from mcpgate.evidence.bookkeeping import gap_line, handshakes_line
from mcpgate.evidence.commits import Back, Commits, Soon
from mcpgate.evidence.floods import Floods
from mcpgate.evidence.handshakes import Leg, handshake_line
from mcpgate.evidence.journal import Journal, JournalError, new_id
from mcpgate.evidence.outage import Outage
from mcpgate.evidence.record import LINE_MOST, timestamp
from mcpgate.reasons import Refusal
from mcpgate.tls.handshake import Handshake, Offer

# Owed lines kept in memory while the journal fails. Where nothing is forwarded meanwhile, only refusals
# and handshakes add to them. Beyond this they are counted, and the count is told.
OWED_MOST = 10_000

# More than a line's place in the chain takes.
PLACE_SIZE = 128

# Lines written at once: a busy turn has this many, and on a nearly full disk some of what is owed
# should fit.
BATCH = 128


def _now(call: Callable[[], object], thing: object = None) -> None:
    call()


class Witness:
    """Writes the records of one worker. C{failure} is why the journal cannot be written, if so."""

    log = Logger()

    def __init__(
        self,
        journal: Journal,
        wall: Callable[[], float] = time.time,
        *,
        soon: Soon = _now,
        back: Back = _now,
    ) -> None:
        """
        @param soon: calls what it is given at the end of the turn in which something happened; beside it,
            whose fault it is if that raises.
        @param back: calls what it is given from another thread in ours.
        """
        self.failure: str | None = None
        #: Lines that were lost since the start, and exchanges that were forwarded off the record.
        self.dropped = self.unrecorded = 0
        self.journal = journal
        self.floods = Floods()
        self._wall = wall
        self._soon = soon
        self._owed: list[bytes] = []
        self._stamp: str | None = None
        self._due = False
        self._outage = Outage()
        self._commits = Commits(soon, back, self._committed)

    # What happened.

    def handshake(
        self,
        *,
        leg: Leg,
        where: str,
        peer: str,
        local: str,
        handshake: Handshake | None = None,
        offer: Offer | None = None,
        refusal: Refusal | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> str:
        """Record a leg's handshake, finished or refused; returns the record's id."""
        id = new_id("h")
        self.tell(
            handshake_line(
                id,
                time=self.stamp(),
                leg=leg,
                outcome="ok" if refusal is None else "refused",
                where=where,
                peer=peer,
                local=local,
                handshake=handshake,
                offer=offer,
                refusal=refusal,
                extra=extra,
            )
        )
        return id

    def stamp(self) -> str:
        """The time for a line of this turn."""
        stamp = self._stamp
        if stamp is None:
            stamp = self._stamp = timestamp(self._wall())
            if not self._due:
                self._make_due()
        return stamp

    def tell(self, line: bytes) -> bool:
        """
        Have a line written by the end of this turn, after all that is owed.

        @return: C{False} when too much is owed, or it is too long: it will never be written.
        """
        owed = self._owed
        if len(line) > LINE_MOST - PLACE_SIZE:
            line = self._too_long(line)
            self.tell(line)
            return False
        if len(owed) >= OWED_MOST and not self._write():
            self.dropped += 1
            self._outage.lines += 1
            return False
        owed.append(line)
        if not self._due:
            self._make_due()
        return True

    def _too_long(self, line: bytes) -> bytes:
        """What to say in the place of a line that nobody could read. There is no such line, unless there is a
        bug: each is bounded by what it is made of."""
        self.dropped += 1
        kind = line[:40].decode("ascii", "replace")
        self.log.error("a bug in the gate: a line of {size} bytes ({kind}...)", size=len(line), kind=kind)
        now = timestamp(self._wall())
        why = f"a line of {len(line)} bytes is longer than any that is read"
        return gap_line(new_id("g"), time=now, since=now, until=now, why=why, exchanges=0, lines=1)

    def tell_floods(self, now: float, *, all: bool = False) -> None:
        """Tell what was counted of refused handshakes, if it is time.

        @param now: Monotonic seconds.
        """
        for one in self.floods.due(now, all=all):
            self.tell(
                handshakes_line(
                    new_id("h"),
                    time=self.stamp(),
                    where=one.where,
                    reason=one.reason.value,
                    count=one.count,
                    addresses=one.addresses,
                    seconds=one.seconds,
                    example=one.example,
                )
            )

    # Before it may happen.

    def when_kept(self, call: Callable[[], object], thing: object = None) -> None:
        """
        Call once what was told is kept, as far as it can be: ask L{kept} then.

        @param thing: whose fault it is if the call raises.
        """
        if not self.journal.terms.fsync:
            self._soon(call, thing)
            return
        self._commits.wait(call, thing)
        if not self._due:
            self._make_due()

    def kept(self, told: bool) -> bool:
        """
        Whether a request may be forwarded, in what L{when_kept} calls.

        @param told: what L{tell} said of its line: one that was dropped for want of room is
            not owed any more.
        """
        kept = self._commits.kept
        if (self.settle() if kept is None else kept) and told:
            return True
        if not self.journal.terms.unsafe:
            return False
        self.unrecorded += 1
        self._outage.exchanges += 1
        return True

    def settle(self) -> bool:
        """Write now what is owed, to the disk if the terms want that. C{False}: some of it still is."""
        if not self._write():
            return False
        if self.journal.terms.fsync:
            if self._commits.stuck:
                # Asked here and not aside, the disk would hang us as well.
                return False
            try:
                self.journal.sync()
            except JournalError as error:
                self._fail(str(error))
                return False
            self._recover()
        return True

    def _write(self) -> bool:
        """Into the kernel with what is owed."""
        owed = self._owed
        if not owed:
            return True
        append = self.journal.append
        try:
            # One line is enough to try with.
            most = BATCH if self.failure is None else 1
            while owed:
                some = owed[:most]
                append(some)
                del owed[: len(some)]
                most = BATCH
        except JournalError as error:
            self._fail(str(error))
            return False
        if self.failure is not None and not self.journal.terms.fsync:
            self._recover()
        return True

    # Failure, and its end.

    def _fail(self, why: str) -> None:
        if self._outage.begin(timestamp(self._wall()), why):
            words = "every request is forwarded OFF THE RECORD" if self._unsafe else "nothing is forwarded"
            self.log.error(
                "the journal cannot be written: {why}; {words} until it can be", why=why, words=words
            )
        self.failure = why

    def _recover(self) -> None:
        """The journal can be written again: tell what is missing in it."""
        since, why = self._outage.since, self._outage.why
        if since is None:
            return
        self.failure = None
        exchanges, lines = self._outage.end()
        now = timestamp(self._wall())
        self.log.info(
            "the journal can be written again; {exchanges} exchanges were forwarded off the record, "
            "{lines} lines are lost",
            exchanges=exchanges,
            lines=lines,
        )
        if exchanges or lines:
            # Before whatever comes now; if it cannot be written after all it is owed like others.
            missing = {"exchanges": exchanges, "lines": lines}
            line = gap_line(new_id("g"), time=now, since=since, until=now, why=why, **missing)
            self._owed.insert(0, line)
            self._write()

    def retry(self, now: float) -> None:
        """See whether a journal that failed can be written again.

        @param now: Monotonic seconds.
        """
        if self._commits.overdue(now):
            self._fail(f"{self.journal.path}: the disk does not answer")
        if self.failure is not None:
            self.look()
            written = self._write()
            if not self.journal.terms.fsync:
                if written and self.journal.written:
                    self._recover()
            elif written:
                # The next commit shows whether the disk has it.
                self._commit(now)

    @property
    def _unsafe(self) -> bool:
        return self.journal.terms.unsafe

    # Group commits.

    def _commit(self, now: float) -> None:
        """Have the disk keep what was written, for all who wait for that."""
        if self._commits.stuck:
            return self._commits.fail()
        if not self._commits.under_way:
            try:
                self._commits.begin(self.journal.descriptor(), now)
            except JournalError as error:
                self._fail(str(error))
                self._commits.fail()

    def _committed(self, wrong: str | None) -> None:
        if wrong is None:
            self._recover()
        else:
            self._fail(f"{self.journal.path}: {wrong}")
            self.journal.distrust()
        if self._commits.waiting and not self._due:
            self._make_due()

    # Its keeping.

    def look(self) -> None:
        """See whether the journal is still where it was, and whether the next segment is due."""
        try:
            self.journal.look()
        except JournalError as error:
            self._fail(str(error))

    def close(self) -> None:
        """Write what is owed, if that is possible now, and close the journal."""
        self.tell_floods(time.monotonic(), all=True)
        self.settle()
        exchanges, lines = self._outage.exchanges, self._outage.lines + len(self._owed)
        if exchanges or lines:
            self.log.error(
                "the journal ends without {lines} lines that could not be written; {exchanges} exchanges "
                "were forwarded off the record, of which it says nothing",
                lines=lines,
                exchanges=exchanges,
            )
        self._commits.close()
        self.journal.close()

    def facts(self) -> dict[str, Any]:
        """For C{status}."""
        return {
            "failure": self.failure,
            "failing_since": self._outage.since,
            "owed": len(self._owed),
            "dropped": self.dropped,
            "unrecorded": self.unrecorded,
            **self.journal.facts(),
        }

    def _make_due(self) -> None:
        self._due = True
        self._soon(self._end_turn)

    def _end_turn(self) -> None:
        self._due = False
        self._stamp = None
        written = self._write()
        if self._commits.waiting:
            if written:
                self._commit(time.monotonic())
            else:
                self._commits.fail()
