"""A caller's stream without a socket: what an application hands over goes in, what is answered comes out.

To L{Inbound} it is what a L{TLSStream} is, so a request that comes by an application has the same head, the
same admission, the same exchange as any other; it knows nothing of who reads and writes outside. There is
one for each request, and its answer is the last on it. It begins open: the handshake was somebody else's,
and is judged before there is one (C{relay.embedded}).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from OpenSSL import SSL

from mcpgate.tls.readiness import NEVER, Readiness
from mcpgate.tls.stream import CLOSED, OPEN, Bug, Owner, State


class Outside(Protocol):
    """Who has the connection. Called in a turn of the readiness set, or at its end."""

    def take(self, data: bytes) -> None:
        """The next bytes of the answer."""

    def over(self) -> None:
        """That was the answer."""

    def cut(self) -> None:
        """Half of the answer is all there will be, and the caller has to see that."""


class _Nobody:
    """Whose stream it is once it is over."""

    def secured(self) -> None: ...
    def received(self, data: bytes) -> None: ...
    def paused(self) -> None: ...
    def resumed(self) -> None: ...
    def overdue(self) -> None: ...
    def lost(self, error: Exception | None) -> None: ...


_NOBODY = _Nobody()


class Passage:
    """One request in, one answer out. Its owner sets C{owner} and C{deadline}."""

    def __init__(
        self,
        readiness: Readiness,
        connection: SSL.Connection,
        outside: Outside,
        *,
        peer: object,
        send_timeout: float,
        buffer: int,
        released: Callable[[], None],
    ) -> None:
        """
        @param connection: the application's, for what can be asked of it.
        @param peer: the caller's address, as a socket would say it.
        @param send_timeout: how long the outside may take for C{buffer} bytes.
        @param released: called once, when it is over.
        """
        self.connection = connection
        self.deadline: float = NEVER
        self.owner: Owner = _NOBODY
        self.state: State = OPEN
        self.congested = False
        # What a stream on a socket has: it is read as bytes come, and its last ones may not be out yet.
        self.joins = False
        self.ended = False
        self.unsent = False
        self._readiness = readiness
        self._outside = outside
        self._peer = peer
        self._stall = send_timeout
        self._high = buffer
        self._released = released
        self._given = 0
        self._number = readiness.enlist(self)

    # What the owner calls.

    def write(self, data: bytes) -> None:
        """Give C{data} to the outside."""
        if self.state is OPEN:
            self._given += len(data)
            self._outside.take(data)

    def peer(self) -> object:
        """The caller's address."""
        return self._peer

    def pause(self, *, unless_gone: bool = False) -> None:
        """The request is here whole: there is nothing to hold back."""

    def resume(self) -> None:
        """Nor anything that would come."""

    def look(self) -> None:
        """Whoever is gone, the outside tells of."""

    def close(self) -> None:
        """The answer is complete."""
        if self.state is OPEN:
            self._end()
            self._outside.over()

    def abort(self) -> None:
        """It will never be."""
        if self.state is OPEN:
            self._end()
            self._outside.cut()

    # What the outside calls, in a turn.

    def received(self, data: bytes) -> None:
        """The request, or more of it."""
        if self.state is OPEN:
            self.owner.received(data)

    def paused(self) -> None:
        """The caller reads slowly."""
        if self.state is OPEN and not self.congested:
            self.congested = True
            # How much of it is taken meanwhile nobody tells: so there is time for all that was given since.
            buffers = 1 + self._given // self._high
            self.deadline = self._readiness.now + buffers * self._stall
            self.owner.paused()

    def resumed(self) -> None:
        """The caller caught up."""
        self._given = 0
        if self.state is OPEN and self.congested:
            self.congested = False
            self.deadline = NEVER
            self.owner.resumed()

    def lost(self, error: Exception | None) -> None:
        """The caller is gone. C{None}: in good order."""
        if self.state is OPEN:
            owner = self.owner
            self._end()
            owner.lost(error)

    # What the readiness set calls.

    def readable(self) -> None:
        """There is no socket."""

    def writable(self) -> None:
        """There is no socket."""

    def overdue(self) -> None:
        """The caller takes nothing, or it is the owner's deadline."""
        if self.congested:
            self._break(TimeoutError("the caller took nothing in time"))
        else:
            self.owner.overdue()

    def failed(self) -> None:
        """A bug, or the gate stops."""
        self._break(Bug("a bug in the gate"))

    def _break(self, error: Exception) -> None:
        if self.state is OPEN:
            owner = self.owner
            self._end()
            owner.lost(error)
            self._outside.cut()

    def _end(self) -> None:
        self.state = CLOSED
        self.owner = _NOBODY
        self._readiness.forget(self._number)
        self._released()
