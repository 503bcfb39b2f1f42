"""What the admin process asks of its gate, over the channel between the two.

Not over the control socket, on which whoever asks is known by the kernel's word: what is decided here is
recorded with the name of the person that has logged in, and only our own process can vouch for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any

from mcpgate.admin.page import GateFacts
from mcpgate.admin.together import Together
from mcpgate.workers.channel import Channel, ChannelError

# A worker that is asked has two seconds (C{workers.supervisor}); beyond that a page says that there is no
# answer.
WITHIN = 4.0
#: Seconds for which an answer about the status is good: a page that reloads itself, ten browsers and a
#: prober cost the gate one question.
FRESH = 1.0


class GateError(Exception):
    """The gate refused, or did not answer; in words for whoever asked."""


class GateLink:
    """The gate, as it is asked."""

    def __init__(self, channel: Callable[[], Channel | None]) -> None:
        self._channel = channel
        self._status: dict[str, Any] | None = None
        self._until = 0.0
        self._asking = Together[dict[str, Any]]()

    async def ask(self, verb: str, by: str = "the dashboard", **arguments: Any) -> dict[str, Any]:
        """
        A verb of the control socket (C{beside.ASKED}).

        @param by: who wants it; it is recorded with what they decide.
        @raise GateError: it was refused, or there was no answer.
        """
        channel = self._channel()
        if channel is None:
            raise GateError("the gate is gone")
        try:
            return await channel.ask("gate", within=WITHIN, what=verb, by=by, arguments=arguments)
        except ChannelError as error:
            raise GateError(f"the gate {error}" if not channel.open else str(error)) from None

    def tell(self, verb: str, **arguments: Any) -> None:
        """Tell the gate's process something for its own C{status}, if it is still there."""
        channel = self._channel()
        if channel is not None:
            channel.tell(verb, **arguments)

    async def status(self) -> dict[str, Any]:
        """
        As C{mcpgate status}, at most a second old.

        @raise GateError: there is no answer.
        """
        if self._status is None or monotonic() >= self._until:
            self._status = None
            self._status = await self._asking.ask(lambda: self.ask("status"))
            self._until = monotonic() + FRESH
        return self._status

    async def facts(self, wanted: Iterable[str], hold: str = "") -> GateFacts:
        """What a page wants to know of it; never raises. C{hold}: the call that it is about."""
        found: dict[str, Any] = {}
        try:
            if "status" in wanted:
                found["status"] = await self.status()
            if "held" in wanted:
                found["held"] = held = tuple((await self.ask("held"))["held"])
                if "hold" in wanted and any(one["id"] == hold for one in held):
                    found["hold"] = (await self.ask("held", id=hold))["held"][0]
        except GateError as error:
            found["problem"] = str(error)
        return GateFacts(**found)
