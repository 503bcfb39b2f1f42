"""Ten thousand calls of two principals, who always ask with the same ids at the same time, on the few
connections of one upstream: each answer reaches the one who asked for it."""

import asyncio
import random
import ssl
from collections import defaultdict

from attrs import field, frozen

from tests.e2e.echo import EchoServer, Heard, Talk, legacy, modern
from tests.e2e.lab import GateProcess, Lab
from tests.e2e.wire import trusting

CALLS = 10_000

#: Pairs of connections, one of each principal: half in sessions up to 2025-11-25, half in 2026-07-28.
PAIRS = 8
ROUNDS = CALLS // PAIRS // 2

#: Fewer than callers: so each is leased by all of them, and by both principals in turn.
UPSTREAM_CONNECTIONS = 6

#: Once in so many rounds a caller leaves before the answer, so that the answer meets nobody.
LEAVES = 50

#: Seconds that an answer takes; every other takes none.
DELAY_MOST = 0.01


@frozen
class Side:
    """One principal's end of a pair."""

    name: str
    talk: Talk
    #: The sessions that the upstream saw its calls in.
    sessions: set[str] = field(factory=set)


class Pairs:
    """Two principals, and what became of their calls."""

    def __init__(self, gate: GateProcess, context: ssl.SSLContext) -> None:
        self._gate = gate
        self._context = context
        self._chance = random.Random(4)
        self.answered = 0
        self.left = 0
        #: Of each principal: the sessions that the upstream saw.
        self.sessions: dict[str, set[str]] = defaultdict(set)

    async def run(self) -> None:
        """All of it."""
        tokens = {name: self._gate.issue(name) for name in ("ann", "bob")}
        held = {}
        for name, token in tokens.items():
            opener = await Talk(self._gate, self._context, token).begin()
            held[name] = (await opener.open_session()).session
        async with asyncio.TaskGroup() as group:
            for number in range(PAIRS):
                sides = []
                for name, token in tokens.items():
                    talk = await Talk(self._gate, self._context, token).begin()
                    talk.session = held[name] if number % 2 else ""
                    sides.append(Side(name, talk))
                group.create_task(self._rounds(number, sides))

    async def _rounds(self, pair: int, sides: list[Side]) -> None:
        for number in range(ROUNDS):
            if number % LEAVES == pair:
                await self._leave(self._chance.choice(sides), pair, number)
            await asyncio.gather(*(self._call(side, pair, number) for side in sides))

    def _message(self, side: Side, pair: int, number: int, mark: str) -> dict[str, object]:
        # In a session an id is used once (MCP, "Requests"), so its connections share them out; each
        # request of 2026-07-28 stands alone, and there all connections use the same.
        make, id = (legacy, pair * ROUNDS + number) if side.talk.session else (modern, number)
        delay = self._chance.choice((0.0, self._chance.uniform(0.0, DELAY_MOST)))
        stream = self._chance.random() < 0.5
        return make("tools/call", id, name="echo", arguments={"mark": mark, "delay": delay, "stream": stream})

    async def _call(self, side: Side, pair: int, number: int) -> None:
        mark = f"{side.name}-{pair}-{number}"
        message = self._message(side, pair, number, mark)
        self._judge(side, message["id"], mark, await side.talk.ask(message))
        self.answered += 1

    def _judge(self, side: Side, id: object, mark: str, heard: Heard) -> None:
        assert (heard.status, heard.whole) == (200, True), heard
        *told, last = heard.messages()
        assert [each["params"]["data"] for each in told] in ([], [mark]), heard
        assert last["id"] == id, heard
        said, session = last["result"]["content"][0]["text"].split(" ", 1)
        assert said == mark, heard
        self.sessions[side.name].add(session)

    async def _leave(self, side: Side, pair: int, number: int) -> None:
        """Ask, and be gone before the answer is there."""
        side.talk.send(self._message(side, pair, number, "for nobody"))
        await asyncio.sleep(self._chance.uniform(0.0, DELAY_MOST))
        side.talk.leave()
        await side.talk.begin()
        self.left += 1


def test_ten_thousand_interleaved_calls(lab: Lab) -> None:
    """As JSON and as streams, at once and later, some left by their callers before the answer."""
    with (
        EchoServer(lab) as server,
        lab.gate(upstream={"port": server.port, "connections": UPSTREAM_CONNECTIONS}) as gate,
    ):
        pairs = Pairs(gate, trusting(lab.ca_file))
        asyncio.run(pairs.run())
        assert pairs.answered == CALLS
        # What the upstream saw of each: calls without a session, and calls in one that is theirs alone.
        ann, bob = pairs.sessions["ann"], pairs.sessions["bob"]
        assert len(ann) == len(bob) == 2 and ann & bob == {"no session"}
        # And they did share: a connection that its caller left is replaced, others serve everybody.
        assert len(gate.handshakes("outbound")) <= UPSTREAM_CONNECTIONS + pairs.left + 1
        assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()
        assert server.log_file.read_text() == ""
