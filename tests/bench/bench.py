"""The machine while it measures: one upstream, the peers' processes, and who takes a turn with whom."""

from __future__ import annotations

import itertools
import os
import socket
import ssl
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.certificates import Certificates
from tests.bench.loads import ANSWERS, Load
from tests.bench.peers import Peer, Site
from tests.bench.policies import clean, hits
from tests.bench.processes import Child, Children, Failed, megabytes
from tests.bench.rows import Turn
from tests.bench.turns import PATIENCE, Attempt, Running, request_bytes
from tests.bench.upstream import Upstream


class Bench:
    """The machine while it measures: certificates, the upstream, and the peers' processes."""

    def __init__(
        self, directory: Path, build: Path, children: Children, cpus: tuple[int, Collection[int]]
    ) -> None:
        """
        @param cpus: the core of the peers, and the cores of everybody else.
        """
        self._directory = directory
        self._build = build
        self._children = children
        self._peer_cpu, self._other_cpus = cpus
        self._numbers = itertools.count(1)
        self._certificates = made = Certificates.make(directory)
        program, others = build / "upstream", cpus[1]
        good = (made.chain, made.key)
        results = []
        for name, result in zip(ANSWERS, (clean(), hits()), strict=True):
            results.append(directory / f"{name}.json")
            results[-1].write_bytes(result)
        self._upstream = Upstream.start(program, good, children=children, cpus=others, results=results)
        self._impostor = Upstream.start(program, made.wrong_name, children=children, cpus=others)

    def prove(self, peer: Peer) -> None:
        """See that a peer sends nothing to an upstream that it cannot verify.

        @raise Missing: if it is not installed.
        @raise Failed: if it does.
        """
        for what, upstream, authority in (
            ("of an authority that it does not trust", self._upstream, self._certificates.wrong_authority),
            ("of another name", self._impostor, self._certificates.authority),
        ):
            before = upstream.requests()
            running = self.start(peer, upstream=upstream, authority=authority)
            try:
                turn = self.take(running, Load("prove", "closed", 1, 0.1, "rps"), -1)
            finally:
                self._children.end(running.child)
            if not turn.errors or upstream.requests() != before:
                raise Failed(f"it passed a request to an upstream with a certificate {what}")

    def start(
        self, peer: Peer, *, upstream: Upstream | None = None, authority: Path | None = None
    ) -> Running:
        """A new process of a peer, when it accepts calls.

        @param upstream: another than the usual one. C{authority}: whom the peer trusts instead.

        @raise Missing: if it is not installed.
        @raise Failed: if it does not come up.
        """
        directory = self._directory / f"{next(self._numbers)}-{peer.name}"
        directory.mkdir()
        site = Site(
            directory=directory,
            port=free_port(),
            upstream=(upstream or self._upstream).port,
            authority=authority or self._certificates.authority,
            chain=self._certificates.chain,
            key=self._certificates.key,
            pair=self._certificates.pair,
            pin=self._certificates.pin,
            packages=self._build / "venv",
        )
        command = peer.command(site)
        token = peer.token(site)
        asked = {"post": 0, **{f"post-{answer}": number for number, answer in enumerate(ANSWERS, 1)}}
        for name in ("get", *asked):
            (directory / name).touch(0o600)
            stream, answer = name == "get", asked.get(name, 0)
            (directory / name).write_bytes(request_bytes(site.port, token, stream=stream, answer=answer))
        child = self._children.start(peer.name, command, log=directory / "log", cpus={self._peer_cpu})
        self._wait_for(child, site.port)
        return Running(peer, site, child)

    def _wait_for(self, child: Child, port: int) -> None:
        context = ssl.create_default_context(cafile=str(self._certificates.authority))
        end = time.monotonic() + PATIENCE
        while True:
            child.check()
            try:
                with (
                    socket.create_connection(("127.0.0.1", port), timeout=5.0) as raw,
                    context.wrap_socket(raw, server_hostname="localhost"),
                ):
                    return
            except OSError as error:
                if time.monotonic() > end:
                    raise Failed(f"{child.name} did not come up: {error}; {child.last_words()}") from error
                time.sleep(0.05)

    def warm(self, running: Running, connections: int = 32) -> Turn:
        """Let a peer load what it loads late, and open its connections to the upstream."""
        return self.take(running, Load("warming up", "closed", connections, 0.5, "rps"), -1)

    def take(self, running: Running, load: Load, number: int) -> Turn:
        """One turn; what goes wrong in it is in its errors."""
        if not load.fresh:
            return self._take(running, load, number)
        try:
            with self._fresh(running.peer) as alone:
                return self._take(alone, load, number)
        except Failed as failure:
            return Turn(running.peer.name, load.name, number, {}, {"failed": 1}, str(failure))

    @contextmanager
    def _fresh(self, peer: Peer) -> Iterator[Running]:
        running = self.start(peer)
        try:
            self.warm(running, 8)
            yield running
        finally:
            self._children.end(running.child)

    def take_together(self, due: Iterable[tuple[Running, Load]], number: int) -> list[Turn]:
        """Turns of several peers, a slice of each in turn."""
        attempts = [self._begin(running, load) for running, load in due]
        for index in range(max((attempt.load.slices for attempt in attempts), default=0)):
            for attempt in attempts:
                if index < attempt.load.slices:
                    attempt.measure()
        return [attempt.turn(number) for attempt in attempts]

    def _take(self, running: Running, load: Load, number: int) -> Turn:
        (turn,) = self.take_together([(running, load)], number)
        return turn

    def _begin(self, running: Running, load: Load) -> Attempt:
        self._upstream.child.check()
        name = "get" if load.kind == "sse" else f"post-{load.answer}" if load.answer else "post"
        request = running.site.directory / name
        command = [self._build / "load", load.kind, running.site.port, load.connections]
        command += [load.seconds / load.slices, load.rate, self._certificates.authority, request]
        log = running.site.directory / "load.log"
        log.unlink(missing_ok=True)
        memory = megabytes(running.child.pid) if load.fresh else 0.0
        caller = self._children.start(
            "load", [str(part) for part in command], log=log, cpus=self._other_cpus, speaks=True
        )
        attempt = Attempt(running, load, caller, self._upstream, self._children)
        attempt.get_ready(memory)
        return attempt


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def cores() -> tuple[int, set[int]]:
    """The core of the peers, and those of everybody else.

    @raise Failed: if there is only one.
    """
    first, *others = sorted(os.sched_getaffinity(0))
    if not others:
        raise Failed("the bench needs two cores: one for the peer, one for its callers and the upstream")
    return first, set(others)
