"""TLS on a socket of our own, on the readiness set: one system call and no copy per record.

Theory of operation. pyOpenSSL's C{Connection} sits on the non-blocking socket itself. A stream
goes through four states and never back::

    SHAKING ──▶ OPEN ──▶ CLOSING ──▶ CLOSED
       └──────────┴──────────┴─────────▲

- SHAKING: only OpenSSL reads and writes. L{Owner.secured} ends it; until then the owner cannot
  write, so nothing can leave before the owner has judged the handshake.
- OPEN: L{TLSStream.write} sends at once; only what the kernel does not take is kept. Above
  C{buffer} bytes of it the owner is told to stop its source, below a quarter to go on.
- CLOSING: what is kept is flushed, close_notify and FIN are sent, and what the peer still sends is
  thrown away for a moment, so that our last words are not lost to a reset (RFC 9112 9.6).

The owner hears L{Owner.lost} exactly once when the peer or the network ended the stream, and never
when it ended the stream itself. There is no renegotiation and no session ticket; a TLS 1.3 key
update may make a read want to write and is waited for.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from enum import Enum, auto
from errno import EBADF
from typing import NoReturn, Protocol

from OpenSSL import SSL

from mcpgate.tls.binding import RECORD, Records, clear_errors
from mcpgate.tls.readiness import GONE, NEVER, READ, WRITE, Readiness

# Joined records of one turn: 8 full ones. More would let one fast peer hold up the others, and each
# turn's read is copied a few times on its way: 16 cost a slow reader of a stream 1.2 MB, 8 half of it.
READ_MOST = 8 * RECORD

# Reads in a row that found one record alone before it is no longer looked for another each time.
LOOKS = 8

# Taken from what is kept for one attempt to send it: a kernel that was full takes a few records.
WRITE_MOST = 8 * RECORD

# Kept for a slow reader before its source is stopped, where the owner says nothing else
# (limits.buffer); below a quarter of it the source goes on again. Together with one turn's read this
# bounds the memory of a stream.
HIGH_WATER = 128 * 1024

# A peer that takes nothing of what is written to it for so long is dropped, where the owner says
# nothing else (limits.send_timeout).
STALL = 30.0

# Reads thrown away per turn while lingering, so that a flood after our last word holds up nobody.
DISCARD_MOST = 16

# A peer that vanished without a FIN is found within a minute: probes after 30 s of silence, every
# 10 s, three of them (the kernel's own default is two hours).
_PROBES = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    # Answers and requests go out in one piece each; waiting to join them only adds delay.
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
)

# How long a peer may go on sending after our FIN: nginx's lingering_timeout is 5 s, two suffice
# for a peer that is alive.
LINGER = 2.0


class Bug(Exception):
    """Not the peer's fault: the stream was dropped because of a bug in the gate."""


def tune(sock: socket.socket) -> None:
    """Set a socket up, on either leg; what a listening one accepts is set up so, too, but blocks."""
    sock.setblocking(False)
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        for level, option, value in _PROBES:
            sock.setsockopt(level, option, value)


def discard(sock: socket.socket) -> bool:
    """Throw away what has arrived, a bounded amount of it; whether the connection is over."""
    try:
        for _ in range(DISCARD_MOST):
            if not sock.recv(65536):
                return True
    except BlockingIOError:
        return False
    except OSError:
        return True
    return False


class State(Enum):
    """Where a stream is in its life."""

    SHAKING = auto()
    OPEN = auto()
    CLOSING = auto()
    CLOSED = auto()


# Reading a member off its class costs more than comparing it (Python 3.11), and every request does
# so a dozen times.
SHAKING, OPEN, CLOSING, CLOSED = State


class _Closed:
    """What a stream has in the place of its records once its socket is closed."""

    def read(self) -> NoReturn:
        raise SSL.SysCallError(EBADF, "the stream is closed")

    def write(self, data: bytes) -> NoReturn:
        raise SSL.SysCallError(EBADF, "the stream is closed")


_CLOSED = _Closed()


class Owner(Protocol):
    """Whose stream it is."""

    def secured(self) -> None:
        """The handshake is complete and not yet judged."""

    def received(self, data: bytes) -> None:
        """Decrypted bytes, those of one turn joined."""

    def paused(self) -> None:
        """The peer reads slowly: stop what feeds this stream."""

    def resumed(self) -> None:
        """The peer caught up."""

    def overdue(self) -> None:
        """The deadline that the owner set has passed."""

    def lost(self, error: Exception | None) -> None:
        """The stream is gone. C{None}: the peer said close_notify; else how it broke."""


class TLSStream:
    """One TLS connection. C{deadline} belongs to the owner until the stream is closing."""

    __slots__ = (
        "congested",
        "connection",
        "deadline",
        "ended",
        "joins",
        "owner",
        "released",
        "source",
        "state",
        "_alone",
        "_descriptor",
        "_events",
        "_high",
        "_mute",
        "_out",
        "_reading",
        "_readiness",
        "_records",
        "_retry_read",
        "_socket",
        "_stall",
    )

    def __init__(
        self,
        readiness: Readiness,
        sock: socket.socket,
        connection: SSL.Connection,
        owner: Owner,
        *,
        watched: bool = False,
        descriptor: int | None = None,
        send_timeout: float = STALL,
        buffer: int = HIGH_WATER,
    ) -> None:
        """
        @param sock: non-blocking and connected.
        @param connection: made on C{sock}, its accept or connect state already set.
        @param descriptor: C{sock}'s, where the number is at hand already.
        @param watched: whether the socket is in the set already (under another thing's name).
        @param send_timeout: how long the peer may take nothing of what is kept for it.
        @param buffer: how many bytes are kept for it before its source is stopped.
        """
        self.connection = connection
        self.deadline: float = NEVER
        #: Read on while there is more, and hand it over joined: for bodies, not for small requests,
        #: where the last read would only find nothing.
        self.joins = False
        #: The peer's end has been read, and comes after the bytes that are being handed over.
        self.ended = False
        #: The peer reads so slowly that what feeds this stream should stop. The deadline is ours then.
        self.congested = False
        self.state = SHAKING
        #: Called with L{source} once the socket is closed.
        self.released: Callable[[str], None] | None = None
        #: Whom the stream counts for.
        self.source = ""
        self._stall = send_timeout
        self._high = buffer
        self._readiness = readiness
        self._socket = sock
        self._descriptor = sock.fileno() if descriptor is None else descriptor
        self.owner = owner
        # Made when the kernel does not take all; most streams never need it.
        self._out: bytearray | None = None
        self._mute = False
        self._reading = True
        self._alone = 0
        self._retry_read = False
        self._records: Records | _Closed = Records(connection, readiness.scratch)
        self._events = READ
        if watched:
            readiness.hand_over(self._descriptor, self, READ)
        else:
            readiness.watch(self._descriptor, self, READ)

    def shake(self) -> None:
        """Go on with the handshake: call once to start, then the set calls."""
        try:
            self.connection.do_handshake()
        except SSL.WantReadError:
            self._watch(READ)
        except SSL.WantWriteError:
            self._watch(READ | WRITE)
        except (SSL.Error, OSError) as error:
            clear_errors()
            self._lost(error)
        else:
            self.state = OPEN
            self._watch(READ)
            self.owner.secured()

    # What the owner calls.

    def write(self, data: bytes) -> None:
        """Send C{data}; what the kernel does not take now goes out later, in order."""
        if self.state is not OPEN or self._mute:
            return
        out = self._out
        if not out:
            sent = self._push(data)
            if sent == len(data):
                return
            out = self._out = bytearray(data[sent:] if sent else data)
            self._watch(self._events | WRITE)
        else:
            out += data
        if len(out) > self._high and not self.congested:
            self.congested = True
            self.deadline = self._readiness.now + self._stall
            self.owner.paused()

    def peer(self) -> object:
        """The peer's address as the socket has it; C{None} once it is gone."""
        try:
            return self._socket.getpeername()
        except OSError:
            return None

    @property
    def unsent(self) -> bool:
        """Whether the kernel has not taken all that was written."""
        return bool(self._out)

    def pause(self, *, unless_gone: bool = False) -> None:
        """
        Read no more until L{resume}; the kernel's window then slows the peer down.

        @param unless_gone: the owner wants to hear of the peer's FIN all the same, and does without
            what was sent before it.
        """
        if self._reading:
            self._reading = False
            self._watch(self._events & ~READ | (GONE if unless_gone else 0))

    def resume(self) -> None:
        """Read again."""
        if not self._reading:
            self._reading = True
            self._watch(self._events & ~GONE | READ)

    def look(self) -> None:
        """Read at once what may have arrived, before a write to a peer that is gone can spoil it."""
        if self.state is OPEN and self._reading:
            self.readable()

    def close(self) -> None:
        """Flush, say goodbye, linger; the owner hears nothing more."""
        if self.state is OPEN:
            self.state = CLOSING
            if self._out:
                # What was written is the peer's: it has as long for it as on a connection that stays.
                self.deadline = self._readiness.now + self._stall
            else:
                self._say_goodbye()
        elif self.state is SHAKING:
            self.abort()

    def abort(self) -> None:
        """Drop the connection now; the peer sees a truncated stream."""
        if self.state is not CLOSED:
            self.state = CLOSED
            self._readiness.forget(self._descriptor)
            self._socket.close()
            # The descriptor's number is reused at once: nothing may reach OpenSSL through us again.
            self._records = _CLOSED
            self._out = None
            if self.released is not None:
                self.released(self.source)
            # Each holds the other, and OpenSSL's forty KiB with them, until a collection finds them.
            self.owner = _NOBODY

    # What the readiness set calls.

    def readable(self) -> None:
        if self.state is not OPEN or not self._reading:
            return self._readable_else()
        end: SSL.Error | OSError | None = None
        try:
            data = self._records.read()
            if data is None:
                return
            if len(data) == RECORD or (self.joins and self._worth_joining()):
                data, end = self._read_on(data)
        except SSL.WantWriteError:
            self._retry_read = True
            return self._watch(self._events | WRITE)
        except (SSL.Error, OSError) as error:
            clear_errors()
            return self._lost(error)
        self.owner.received(data)
        if end is not None and self.state is not CLOSED:
            self._lost(end)

    def _readable_else(self) -> None:
        if self.state is OPEN:
            # Not asked for: only an error or a full hang-up is reported then.
            self._lost(ConnectionResetError("connection reset by peer"))
        elif self.state is SHAKING:
            self.shake()
        elif self.state is CLOSING:
            self._discard()

    def writable(self) -> None:
        if self.state is SHAKING:
            return self.shake()
        if self._retry_read:
            self._retry_read = False
            self._watch(self._events & ~WRITE if not self._out else self._events)
            self.look()
            if self.state is CLOSED:
                return
        out = self._out
        if not out:
            return self._watch(self._events & ~WRITE)
        with memoryview(out) as kept:
            some = bytes(kept[:WRITE_MOST])
        sent = self._push(some)
        del out[:sent]
        if not out:
            self._out = None
            self._watch(self._events & ~WRITE)
            if self.state is CLOSING:
                return self._say_goodbye()
        elif sent and (self.congested or self.state is CLOSING):
            self.deadline = self._readiness.now + self._stall
        if self.congested and len(out) <= self._high // 4 and self.state is OPEN:
            self.congested = False
            self.deadline = NEVER
            self.owner.resumed()

    def overdue(self) -> None:
        if self.state is CLOSING:
            self.abort()
        elif self.congested:
            self._lost(TimeoutError(f"the peer took nothing for {self._stall:g} s"))
        elif self.state is not CLOSED:
            self.owner.overdue()

    def failed(self) -> None:
        self._lost(Bug("a bug in the gate"))

    # The rest is ours.

    def _watch(self, events: int) -> None:
        if events != self._events and self.state is not CLOSED:
            self._events = events
            self._readiness.change(self._descriptor, events)

    def _worth_joining(self) -> bool:
        # A stream of rare events has one record at a time, and a look for more finds nothing: after
        # some such looks only every eighth read is followed by one.
        if self._alone < LOOKS:
            return True
        self._alone = self._alone + 1 if self._alone < 2 * LOOKS else LOOKS - 1
        return False

    def _read_on(self, data: bytes) -> tuple[bytes, SSL.Error | OSError | None]:
        """The records that are here behind the first one, joined, and the end if it follows them."""
        parts = [data]
        size = len(data)
        end: SSL.Error | OSError | None = None
        try:
            while size < READ_MOST:
                part = self._records.read()
                if part is None:
                    break
                parts.append(part)
                size += len(part)
        except SSL.WantWriteError:
            pass
        except (SSL.Error, OSError) as error:
            clear_errors()
            # The set will not report an end that OpenSSL has already read.
            end = error
            self.ended = True
        if len(parts) > 1:
            self._alone = 0
            return b"".join(parts), end
        self._alone += 1
        return data, end

    def _push(self, data: bytes) -> int:
        """How many bytes the kernel took, or need not take any more."""
        total = len(data)
        try:
            sent = self._records.write(data)
            # What is more than a record goes out record by record.
            while 0 < sent < total:
                more = self._records.write(data[sent : sent + RECORD])
                if not more:
                    break
                sent += more
        except (SSL.Error, OSError):
            # The peer does not read any more. The next read finds out what there is to say about it;
            # what it had answered was read before this write, or is lost: OpenSSL is in error now.
            clear_errors()
            self._mute = True
            return total
        return sent

    def _say_goodbye(self) -> None:
        self.deadline = self._readiness.now + LINGER
        self._notify()
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            return self.abort()
        self._watch(READ)

    def _notify(self) -> None:
        """Send close_notify, if it goes out at once."""
        try:
            self.connection.shutdown()
        except (SSL.Error, OSError):
            clear_errors()

    def _discard(self) -> None:
        if discard(self._socket):
            self.abort()

    def _lost(self, error: Exception | None) -> None:
        if self.state is CLOSED:
            return
        closing = self.state is CLOSING
        if isinstance(error, SSL.ZeroReturnError):
            # RFC 8446 6.1: a goodbye is answered by one.
            self._notify()
        owner = self.owner
        self.abort()
        if not closing:
            owner.lost(None if isinstance(error, SSL.ZeroReturnError) else error)


class _Nobody:
    """Whose stream it is once it is closed."""

    def secured(self) -> None: ...
    def received(self, data: bytes) -> None: ...
    def paused(self) -> None: ...
    def resumed(self) -> None: ...
    def overdue(self) -> None: ...
    def lost(self, error: Exception | None) -> None: ...


_NOBODY = _Nobody()
