"""One turn: one peer under one load, and what it cost the peer."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from attrs import frozen

from tests.bench.loads import Load
from tests.bench.peers import Peer, Site
from tests.bench.processes import Child, Children, Failed, cpu_seconds, megabytes
from tests.bench.rows import Turn
from tests.bench.upstream import Upstream

#: For a peer to start, for a load to get ready, and for what is in flight at the end of one; load.c
#: gives up a little earlier, and says what was missing.
PATIENCE = 75.0


def body(answer: int = 0) -> str:
    """A tool's call, which wants the usual answer or another."""
    arguments = {"text": "hello, this is a small text", **({"answer": answer} if answer else {})}
    params = {"name": "echo", "arguments": arguments}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return json.dumps(message, separators=(",", ":"))


def request_bytes(port: int, token: str, *, stream: bool, answer: int = 0) -> bytes:
    """What callers send: a tool's call, or the GET that opens an event stream."""
    call = "" if stream else body(answer)
    lines = [f"{'GET' if stream else 'POST'} /mcp HTTP/1.1", f"Host: localhost:{port}"]
    if stream:
        lines += ["Accept: text/event-stream"]
    else:
        lines += ["Content-Type: application/json", "Accept: application/json, text/event-stream"]
        lines += [f"Content-Length: {len(call)}"]
    lines += [f"Authorization: Bearer {token}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + call).encode()


@frozen
class Running:
    """A process of a peer that accepts calls."""

    peer: Peer
    site: Site
    child: Child


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
