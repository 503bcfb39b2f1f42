"""A caller who sends any bytes he likes, in any pieces, and sees how the connection ended.

It speaks TLS with the standard library, and reads answers with a few lines of its own that are as
strict as they are short: nothing of ours judges ours.
"""

import json
import select
import socket
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from attrs import field, frozen

from tests.e2e.lab import GateProcess

# Everything is on one machine. Whoever waits this long waits for ever.
PATIENCE = 20.0


@frozen
class Answer:
    """An answer as far as it came. C{whole}: it came to the end that its head promised."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    whole: bool


def answers_in(octets: bytes) -> tuple[list[Answer], bytes]:
    """Every final answer in a connection's bytes, and what is none."""
    found: list[Answer] = []
    while octets.startswith(b"HTTP/1.1 ") and b"\r\n\r\n" in octets:
        head, _, octets = octets.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        if 100 <= status < 200:
            continue
        if headers.get("transfer-encoding") == "chunked":
            body, whole, octets = _unchunked(octets)
        else:
            length = int(headers.get("content-length", "0"))
            body, octets = octets[:length], octets[length:]
            whole = len(body) == length
        found.append(Answer(status, headers, body, whole))
    return found, octets


def _unchunked(octets: bytes) -> tuple[bytes, bool, bytes]:
    body = b""
    while True:
        line, found, rest = octets.partition(b"\r\n")
        if not found:
            return body, False, octets
        size = int(line, 16)
        body += rest[:size]
        if len(rest) < size + 2:
            return body, False, b""
        octets = rest[size + 2 :]
        if not size:
            return body, True, octets


def posted(gate: GateProcess, message: Mapping[str, Any]) -> bytes:
    """A message as a request to the default route."""
    return request_of(gate.token, message)


def request_of(token: str, message: Mapping[str, Any]) -> bytes:
    """A message of somebody's, as a request to the default route."""
    body = json.dumps(message).encode()
    lines = [
        "POST /mcp HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        "Accept: application/json, text/event-stream",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def streamed(gate: GateProcess) -> bytes:
    """A request for the stream of what the upstream wants to say."""
    lines = [
        "GET /mcp HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {gate.token}",
        "Accept: text/event-stream",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def calling(tool: str, id: int = 1, **arguments: Any) -> dict[str, Any]:
    """A tools/call of any revision."""
    params = {"name": tool, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}


def trusting(authority: Path) -> ssl.SSLContext:
    """A client's context. Costly to make: one is enough for any number of connections."""
    return ssl.create_default_context(cafile=authority)


def knock(port: int, source: str = "", receive_buffer: int = 0) -> socket.socket:
    """A TCP connection on which nothing was sent yet."""
    raw = socket.socket()
    raw.settimeout(PATIENCE)
    if receive_buffer:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if source:
        raw.bind((source, 0))
    raw.connect(("127.0.0.1", port))
    return raw


class Wire:
    """A TLS connection. C{octets} is all that came, C{ended} how it ended: C{close}, C{cut} or C{""}."""

    def __init__(
        self,
        port: int,
        context: ssl.SSLContext,
        *,
        name: str = "localhost",
        source: str = "",
        receive_buffer: int = 0,
    ) -> None:
        """
        @param source: the address to call from, of 127.0.0.0/8.
        @param receive_buffer: bytes, for a caller whose kernel takes little before it reads.
        """
        self.octets = b""
        self.ended = ""
        raw = knock(port, source, receive_buffer)
        # A record for each byte is only sent so if none waits for the one before it.
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A cut must be told from an end in good order.
        self.sock = context.wrap_socket(raw, server_hostname=name, suppress_ragged_eofs=False)
        self.sock.setblocking(False)

    def send(self, octets: bytes, size: int = 65536, pause: float = 0.0) -> Self:
        """Send in records of at most C{size} bytes, for as long as the gate listens."""
        view = memoryview(octets)
        end = time.monotonic() + PATIENCE
        while view and not self.ended:
            assert time.monotonic() < end, "the gate neither reads nor closes"
            try:
                view = view[self.sock.send(view[:size]) :]
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                self._ready(0.1, writable=True)
                self.take()
            except OSError:
                # Who is not listened to any more may still read what was said before.
                self.take()
                self.ended = self.ended or "cut"
            if pause:
                time.sleep(pause)
            # A look costs as much as a record: at every sixteenth, where they are small.
            if view and (size > 16 or len(view) % 16 == 0):
                self.take()
        return self

    def take(self) -> None:
        """Read what has arrived."""
        try:
            while not self.ended:
                octets = self.sock.recv(65536)
                self.octets += octets
                if not octets:
                    self.ended = "close"
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError:
            self.ended = "cut"

    def wait(self, quiet: float, most: float = PATIENCE) -> Self:
        """Read until the end, or until nothing came for C{quiet} seconds after the first bytes."""
        end = time.monotonic() + most
        last = end
        while not self.ended:
            now = time.monotonic()
            if now >= min(end, last):
                break
            before = len(self.octets)
            self._ready(min(end, last) - now)
            self.take()
            if len(self.octets) > before:
                last = time.monotonic() + quiet
        return self

    def wait_for(self, count: int, most: float = PATIENCE) -> Self:
        """Read until there are so many whole answers, or until the end."""
        end = time.monotonic() + most
        while not self.ended and sum(one.whole for one in answers_in(self.octets)[0]) < count:
            assert time.monotonic() < end, f"no answer within {most:g} s, only {self.octets[:200]!r}"
            self._ready(0.1)
            self.take()
        return self

    def _ready(self, seconds: float, writable: bool = False) -> None:
        # Not select, which knows no descriptor above 1023.
        poll = select.poll()
        poll.register(self.sock, select.POLLIN | (select.POLLOUT if writable else 0))
        poll.poll(seconds * 1000)

    def answers(self) -> list[Answer]:
        """The answers so far; there must be nothing else."""
        found, rest = answers_in(self.octets)
        assert not rest, f"no answer: {rest[:80]!r}"
        return found

    def close(self) -> None:
        """Break it off."""
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
