"""What C{check --online} does: the gate's own connect to every upstream, and a question in clear text.

Nothing of it is journalled: the journal is about what callers did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread
from typing import Any, TypeVar

from attrs import frozen
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.epollreactor import EPollReactor

from mcpgate.cli.probe import negotiated, verdict
from mcpgate.reasons import Reason
from mcpgate.tls.readiness import Readiness
from mcpgate.upstream.clear import HTTP_PORT, InClear, ask_in_clear
from mcpgate.upstream.terms import UpstreamTerms
from mcpgate.upstream.tryout import Tried, try_out

_Found = TypeVar("_Found")


@frozen
class Visit:
    """What was found out about one upstream."""

    tried: Tried
    in_clear: tuple[InClear, ...]

    def facts(self) -> dict[str, object]:
        """All of it, as values that JSON can say."""
        handshake = self.tried.handshake
        return {
            "upstream": self.tried.terms.name,
            "address": self.tried.peer,
            **verdict(self.tried.refusal),
            "handshake": None if handshake is None else {**negotiated(handshake), "pinned": handshake.pinned},
            "clear_text": [one.told for one in self.in_clear if one.exposed],
        }

    def row(self) -> dict[str, object]:
        """What of it a table has room for."""
        handshake = self.tried.handshake
        return {
            "upstream": self.tried.terms.name,
            "address": self.tried.peer,
            "verdict": verdict(self.tried.refusal)["verdict"],
            "version": handshake and handshake.version,
            "group": handshake and handshake.group,
            "pinned": handshake and handshake.pinned,
        }

    def complaints(self) -> list[str]:
        """Why the gate could not send a request there; and what would not stop it, but should be mended."""
        name = self.tried.terms.name
        refused = [] if self.tried.refusal is None else [f"upstream {name} is refused: {self.tried.refusal}"]
        return refused + [f"warning: upstream {name} {one.told}" for one in self.in_clear if one.exposed]


def visit(upstreams: Iterable[UpstreamTerms]) -> list[Visit]:
    """Find out about all of them, side by side; it takes as long as the slowest."""
    tried = _on_a_reactor(lambda reactor: _shake_hands(reactor, upstreams))
    with ThreadPoolExecutor() as threads:
        return [Visit(*both) for both in zip(tried, threads.map(_listen_in, tried), strict=True)]


def _shake_hands(reactor: Any, upstreams: Iterable[UpstreamTerms]) -> Deferred[list[Tried]]:
    readiness = Readiness(reactor)
    readiness.start()

    def stop(result: Any) -> Any:
        readiness.stop()
        return result

    return gatherResults([try_out(reactor, readiness, terms) for terms in upstreams]).addBoth(stop)


def _listen_in(tried: Tried) -> tuple[InClear, ...]:
    terms = tried.terms
    # What answers clear text with 400 is right to do so, unless it speaks nothing else.
    plain = tried.refusal is not None and tried.refusal.reason is Reason.TLS_PLAINTEXT
    ports = (terms.dial_port, HTTP_PORT)
    return ask_in_clear(terms.dial_host, terms.host, ports, tls_port=None if plain else terms.dial_port)


def _on_a_reactor(work: Callable[[Any], Deferred[_Found]]) -> _Found:
    """
    Run a reactor of its own for as long as C{work} takes.

    In a thread, and without its signal handlers: the process keeps its own, so that Ctrl-C ends the
    waiting here, and whoever calls this may have a reactor already.
    """
    reactor: Any = EPollReactor()
    result: Future[_Found] = Future()

    def start() -> None:
        done = maybeDeferred(work, reactor)
        done.addCallback(result.set_result)
        done.addErrback(lambda failure: result.set_exception(failure.value))

    reactor.callWhenRunning(start)
    thread = Thread(target=reactor.run, kwargs={"installSignalHandlers": False}, daemon=True)
    thread.start()
    try:
        return result.result()
    finally:
        reactor.callFromThread(reactor.stop)
        thread.join()
