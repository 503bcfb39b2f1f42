"""The docket: all calls of a host that wait for a person (pure; the time is passed in).

A call is here from the moment that it waits until its caller's side has taken the decision, which it
does once: an approval that was taken is gone, so nothing passes on it twice. What is past its deadline
is not here, whether anybody has looked or not.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define

from mcpgate.holds.held import UNKNOWN, Decision, Held, Taken
from mcpgate.reasons import Reason, Refusal

#: Calls that wait on one host. People decide, one after the other: in the five minutes that a call has by
#: default nobody reads more, and what is listed stays within the control socket's 16 MiB.
HELD_MOST = 256
#: Of one principal: one caller in a loop must not keep everybody else's calls from being seen.
OF_ONE_MOST = 32
#: Bytes of bodies that are kept meanwhile: four of the largest that are accepted by default, or all of
#: the above with 64 KiB each.
BYTES_MOST = 16 * 1024 * 1024


@define(eq=False)
class Entry:
    """
    One call on the docket.

    @ivar owner: Who is told when it is decided; C{None} when its worker is gone.
    @ivar deadline: Monotonic seconds.
    @ivar rounds: How often somebody has come for the decision before there was one.
    @ivar deciding: Whether somebody's word is being written down at this moment.
    """

    held: Held
    owner: object
    deadline: float
    decision: Decision | None = None
    rounds: int = 0
    deciding: bool = False


class Docket:
    """The calls that wait, oldest first."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def place(self, held: Held, owner: object, now: float) -> Refusal | None:
        """Have a call wait; or why it may not."""
        waiting = list(self.waiting(now))
        if len(waiting) >= HELD_MOST:
            return _full(f"{HELD_MOST} calls wait already")
        of_one = sum(each.held.principal == held.principal and each.held.how == held.how for each in waiting)
        if of_one >= OF_ONE_MOST:
            return _full(f"{OF_ONE_MOST} calls of this principal wait already")
        if sum(each.held.size for each in waiting) + held.size > BYTES_MOST:
            return _full(f"the calls that wait have {BYTES_MOST} bytes already")
        self._entries[held.id] = Entry(held, owner, now + held.wait)
        return None

    def waiting(self, now: float) -> Iterator[Entry]:
        """What waits, and what was decided and not taken yet."""
        for id in [id for id, each in self._entries.items() if each.deadline <= now]:
            del self._entries[id]
        return iter(list(self._entries.values()))

    def find(self, id: str, now: float) -> Entry | None:
        """One call, if it still waits, or its decision does."""
        entry = self._entries.get(id)
        if entry is not None and entry.deadline <= now:
            del self._entries[id]
            return None
        return entry

    def take(self, id: str, proof: str, owner: object, now: float) -> Taken:
        """
        What was decided; then the call is gone from here. Whoever asks for what is not decided is told
        when it is.

        @param proof: Of the call that is to be made: an approval is for no other.
        """
        entry = self.find(id, now)
        if entry is None or entry.held.proof != proof:
            return UNKNOWN
        if entry.decision is not None:
            del self._entries[id]
        else:
            entry.owner = owner
            entry.rounds += 1
        return Taken(True, entry.decision)

    def drop(self, id: str) -> None:
        """It does not wait any more."""
        self._entries.pop(id, None)

    def cancelled(
        self, how: str, principal: str, route: str, session: str | None, request: str, now: float
    ) -> list[Entry]:
        """
        What a client means that cancels a request of its own. Without sessions nothing tells two clients
        of one principal apart: both may mean it, and neither call is made.
        """
        wanted = (how, principal, route, session, request)
        return [each for each in self.waiting(now) if _told_by(each.held) == wanted]

    def disown(self, owner: object) -> None:
        """Who was to be told is gone, and all connections with it. What comes back may do so elsewhere."""
        for id, entry in list(self._entries.items()):
            if entry.owner is owner:
                entry.owner = None
                if not entry.held.returns:
                    del self._entries[id]


def _told_by(held: Held) -> tuple[str, str, str, str | None, str]:
    return held.how, held.principal, held.route, held.session, held.request


def _full(detail: str) -> Refusal:
    # Most of what waits is decided or over within a minute or two.
    return Refusal(Reason.POLICY_UNDECIDED, detail, retry_after=60)
