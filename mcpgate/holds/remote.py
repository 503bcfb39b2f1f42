"""The office as workers and their supervisor see it over the channel between them.

A worker asks (C{hold_place}, C{hold_take}, ...), the supervisor answers, and asks back (C{hold_record},
C{hold_wake}). Values cross as JSON; both ends are of one program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from twisted.internet.defer import Deferred

from mcpgate.holds.desk import Desk
from mcpgate.holds.held import Decision, Held, Taken
from mcpgate.holds.office import Office
from mcpgate.reasons import Reason, Refusal
from mcpgate.workers.channel import Channel, ChannelError, Verb

# Nothing of it touches a file but one line of the journal; a supervisor or worker that takes longer hangs.
ANSWER_MOST = 10.0

_plain = msgspec.to_builtins


class RemoteOffice:
    """The supervisor's office, from a worker. C{owner} is whoever is at this end of the channel."""

    def __init__(self, channel: Callable[[], Channel]) -> None:
        self._channel = channel

    async def place(self, held: Held, owner: Any) -> Refusal | None:
        """See L{Office.place}."""
        return _refusal(await self._ask("hold_place", held=_plain(held)))

    async def take(self, hold: str, proof: str, owner: Any) -> Taken:
        """See L{Office.take}."""
        return msgspec.convert(await self._ask("hold_take", hold=hold, proof=proof), Taken)

    def withdraw(self, hold: str) -> None:
        """See L{Office.withdraw}."""
        self._channel().tell("hold_withdraw", hold=hold)

    async def cancelled(
        self, how: str, principal: str, route: str, session: str | None, request: str
    ) -> None:
        """See L{Office.cancelled}."""
        self._channel().tell(
            "hold_cancelled", how=how, principal=principal, route=route, session=session, request=request
        )

    def _ask(self, verb: str, **arguments: Any) -> Deferred[Any]:
        return self._channel().ask(verb, within=ANSWER_MOST, **arguments)


class RemoteDesk:
    """A worker's desk, from the supervisor: the L{Owner} of what that worker's callers wait for."""

    def __init__(self, channel: Callable[[], Channel]) -> None:
        self._channel = channel

    async def record(self, hold: str, exchange: str, decision: Decision) -> bool:
        """See L{Desk.record}."""
        return await self._ask("hold_record", hold=hold, exchange=exchange, decision=_plain(decision))

    async def wake(self, hold: str) -> bool:
        """See L{Desk.wake}."""
        return await self._ask("hold_wake", hold=hold)

    async def _ask(self, verb: str, **arguments: Any) -> bool:
        try:
            return bool((await self._channel().ask(verb, within=ANSWER_MOST, **arguments))["yes"])
        except ChannelError:
            return False


def office_verbs(office: Office, owner: RemoteDesk) -> Mapping[str, Verb]:
    """What one worker may ask of its supervisor."""

    async def place(*, held: Mapping[str, Any]) -> Mapping[str, Any]:
        refusal = await office.place(msgspec.convert(held, Held), owner)
        if refusal is None:
            return {}
        return {"detail": refusal.detail, "retry_after": refusal.retry_after}

    async def take(*, hold: str, proof: str) -> Mapping[str, Any]:
        facts: Mapping[str, Any] = _plain(await office.take(hold, proof, owner))
        return facts

    async def cancelled(**told: Any) -> Mapping[str, Any]:
        await office.cancelled(**told)
        return {}

    return {
        "hold_place": place,
        "hold_take": take,
        "hold_withdraw": office.withdraw,
        "hold_cancelled": cancelled,
    }


def desk_verbs(desk: Callable[[], Desk | None]) -> Mapping[str, Verb]:
    """What the supervisor may ask of a worker. C{desk}: C{None} while it serves nothing."""

    async def record(*, hold: str, exchange: str, decision: Mapping[str, Any]) -> Mapping[str, Any]:
        here = desk()
        return {"yes": here is not None and await here.record(hold, exchange, _decision(decision))}

    async def wake(*, hold: str) -> Mapping[str, Any]:
        here = desk()
        return {"yes": here is not None and await here.wake(hold)}

    return {"hold_record": record, "hold_wake": wake}


def _decision(facts: Mapping[str, Any]) -> Decision:
    return msgspec.convert(facts, Decision)


def _refusal(facts: Mapping[str, Any]) -> Refusal | None:
    if not facts:
        return None
    return Refusal(Reason.POLICY_UNDECIDED, str(facts["detail"]), retry_after=int(facts["retry_after"]))
