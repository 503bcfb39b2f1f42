"""One worker's place: whoever sits there is brought to what stands, and replaced when it is gone."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from mcpgate._version import __version__
from mcpgate.generation import Generation
from mcpgate.relay.bound import Bound
from mcpgate.standing import Change, Standing
from mcpgate.workers.channel import ChannelError, Silent
from mcpgate.workers.child import Child

# Reading the certificates and authorities of a large configuration takes a second on a slow machine.
# One that takes longer than this serves nobody meanwhile, so it is ended.
STAGE_MOST = 30.0
# These steps touch no file.
STEP_MOST = 10.0

# One that dies sooner than this after it began to serve would do so again: wait before the next, twice
# as long each time. But for the first, which is replaced at once, and not for those that served
# longer: whatever kills them, waiting would only let it take the gate away from everybody.
YOUNG = 1.0
WAIT_FIRST = 0.25
WAIT_MOST = 5.0


class Seat:
    """A worker's place. C{number} is the worker's in the log, in C{status} and in its journal's name."""

    log = Logger()

    def __init__(
        self, reactor: Any, number: int, standing: Standing, supply: Callable[[], Child]
    ) -> None:
        """
        @param supply: gives a process that serves nothing yet.
        """
        self.number = number
        self.child: Child | None = None
        self.restarts = 0
        #: Why the worker that should sit here does not serve.
        self.problem: str | None = None
        self._reactor = reactor
        self._standing = standing
        self._supply = supply
        self._early = 0
        self._waiting: Any = None

    @property
    def serves(self) -> bool:
        """Whether there is a worker that serves, and is not just being brought to what stands."""
        return self.child is not None and self.child.generation > 0 and not self.child.settling

    def fill(self) -> Deferred[None]:
        """Have somebody serve here; fires when that is so, or has failed."""
        self._waiting = None
        if self._standing.stopping:
            return succeed(None)
        try:
            self.child = self._supply()
        except OSError as error:
            # The machine has no more processes or descriptors to give.
            self.problem = f"no process can be started: {error.strerror}"
            self.log.error("worker {worker}: {problem}", worker=self.number, problem=self.problem)
            self._fill_again(WAIT_MOST)
            return succeed(None)
        return self.settle()

    def settle(self) -> Deferred[None]:
        """Bring the worker to what stands."""
        return Deferred.fromCoroutine(self._settle())

    async def _settle(self) -> None:
        child = self.child
        if child is not None and not child.settling:
            child.settling = True
            try:
                await self._catch_up(child)
            finally:
                child.settling = False

    async def _catch_up(self, child: Child) -> None:
        while child is self.child and not self._standing.stopping:
            generation = self._standing.generation
            if child.generation == generation.number:
                break
            try:
                await self.stage(Change(generation, {}))
                # It would begin to accept after it was told to accept no more.
                if self._standing.stopping:
                    break
                await self.adopt(generation)
            except ChannelError as error:
                # With nothing in force it is of no use; with the last generation it goes on serving.
                if not isinstance(error, Silent):
                    self._complain(child, f"cannot serve generation {generation.number}: {error}")
                    if child.generation == 0:
                        self._end(child)
                break

    async def stage(self, change: Change) -> None:
        """
        Have it build a generation.

        @raise ChannelError: it cannot, or is not there any more (L{Silent}).
        """
        child = self._there()
        generation = change.generation
        addresses: Mapping[str, Bound] = {**self._standing.addresses.bound, **change.fresh}
        wanted = {
            name: bound
            for name, bound in addresses.items()
            if name in generation.listeners and child.given.get(name) is not bound
        }
        sockets: list[socket.socket] = []
        try:
            sockets += (bound.socket() for bound in wanted.values())
            answered = child.channel.ask(
                "stage",
                within=STAGE_MOST,
                version=__version__,
                worker=self.number,
                number=generation.number,
                text=generation.config.text.decode(),
                source=str(generation.config.source),
                included={file: part.decode() for file, part in generation.config.included.items()},
                names=list(wanted),
                descriptors=[sock.fileno() for sock in sockets],
            )
        except OSError as error:
            raise ChannelError(f"cannot be given its sockets: {error.strerror}") from None
        finally:
            for sock in sockets:
                sock.close()
        await self._or_end(child, answered)
        child.offered = dict(wanted)
        child.staged = generation.number

    async def adopt(self, generation: Generation) -> None:
        """
        Have it serve by what it staged.

        @raise ChannelError: as L{stage}.
        """
        child = self._there()
        tokens = self._standing.tokens.to_bytes().decode()
        await self._or_end(
            child, child.channel.ask("adopt", within=STEP_MOST, number=generation.number, tokens=tokens)
        )
        child.generation = generation.number
        mine = {**child.given, **child.offered}
        child.given = {name: one for name, one in mine.items() if name in generation.listeners}
        child.offered = {}
        if child.serving_since is None:
            child.serving_since = monotonic()
            self.log.info("worker {worker} serves (process {pid})", worker=self.number, pid=child.pid)
        self.problem = None

    def drop(self) -> None:
        """Have it forget what it staged."""
        if self.child is not None:
            self.child.offered = {}
            self.child.channel.tell("drop")

    async def tokens(self) -> None:
        """Have it accept the tokens that stand. One that does not is ended: it might accept others."""
        child = self.child
        if child is not None:
            tokens = self._standing.tokens.to_bytes().decode()
            try:
                await self._or_end(child, child.channel.ask("tokens", within=STEP_MOST, tokens=tokens))
            except Silent:
                pass  # whoever comes next gets them with its first generation
            except ChannelError as error:
                self.end(f"cannot take up tokens: {error}")

    async def reopen(self) -> None:
        """
        Have it go on in a new segment of its journal, if the old one was moved away.

        @raise ChannelError: it cannot, or is not there any more (L{Silent}).
        """
        child = self._there()
        await self._or_end(child, child.channel.ask("reopen", within=STEP_MOST))

    async def seal(self) -> None:
        """
        Have it write a checkpoint of its journal. One that waits long for its disk is waited for no longer.

        @raise ChannelError: it did not, or is not there any more (L{Silent}).
        """
        await self._there().channel.ask("seal", within=STEP_MOST)

    def end(self, why: str) -> None:
        """End the worker at once; another takes its place."""
        if self.child is not None:
            self._complain(self.child, why)
            self._end(self.child)

    def ended(self, child: Child, how: str) -> None:
        """The worker's process is gone."""
        if child is not self.child:
            return
        self.child = None
        if self._standing.stopping:
            return
        if not child.ended:
            self._complain(child, how)
        self.restarts += 1
        lived = monotonic() - child.serving_since if child.serving_since is not None else 0.0
        self._early = 0 if lived >= YOUNG else self._early + 1
        if self._early <= 1:
            self.fill()
        else:
            self._fill_again(min(WAIT_FIRST * 2 ** (self._early - 2), WAIT_MOST))

    def _fill_again(self, seconds: float) -> None:
        self._waiting = self._reactor.callLater(seconds, self.fill)

    def close(self) -> None:
        """Nobody is to sit here any more; the worker ends when its channel does."""
        if self._waiting is not None and self._waiting.active():
            self._waiting.cancel()
        if self.child is not None:
            self.child.channel.close()

    def _complain(self, child: Child, problem: str) -> None:
        self.problem = f"process {child.pid} {problem}"
        self.log.error(
            "worker {worker} (process {pid}) {problem}", worker=self.number, pid=child.pid, problem=problem
        )

    def _there(self) -> Child:
        if self.child is None:
            raise Silent("is gone")
        return self.child

    async def _or_end(self, child: Child, answered: Deferred[dict[str, Any]]) -> None:
        """A worker that does not answer serves nobody either, and would be of another mind than the rest."""
        try:
            await answered
        except Silent as error:
            if child is self.child and not child.ended:
                if child.channel.open:
                    self._complain(child, str(error))
                    self._end(child)
                else:
                    # What it died of is told when its process has ended.
                    child.kill()
            raise

    def _end(self, child: Child) -> None:
        child.ended = True
        child.kill()
