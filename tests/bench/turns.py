"""One turn: one peer under one load, and what it cost the peer."""

from __future__ import annotations

import itertools
import json
import mmap
import os
import socket
import ssl
import struct
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from attrs import frozen

from mcpgate.testing import LocalCA, certificate_pem, write_pair
from mcpgate.tls.material import Pair
from mcpgate.tls.pins import spki_pin
from tests.bench.loads import Load
from tests.bench.peers import Peer, Site
from tests.bench.processes import Child, Children, Failed, cpu_seconds, megabytes
from tests.bench.rows import Turn

#: For a peer to start, for a load to get ready, and for what is in flight at the end of one; load.c
#: gives up a little earlier, and says what was missing.
PATIENCE = 75.0

BODY = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "echo", "arguments": {"text": "hello, this is a small text"}},
    },
    separators=(",", ":"),
)


def request_bytes(port: int, token: str, *, stream: bool) -> bytes:
    """What callers send: a tool's call, or the GET that opens an event stream."""
    lines = [f"{'GET' if stream else 'POST'} /mcp HTTP/1.1", f"Host: localhost:{port}"]
    if stream:
        lines += ["Accept: text/event-stream"]
    else:
        lines += ["Content-Type: application/json", "Accept: application/json, text/event-stream"]
        lines += [f"Content-Length: {len(BODY)}"]
    lines += [f"Authorization: Bearer {token}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + ("" if stream else BODY)).encode()


@frozen
class Upstream:
    """A process of C{upstream.c}, and the numbers that it keeps."""

    child: Child
    port: int
    _counts: mmap.mmap

    def handshakes(self) -> int:
        """How many connections it has accepted so far, of all peers."""
        return int(struct.unpack_from("4Q", self._counts)[0])

    def requests(self) -> int:
        """How many requests it has seen so far."""
        return int(struct.unpack_from("4Q", self._counts)[1])


@frozen
class Running:
    """A process of a peer that accepts calls."""

    peer: Peer
    site: Site
    child: Child


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
        self._make_certificates()
        self._upstream = self._start_upstream(self._chain, self._key)
        self._impostor = self._start_upstream(*self._wrong_name)

    def _make_certificates(self) -> None:
        # The peers and the upstream share a pair: both legs of all of them do the same arithmetic.
        now = datetime.now(UTC)
        authority = LocalCA.create("bench", now)
        pair = authority.server(["localhost"], now)
        self._authority = self._write_authority("ca.pem", authority)
        self._chain, self._key = self._write_pair("localhost", pair)
        self._pair = self._directory / "pair.pem"
        self._pair.touch(0o600)
        self._pair.write_bytes(self._chain.read_bytes() + self._key.read_bytes())
        self._pin = spki_pin(pair.chain[0])
        # What no peer may fall for: another authority, and a name that is not the upstream's.
        self._wrong_authority = self._write_authority("wrong-ca.pem", LocalCA.create("wrong", now))
        self._wrong_name = self._write_pair("wrong.example", authority.server(["wrong.example"], now))

    def _write_authority(self, name: str, authority: LocalCA) -> Path:
        path = self._directory / name
        path.write_bytes(certificate_pem(authority.certificate))
        return path

    def _write_pair(self, name: str, pair: Pair) -> tuple[Path, Path]:
        chain, key = self._directory / f"{name}.crt", self._directory / f"{name}.key"
        write_pair(pair, chain, key)
        return chain, key

    def _start_upstream(self, chain: Path, key: Path) -> Upstream:
        counts = self._directory / f"counts-{chain.stem}"
        command = [self._build / "upstream", chain, key, counts]
        child = self._children.start(
            "upstream",
            [str(part) for part in command],
            log=self._directory / "upstream.log",
            cpus=self._other_cpus,
            speaks=True,
        )
        port = int(child.line(10.0))
        with counts.open("rb") as file:
            return Upstream(child, port, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))

    def prove(self, peer: Peer) -> None:
        """See that a peer sends nothing to an upstream that it cannot verify.

        @raise Missing: if it is not installed.
        @raise Failed: if it does.
        """
        for what, upstream, authority in (
            ("of an authority that it does not trust", self._upstream, self._wrong_authority),
            ("of another name", self._impostor, self._authority),
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
            authority=authority or self._authority,
            chain=self._chain,
            key=self._key,
            pair=self._pair,
            pin=self._pin,
            packages=self._build / "venv",
        )
        command = peer.command(site)
        token = peer.token(site)
        for name, stream in (("post", False), ("get", True)):
            (directory / name).touch(0o600)
            (directory / name).write_bytes(request_bytes(site.port, token, stream=stream))
        child = self._children.start(peer.name, command, log=directory / "log", cpus={self._peer_cpu})
        self._wait_for(child, site.port)
        return Running(peer, site, child)

    def _wait_for(self, child: Child, port: int) -> None:
        context = ssl.create_default_context(cafile=str(self._authority))
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
        with self._fresh(running.peer) as alone:
            return self._take(alone, load, number)

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
        request = running.site.directory / ("get" if load.kind == "sse" else "post")
        command = [self._build / "load", load.kind, running.site.port, load.connections]
        command += [load.seconds / load.slices, load.rate, self._authority, request]
        log = running.site.directory / "load.log"
        log.unlink(missing_ok=True)
        memory = megabytes(running.child.pid) if load.fresh else 0.0
        caller = self._children.start(
            "load", [str(part) for part in command], log=log, cpus=self._other_cpus, speaks=True
        )
        attempt = Attempt(running, load, caller, self._upstream, self._children)
        attempt.get_ready(memory)
        return attempt


class Attempt:
    """One peer under one load, from getting ready to what became of it. It goes on to the end in any case."""

    def __init__(
        self, running: Running, load: Load, caller: Child, upstream: Upstream, children: Children
    ) -> None:
        self.load = load
        self._running = running
        self._caller = caller
        self._upstream = upstream
        self._children = children
        self._failure: Failed | None = None
        self._memory = self._seconds = self._used = self._took = 0.0
        self._dialed = 0

    def get_ready(self, memory: float) -> None:
        """Wait until all connections are open. C{memory}: MB of the peer before."""
        try:
            if self._caller.line(PATIENCE) != "ready":
                raise Failed("load did not get ready")
            if self.load.fresh:
                self._memory = megabytes(self._running.child.pid) - memory
        except Failed as failure:
            self._failure = failure

    def measure(self) -> None:
        """One slice."""
        if self._failure is not None:
            return
        pid = self._running.child.pid
        dialed, used, began = self._upstream.handshakes(), cpu_seconds(pid), time.monotonic()
        try:
            self._caller.say("go")
            said = json.loads(self._caller.line(self.load.seconds + PATIENCE))
            self._running.child.check()
        except (Failed, BrokenPipeError) as failure:
            self._failure = Failed(str(failure))
            return
        self._used += cpu_seconds(pid) - used
        self._took += time.monotonic() - began
        self._dialed += self._upstream.handshakes() - dialed
        self._seconds += said["seconds"]

    def turn(self, number: int) -> Turn:
        """What became of it."""
        names = (self._running.peer.name, self.load.name, number)
        try:
            if self._failure is not None:
                raise self._failure
            self._caller.say("end")
            said = json.loads(self._caller.line(PATIENCE))
            trouble = self._running.peer.tidy(self._running.site)
            if trouble:
                raise Failed(trouble)
        except (Failed, BrokenPipeError) as failure:
            return Turn(*names, {}, {"failed": 1}, str(failure))
        finally:
            self._children.end(self._caller)
        found = figures(self.load, said, seconds=self._seconds, used=self._used, memory=self._memory)
        busy = self._used / self._took if self._took else 0.0
        return Turn(*names, found, said["errors"], said["first_error"], busy, self._dialed)


def figures(
    load: Load, said: Mapping[str, float], *, seconds: float, used: float, memory: float
) -> dict[str, float]:
    """The figures of a turn, of which each load has those that mean something.

    @param said: what C{load.c} reported. C{seconds}: in which it was done. C{used}: CPU seconds of the
        peer. C{memory}: MB gained.
    """
    if load.kind == "idle":
        return {"mb_per_1000": memory * 1000 / load.connections}
    found: dict[str, float] = {}
    if load.kind in ("closed", "handshake"):
        found["rps"] = said["done"] / seconds if said["done"] else 0.0
    if said["done"]:
        found["cpu_us"] = used / said["done"] * 1e6
        found["p50_us"], found["p99_us"] = said["p50_us"], said["p99_us"]
    return found


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
