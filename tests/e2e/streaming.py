"""Many quiet streams through a gate, half of either era: whether each goes on, and hears the last word.

Those of the revisions up to 2025-11-25 are opened with GET, in a session for each; those of 2026-07-28 are
answers to C{subscriptions/listen}.
"""

import asyncio
from typing import Self

from tests.e2e.echo import Talk, legacy, modern
from tests.e2e.lab import GateProcess
from tests.e2e.wire import trusting

#: How many begin at once: the kernel's queue of connections that nobody has accepted yet is short.
AT_ONCE = 32

BEAT = b": still here\n\n"
NOTE = "note://last"


class Stream:
    """One of them. C{beats} are the comments so far, C{last} whether it heard that, C{ended} how it ended:
    C{whole}, C{cut} or C{""}."""

    def __init__(self, talk: Talk, modern: bool) -> None:
        self.beats = 0
        self.last = False
        self.ended = ""
        self.modern = modern
        self.talk = talk
        self.task: asyncio.Task[None] | None = None

    async def begin(self) -> Self:
        """Open it. The rest is heard in the background."""
        await self.talk.begin()
        if self.modern:
            self.talk.send(modern("subscriptions/listen", 1, notifications={"resourceSubscriptions": [NOTE]}))
        else:
            await self.talk.open_session()
            self.talk.send(None)
        status, headers = await self.talk.head()
        assert (status, headers["content-type"]) == (200, "text/event-stream")
        if self.modern:
            assert b"notifications/subscriptions/acknowledged" in await self.talk.piece()
        self.task = asyncio.create_task(self._hear())
        return self

    async def _hear(self) -> None:
        heard = b""
        try:
            while piece := await self.talk.piece():
                heard += piece
                *events, heard = heard.split(b"\n\n")
                for event in events:
                    self.beats += event + b"\n\n" == BEAT
                    self.last |= b"notifications/resources/updated" in event and NOTE.encode() in event
        except (ConnectionError, asyncio.IncompleteReadError):
            self.ended = "cut"
        else:
            self.ended = "whole"


class Streams:
    """All of them, and somebody who can end them."""

    def __init__(self, gate: GateProcess, token: str = "") -> None:
        """
        @param token: whose they are, if not the gate's own.
        """
        self._gate = gate
        self._token = token
        self._context = trusting(gate.lab.ca_file)
        self.all: list[Stream] = []

    def talk(self, path: str = "/mcp") -> Talk:
        """A connection that is not begun."""
        return Talk(self._gate, self._context, self._token or self._gate.token, path)

    async def open(self, count: int, path: str = "/mcp") -> list[Stream]:
        """Open so many more, half of either era."""
        streams = [Stream(self.talk(path), modern=bool(number % 2)) for number in range(count)]
        for begin in range(0, count, AT_ONCE):
            await asyncio.gather(*(stream.begin() for stream in streams[begin : begin + AT_ONCE]))
        self.all += streams
        return streams

    async def tell(self) -> None:
        """Have the upstream say one last thing on each, and wait for their ends."""
        talk = await (await self.talk().begin()).open_session()
        heard = await talk.ask(legacy("tools/call", 1, name="tell", arguments={}))
        assert heard.status == 200
        async with asyncio.timeout(60):
            await asyncio.gather(*(stream.task for stream in self.all if stream.task is not None))
