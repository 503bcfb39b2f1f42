"""An upstream whose answers are cut off where, and in the way, that the request asks for.

TLS is the standard library's, over memory: so that a connection can end in the middle of a record.
"""

import contextlib
import fcntl
import json
import socket
import ssl
import struct
import termios
import threading
import time
from enum import StrEnum
from typing import Any, Self

from attrs import frozen

from mcpgate.testing import write_pair
from tests.e2e.lab import HOSTS, Lab
from tests.e2e.wire import PATIENCE
from tests.waiting import eventually

#: A close that resets.
ABORTIVE = struct.pack("ii", 1, 0)


class Ending(StrEnum):
    """How a connection ends."""

    #: TCP's end without TLS's: a process that dies, or an attacker's cut, between two records.
    FIN = "fin"
    RESET = "reset"
    #: TCP's end in the middle of a record.
    HALF_RECORD = "half record"
    #: TLS's end: in good order, and yet too early.
    GOODBYE = "goodbye"


@frozen
class Shape:
    """An answer: its head, its body as it goes over the wire, and the payload that this stands for."""

    name: str
    head: bytes
    body: bytes
    payload: bytes

    @property
    def octets(self) -> bytes:
        """All of it."""
        return self.head + self.body


def _chunks(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


_HEAD = b"HTTP/1.1 200 OK\r\nserver: cutting\r\ncontent-type: %b\r\n%b\r\n"
_JSON = b'{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"forty-two"}]}}'
_PIECES = (
    b'id: 1\nevent: message\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\n',
    # An event over two chunks, and two in one.
    b": a comment\n\nid: 2\ndata: {",
    b'"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}\n\n'
    b'data: {"jsonrpc":"2.0","id":1,\ndata: "result":{"content":[]}}\n\n',
)
_JSON_PIECES = (_JSON[:1], _JSON[1:30], _JSON[30:])

#: Every way in which an answer tells where it ends.
SHAPES = {
    one.name: one
    for one in (
        Shape("length", _HEAD % (b"application/json", b"content-length: %d\r\n" % len(_JSON)), _JSON, _JSON),
        Shape(
            "chunks",
            _HEAD % (b"application/json", b"transfer-encoding: chunked\r\n"),
            _chunks(*_JSON_PIECES),
            _JSON,
        ),
        Shape(
            "events",
            _HEAD % (b"text/event-stream", b"transfer-encoding: chunked\r\n"),
            _chunks(*_PIECES),
            b"".join(_PIECES),
        ),
        Shape("close", _HEAD % (b"application/json", b""), _JSON, _JSON),
    )
}


class CuttingUpstream:
    """Listens from C{with} to its end. The C{arguments} of a tools/call say what is answered."""

    def __init__(self, lab: Lab) -> None:
        certificate, key = lab.directory / "cutting.crt", lab.directory / "cutting.key"
        write_pair(lab.ca.server(HOSTS, lab.now), certificate, key)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listening.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="CuttingUpstream", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # Wakes the thread that waits in accept.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                raw, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._run, args=(raw,), daemon=True).start()

    def _run(self, raw: socket.socket) -> None:
        with raw, contextlib.suppress(OSError, EOFError):
            raw.settimeout(PATIENCE)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            leg = _Leg(raw, self._context)
            while not self._answer(leg, **leg.request()):
                pass

    def _answer(
        self,
        leg: "_Leg",
        shape: str,
        at: int,
        ending: str | None = None,
        step: int = 65536,
        wait: float = 0.0,
    ) -> bool:
        """Answer so far; whether the connection ended with it."""
        octets = SHAPES[shape].octets
        for begin in range(0, at, step):
            leg.send(octets[begin : min(at, begin + step)])
        if ending is None:
            return False
        time.sleep(wait)
        leg.end(Ending(ending), octets[at:])
        return True


def _unacknowledged(sock: socket.socket) -> int:
    count: int = struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4))[0]
    return count


class _Leg:
    """One TLS connection, over memory."""

    def __init__(self, raw: socket.socket, context: ssl.SSLContext) -> None:
        self._raw = raw
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._buffer = b""
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._exchange()
        self._flush()

    def request(self) -> dict[str, Any]:
        """The arguments of the next call."""
        head = self._until(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(self._buffer) < length:
            self._more()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        arguments: dict[str, Any] = json.loads(body)["params"]["arguments"]
        return arguments

    def send(self, octets: bytes) -> None:
        """A record."""
        self._tls.write(octets)
        self._flush()

    def end(self, ending: Ending, rest: bytes) -> None:
        """End the connection, before C{rest} of an answer."""
        if ending is Ending.RESET:
            # What the other side's kernel has not acknowledged yet would be lost with it.
            eventually(lambda: not _unacknowledged(self._raw), "the answer arrives")
            self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORTIVE)
            return
        if ending is Ending.HALF_RECORD:
            self._tls.write(rest or b"more")
            record = self._outgoing.read()
            self._raw.sendall(record[: len(record) // 2])
        elif ending is Ending.GOODBYE:
            with contextlib.suppress(ssl.SSLWantReadError):
                self._tls.unwrap()
            self._flush()
        self._raw.shutdown(socket.SHUT_WR)
        # A close while something is unread would be a reset.
        while self._raw.recv(65536):
            pass

    def _until(self, end: bytes) -> bytes:
        while end not in self._buffer:
            self._more()
        found, _, self._buffer = self._buffer.partition(end)
        return found

    def _more(self) -> None:
        while True:
            try:
                octets = self._tls.read(65536)
                break
            except ssl.SSLWantReadError:
                self._exchange()
            except ssl.SSLZeroReturnError:
                octets = b""
                break
        if not octets:
            raise EOFError
        self._buffer += octets

    def _exchange(self) -> None:
        self._flush()
        octets = self._raw.recv(65536)
        if not octets:
            raise EOFError
        self._incoming.write(octets)

    def _flush(self) -> None:
        octets = self._outgoing.read()
        if octets:
            self._raw.sendall(octets)
