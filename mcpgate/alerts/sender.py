"""What it takes to send an alert, whichever way it goes."""

from __future__ import annotations

from typing import Protocol

from attrs import frozen

from mcpgate.alerts.alert import Alert


@frozen
class Message:
    """
    An alert on its way to one C{[[alert]]}.

    @ivar id: The same when it is tried again: whoever has had it knows that it is no other.
    @ivar times: How often the same has happened since it was last told.
    @ivar since: Monotonic seconds at which it was to be sent.
    """

    alert: Alert
    id: str
    times: int
    since: float


class NotTold(Exception):
    """
    Nobody has said that it has arrived. The words hold no secret, and no path of a URL.

    C{refused}: whoever got it does not want it, so trying it again and again would only keep others waiting.
    """

    def __init__(self, why: str, *, refused: bool = False) -> None:
        super().__init__(why)
        self.refused = refused


class Sender(Protocol):
    """One way to tell somebody."""

    async def send(self, message: Message) -> None:
        """
        Send it; returns when it is with whoever was to be told, as far as can be known.

        @raise NotTold: it is not.
        """

    def stop(self) -> None:
        """Give up what is on its way."""
