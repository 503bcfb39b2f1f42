"""A loopback port in clear before the gate: it adds the bearer token, and changes nothing else.

The suite can neither send a token nor trust a CA. So it speaks to this, and this speaks TLS to the
gate: one connection for each of the suite's, and every byte of both directions as it came, except for
three things in a request's head. A C{Host} or C{Origin} that is the shim's own becomes the gate's (any
other, such as evil.example.com, is what the suite wants to be seen), and C{Authorization} is added.
Names, white space, order and repetitions of header lines are what the suite sent.

Bodies of requests are looked at only to know where the next head begins.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from attrs import frozen

#: More than any head or line of the suite's.
_LINE = 1 << 20

_PIECE = 1 << 16

_FIELD = re.compile(rb"(?P<name>[^:\s]+):(?P<before>[ \t]*)(?P<value>.*?)(?P<after>[ \t]*)", re.DOTALL)


@frozen
class Mapping:
    """Whom the shim is taken for, who the gate is, and what is added; C{localhost:4010} and the like."""

    shim: bytes
    gate: bytes
    token: str

    def head(self, head: bytes) -> bytes:
        """The head of a request, up to and with its empty line, as the gate is to get it."""
        first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        added = b"Authorization: Bearer " + self.token.encode()
        return b"\r\n".join([first, *map(self._line, lines), added]) + b"\r\n\r\n"

    def _line(self, line: bytes) -> bytes:
        found = _FIELD.fullmatch(line)
        if found is None:
            return line
        own = {(b"host", self.shim): self.gate, (b"origin", b"http://" + self.shim): b"https://" + self.gate}
        mapped = own.get((found["name"].lower(), found["value"]))
        if mapped is None:
            return line
        return b"%b:%b%b%b" % (found["name"], found["before"], mapped, found["after"])


def body_size(head: bytes) -> int | None:
    """How long the body after this head is; C{None} if it comes in chunks."""
    size = 0
    for line in head.split(b"\r\n")[1:]:
        found = _FIELD.fullmatch(line)
        if found is None:
            continue
        name = found["name"].lower()
        if name == b"transfer-encoding":
            return None
        if name == b"content-length" and found["value"].isdigit():
            size = int(found["value"])
    return size


class Shim:
    """From C{with} until its end, in a thread of its own."""

    def __init__(self, gate: int, token: str, ca: Path) -> None:
        """
        @param gate: the gate's port.
        @param ca: whom the gate's certificate must chain to.
        """
        self.port = 0
        self._gate = gate
        self._token = token
        self._context = ssl.create_default_context(cafile=str(ca))
        self._context.set_alpn_protocols(["http/1.1"])
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="Shim", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the shim does not serve")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        listening = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_LINE)
        self.port = listening.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        listening.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._pass(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            # Either side is gone; the other is told by its own connection.
            pass
        except asyncio.CancelledError:
            # By the end of the shim. Python 3.11's server asks this task how it failed, which a
            # cancelled one cannot say.
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_gate, to_gate = await asyncio.open_connection(
            "127.0.0.1", self._gate, ssl=self._context, server_hostname="localhost"
        )
        mapping = Mapping(b"localhost:%d" % self.port, b"localhost:%d" % self._gate, self._token)
        out = asyncio.create_task(_requests(reader, to_gate, mapping))
        back = asyncio.create_task(copy(from_gate, writer))
        try:
            # Whoever ends first ends both.
            await asyncio.wait({out, back}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (out, back):
                task.cancel()
            await asyncio.gather(out, back, return_exceptions=True)
            to_gate.close()


async def _requests(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, mapping: Mapping) -> None:
    """Pass on request after request until the suite closes the connection."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(mapping.head(head))
        size = body_size(head)
        if size is None:
            await _chunks(reader, writer)
        while size:
            piece = await reader.read(min(size, _PIECE))
            if not piece:
                return
            size -= len(piece)
            writer.write(piece)
        await writer.drain()


async def _chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on a body in chunks, with its trailers."""
    while True:
        line = await reader.readuntil(b"\r\n")
        writer.write(line)
        size = int(line.partition(b";")[0], 16)
        if size == 0:
            break
        writer.write(await reader.readexactly(size + 2))
        await writer.drain()
    while line != b"\r\n":
        line = await reader.readuntil(b"\r\n")
        writer.write(line)


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes, at once, until it ends."""
    while piece := await reader.read(_PIECE):
        writer.write(piece)
        await writer.drain()
