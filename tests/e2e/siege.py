"""Callers who give a byte a second: of a hello, of a head, of a body; by the hundred.

Also a program, for measurements in which the besiegers must not take the processor of those who
measure: C{python -m tests.e2e.siege PORT CA TOKEN COUNT PACE} prints what became of them as JSON.
"""

import json
import select
import socket
import ssl
import sys
import time
from collections import deque
from pathlib import Path

from attrs import define, frozen

from tests.e2e.strangers import address, hello
from tests.e2e.wire import knock, trusting

# Each peer sends a byte so often: often enough that no timer of mere silence would end it.
DRIP = 1.0

# How long one that is never ended is waited for.
PATIENCE = 60.0

KINDS = ("handshake", "head", "body")

_HEAD = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
_BODY = "Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n"


@define(eq=False)
class Peer:
    """One of them. C{began} is when the clock of its deadline began to run, at the latest."""

    kind: str
    sock: socket.socket
    began: float
    rest: bytes
    dripped: float
    seconds: float | None = None


@frozen
class Fate:
    """What became of one: after how many seconds it was ended."""

    kind: str
    seconds: float


class Siege:
    """All of them, in one thread."""

    def __init__(self, port: int, context: ssl.SSLContext, token: str) -> None:
        self._port = port
        self._context = context
        self._hello = hello()
        self._head = _HEAD.format(token=token).encode()
        self._poll = select.epoll()
        self._open: dict[int, Peer] = {}
        #: Who drips next, in order: all do it at the same rate.
        self._dripping: deque[Peer] = deque()
        self._fates: list[Fate] = []

    def run(self, count: int, pace: float = 0.0) -> list[Fate]:
        """Open so many, one every C{pace} seconds, and wait until the gate has ended them all."""
        start = time.monotonic()
        for number in range(count):
            self._come(number)
            self._turn(0)
            while time.monotonic() < start + number * pace:
                self._turn(pace / 2)
        end = time.monotonic() + PATIENCE
        while self._open:
            assert time.monotonic() < end, f"{len(self._open)} are never ended"
            self._turn(0.1)
        return self._fates

    def _come(self, number: int) -> None:
        kind = KINDS[number % len(KINDS)]
        sock = knock(self._port, address(number))
        began = time.monotonic()
        rest = self._hello
        if kind != "handshake":
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock = self._context.wrap_socket(sock, server_hostname="localhost")
            began = time.monotonic()
            rest = self._head + b"X: " + b"a" * 10000
            if kind == "body":
                sock.sendall(self._head + _BODY.encode())
                rest = b'{"jsonrpc":"2.0","id":1,"method":"ping"' + b" " * 10000
        sock.setblocking(False)
        peer = Peer(kind, sock, began, rest, 0.0)
        self._open[sock.fileno()] = peer
        # Only of the end: what is said before it need not be read.
        self._poll.register(sock, select.EPOLLRDHUP)
        self._drip(peer, began)

    def _turn(self, seconds: float) -> None:
        for descriptor, _ in self._poll.poll(seconds):
            self._ended(descriptor)
        now = time.monotonic()
        while self._dripping and now >= self._dripping[0].dripped + DRIP:
            peer = self._dripping.popleft()
            if peer.sock.fileno() >= 0:
                self._drip(peer, now)

    def _drip(self, peer: Peer, now: float) -> None:
        peer.dripped = now
        self._dripping.append(peer)
        try:
            peer.sock.send(peer.rest[:1])
            peer.rest = peer.rest[1:]
        except OSError:
            # The poll tells of its end.
            pass

    def _ended(self, descriptor: int) -> None:
        peer = self._open.pop(descriptor)
        self._fates.append(Fate(peer.kind, time.monotonic() - peer.began))
        self._poll.unregister(descriptor)
        peer.sock.close()


def main(port: str, authority: str, token: str, count: str, pace: str) -> None:
    """Besiege, and say what came of it."""
    siege = Siege(int(port), trusting(Path(authority)), token)
    fates = siege.run(int(count), float(pace))
    print(json.dumps([[fate.kind, fate.seconds] for fate in fates]))


if __name__ == "__main__":
    main(*sys.argv[1:])
