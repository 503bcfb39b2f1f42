"""The channel between a supervisor and one worker: questions, answers, and sockets, both ways.

A unix socket pair carries JSON objects, each behind its length. C{{"ask": 7, "verb": "adopt", ...}}
is answered C{{"answer": 7, "result": {...}}} or C{{"answer": 7, "error": "..."}}; C{{"tell": "log",
...}} is not answered. Descriptors travel beside the bytes, in the order of the questions that need
them, and C{"descriptors"} says how many a question has. Both ends are of one program, so whatever is
not of this form ends the channel.
"""

from __future__ import annotations

import json
import os
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from itertools import count
from typing import Any

from twisted.internet.defer import Deferred, fail, maybeDeferred
from twisted.internet.interfaces import IFileDescriptorReceiver
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import Int32StringReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

# A configuration has up to 1 MiB, JSON may double it; a token file of 100,000 tokens has 25 MiB.
MESSAGE_MOST = 64 * 1024 * 1024

#: What a verb gives: facts, at once or later. It refuses by raising L{ChannelError}.
Verb = Callable[..., Mapping[str, Any] | Awaitable[Mapping[str, Any]] | None]


class ChannelError(Exception):
    """The other end refused; in words for the log."""


class Silent(ChannelError):
    """The other end is gone, or did not answer in time."""


@implementer(IFileDescriptorReceiver)
class Channel(Int32StringReceiver):
    """One end. C{verbs} is what the other end may ask of us or tell us."""

    log = Logger()
    MAX_LENGTH = MESSAGE_MOST
    transport: Any

    def __init__(self, reactor: Any, verbs: Mapping[str, Verb], gone: Callable[[], None]) -> None:
        """
        @param verbs: called with the named arguments of the message, and C{descriptors} if it has any.
        @param gone: called once when the other end is gone.
        """
        self._reactor = reactor
        self._verbs = verbs
        self._gone = gone
        self._numbers = count(1)
        self._asked: dict[int, Deferred[dict[str, Any]]] = {}
        # Copies of what was sent along with a question: a number must not be reused before it is sent.
        self._lent: dict[int, list[int]] = {}
        self._received: deque[int] = deque()
        #: Whether the other end is there.
        self.open = False

    def connectionMade(self) -> None:
        """From now on we can ask."""
        self.open = True

    # Our side of it.

    def ask(
        self, verb: str, *, within: float, descriptors: Iterable[int] = (), **arguments: Any
    ) -> Deferred[dict[str, Any]]:
        """
        Ask the other end; fires with the facts it answers, or fails with L{ChannelError}.

        @param within: seconds, after which it is not waited for any more.
        @param descriptors: the other end gets copies of them.
        @raise OSError: they cannot be copied.
        """
        if not self.open:
            return fail(Silent("is gone"))
        number = next(self._numbers)
        lent = self._lent[number] = []
        try:
            lent += (os.dup(descriptor) for descriptor in descriptors)
        except OSError:
            self._take_back(number)
            raise
        for descriptor in lent:
            self.transport.sendFileDescriptor(descriptor)
        self._send({"ask": number, "verb": verb, "with": arguments, "descriptors": len(lent)})
        answered: Deferred[dict[str, Any]] = Deferred()
        self._asked[number] = answered

        def give_up() -> None:
            if self._asked.pop(number, None) is not None:
                answered.errback(Silent(f"did not answer within {within:g} seconds"))

        waiting = self._reactor.callLater(within, give_up)

        def stop_waiting(outcome: Any) -> Any:
            if waiting.active():
                waiting.cancel()
            return outcome

        return answered.addBoth(stop_waiting)

    def tell(self, verb: str, **arguments: Any) -> None:
        """Tell the other end something, if it is still there."""
        if self.open:
            self._send({"tell": verb, "with": arguments})

    def close(self) -> None:
        """Let the other end see our end, once it has all that was sent."""
        if self.open:
            self.transport.loseConnection()

    def _send(self, message: Mapping[str, Any]) -> None:
        self.sendString(json.dumps(message).encode())

    # What comes from the other end.

    def fileDescriptorReceived(self, descriptor: int) -> None:
        """It belongs to the next question that has descriptors."""
        os.set_inheritable(descriptor, False)
        self._received.append(descriptor)

    def stringReceived(self, string: bytes) -> None:
        """One whole message."""
        try:
            match json.loads(string):
                case {
                    "ask": int(number),
                    "verb": str(verb),
                    "with": dict(arguments),
                    "descriptors": int(sent),
                }:
                    if sent:
                        arguments["descriptors"] = [self._received.popleft() for _ in range(sent)]
                    self._do(verb, arguments).addCallbacks(
                        lambda facts: self._answer(number, result=dict(facts or {})),
                        lambda failure: self._answer(number, error=self._why(verb, failure)),
                    )
                case {"tell": str(verb), "with": dict(arguments)}:
                    self._do(verb, arguments).addErrback(lambda failure: self._why(verb, failure))
                case {"answer": int(number), "result": dict(facts)}:
                    self._answered(number, facts)
                case {"answer": int(number), "error": str(words)}:
                    self._answered(number, ChannelError(words))
                case _:
                    raise ValueError("no such message")
        except (ValueError, IndexError):
            self.log.error("the channel to another process of the gate makes no sense; it is closed")
            self.transport.abortConnection()

    def _do(self, verb: str, arguments: dict[str, Any]) -> Deferred[Mapping[str, Any] | None]:
        async def run() -> Mapping[str, Any] | None:
            known = self._verbs.get(verb)
            if known is None:
                raise ChannelError(f"does not know {verb}")
            result = known(**arguments)
            return await result if isinstance(result, Awaitable) else result

        return maybeDeferred(lambda: Deferred.fromCoroutine(run()))

    def _answer(self, number: int, **outcome: Any) -> None:
        if self.open:
            self._send({"answer": number, **outcome})

    def _why(self, verb: str, failure: Failure) -> str:
        if failure.check(ChannelError):
            return str(failure.value)
        self.log.failure("{verb} failed", failure=failure, verb=verb)
        return f"failed at {verb}; the log says why"

    def _answered(self, number: int, outcome: dict[str, Any] | ChannelError) -> None:
        self._take_back(number)
        answered = self._asked.pop(number, None)
        if answered is None:
            return  # it was not waited for any more
        if isinstance(outcome, ChannelError):
            answered.errback(outcome)
        else:
            answered.callback(outcome)

    def _take_back(self, number: int) -> None:
        for descriptor in self._lent.pop(number, ()):
            os.close(descriptor)

    def lengthLimitExceeded(self, length: int) -> None:
        """Nothing of ours is so long."""
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Whoever waits for an answer will get none."""
        self.open = False
        for descriptor in self._received:
            os.close(descriptor)
        self._received.clear()
        for number in list(self._lent):
            self._take_back(number)
        asked, self._asked = self._asked, {}
        for answered in asked.values():
            answered.errback(Silent("is gone"))
        self._gone()


def attach(reactor: Any, channel: Channel, end: socket.socket) -> None:
    """Let a channel have its end of a socket pair, which is closed here."""
    factory = Factory.forProtocol(lambda: channel)
    factory.noisy = False
    with end:
        end.setblocking(False)
        reactor.adoptStreamConnection(end.fileno(), socket.AF_UNIX, factory)
