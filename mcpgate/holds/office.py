"""The office: the one place of a host where calls wait, and where people say what becomes of them.

It belongs to whoever decides about the state directory: the gate itself where it serves in one process,
else its supervisor. So an approval is found by whichever worker a caller comes back to, it is taken once,
and a worker that dies takes nothing with it but its own connections. All of it is in memory: what waits
when a gate ends ends with it, and is never forwarded.

What a person decides is in the journal before it counts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Protocol

from twisted.logger import Logger

from mcpgate.evidence.record import timestamp
from mcpgate.holds.docket import Docket, Entry
from mcpgate.holds.held import WHY_MOST, Decision, Held, Taken, Word
from mcpgate.ops.control import ControlError, Verb
from mcpgate.reasons import Refusal

#: Characters of a call's params in the list of all; one that is asked for by its id shows all that is kept.
GLANCE = 1024


class Owner(Protocol):
    """Whoever serves the caller of a held call."""

    def record(self, hold: str, exchange: str, decision: Decision) -> Awaitable[bool]:
        """Write down what was decided; fires with whether that is in the journal."""

    def wake(self, hold: str) -> Awaitable[bool]:
        """It is decided, or withdrawn; fires with whether somebody is there who waits for it."""


class Office:
    """Takes held calls in, and lets people decide. Every method but the verbs is for an L{Owner}."""

    log = Logger()

    def __init__(
        self,
        clock: Callable[[], float] = monotonic,
        *,
        anybody: Callable[[], Owner | None] = lambda: None,
    ) -> None:
        """
        @param clock: monotonic seconds.
        @param anybody: who writes down what is decided about a call whose own worker is gone.
        """
        self._docket = Docket()
        self._clock = clock
        self._anybody = anybody
        #: What people may ask, over the control socket.
        self.verbs: Mapping[str, Verb] = {"held": self.held, "approve": self.approve, "deny": self.deny}

    # What the owners call.

    async def place(self, held: Held, owner: Owner) -> Refusal | None:
        """Have a call wait; or why it may not."""
        refusal = self._docket.place(held, owner, self._clock())
        if refusal is None:
            # Neither who nor what: callers choose names, and the log is not the place to look for them.
            self.log.info("a call waits for approval: mcpgate policy held {hold}", hold=held.id)
        return refusal

    async def take(self, hold: str, proof: str, owner: Owner) -> Taken:
        """What was decided; see L{Docket.take}."""
        return self._docket.take(hold, proof, owner, self._clock())

    def withdraw(self, hold: str) -> None:
        """Its caller is gone, or has no more time."""
        self._docket.drop(hold)

    async def cancelled(
        self, how: str, principal: str, route: str, session: str | None, request: str
    ) -> None:
        """A client cancels requests of its own."""
        found = self._docket.cancelled(how, principal, route, session, request, self._clock())
        for entry in found:
            if not entry.held.returns:
                # Also where it was approved a moment ago: what was not taken yet is not made.
                entry.decision = decision = Decision(Word.WITHDRAWN, "the caller")
                await self._record(entry, decision)
                if not await self._wake(entry):
                    self._docket.drop(entry.held.id)

    def left(self, owner: Owner) -> None:
        """A worker is gone."""
        self._docket.disown(owner)

    # What people ask.

    def held(self, id: str = "") -> Mapping[str, object]:
        """All calls that wait, or the one of that id with all that is known of it."""
        now = self._clock()
        if id:
            entry = self._docket.find(id, now)
            if entry is None:
                raise ControlError(f"no call waits as {id}; it may be over by now")
            return {"held": [_told(entry, now)]}
        return {"held": [_told(entry, now, GLANCE) for entry in self._docket.waiting(now)]}

    async def approve(self, id: str, peer: str, reason: str = "") -> Mapping[str, object]:
        """Let a call be made."""
        return await self._decide(id, Decision(Word.APPROVED, peer, reason))

    async def deny(self, id: str, peer: str, reason: str = "") -> Mapping[str, object]:
        """Have a call refused."""
        return await self._decide(id, Decision(Word.DENIED, peer, reason))

    async def _decide(self, id: str, decision: Decision) -> Mapping[str, object]:
        if type(decision.why) is not str or len(decision.why) > WHY_MOST:
            raise ControlError(f"a reason is a text of at most {WHY_MOST} characters")
        entry = self._docket.find(id, self._clock())
        if entry is None:
            raise ControlError(f"no call waits as {id}; it may be over by now")
        if entry.decision is not None:
            raise ControlError(f"it was {entry.decision.word} already, by {entry.decision.by}")
        if entry.deciding:
            raise ControlError("somebody else decides about it at this moment")
        entry.deciding = True
        try:
            kept = await self._record(entry, decision)
        finally:
            entry.deciding = False
        if not kept:
            raise ControlError("nothing was decided: it could not be written into the journal")
        if self._docket.find(id, self._clock()) is not entry or entry.decision is not None:
            raise ControlError("it was over meanwhile: nothing was done")
        entry.decision = decision
        if not await self._wake(entry) and not entry.held.returns:
            self._docket.drop(id)
            raise ControlError("its caller is gone meanwhile: nothing was done")
        return {"hold": id, "decided": decision.word.value, "by": decision.by}

    async def _record(self, entry: Entry, decision: Decision) -> bool:
        owner = self._owner(entry)
        return owner is not None and await owner.record(entry.held.id, entry.held.exchange, decision)

    async def _wake(self, entry: Entry) -> bool:
        # Whoever it is by now: a caller may have come back by another worker meanwhile.
        owner = self._owner(entry)
        return owner is not None and await owner.wake(entry.held.id)

    def _owner(self, entry: Entry) -> Owner | None:
        owner = entry.owner
        return owner if owner is not None else self._anybody()  # type: ignore[return-value]


def _told(entry: Entry, now: float, most: int | None = None) -> dict[str, object]:
    """A held call as values that JSON can say."""
    held, decision = entry.held, entry.decision
    return {
        "id": held.id,
        "since": timestamp(held.since),
        "deadline": timestamp(held.since + held.wait),
        "left": max(0, int(entry.deadline - now)),
        "principal": held.principal,
        "how": held.how,
        "route": held.route,
        "method": held.method,
        "name": held.name,
        "rule": held.rule,
        "said": held.said or None,
        "params": held.shown[:most],
        "cut": held.cut or (most is not None and len(held.shown) > most),
        "exchange": held.exchange,
        # Of a caller that was asked to come back: whether it has, and how often.
        "rounds": entry.rounds if held.returns else None,
        "decided": decision.word.value if decision else None,
        "by": decision.by if decision else None,
    }
