"""What C{check --online} does: the gate's own connect to every upstream, and a question in clear text; and
the gate's own question to every issuer for its keys. And what C{--alerts} does besides: a test for everybody
who would be told.

Nothing of it is journalled: the journal is about what callers did.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from socket import gethostname
from threading import Thread
from typing import Any, TypeVar

from attrs import frozen
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.epollreactor import EPollReactor

from mcpgate.alerts.alert import Alert, Severity
from mcpgate.alerts.sender import Message, NotTold
from mcpgate.alerts.telling import sender_of
from mcpgate.alerts.terms import AlertTerms
from mcpgate.cli.probe import negotiated, verdict
from mcpgate.evidence.ids import new_id
from mcpgate.evidence.record import timestamp
from mcpgate.identity.discovery import Unfit, ask
from mcpgate.identity.issuer import Issuer
from mcpgate.provider.client import Provider, ProviderError
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


@frozen
class Inquiry:
    """What an issuer answered when it was asked for its keys: their ids, or what is wrong."""

    name: str
    keys: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    problem: str | None = None

    def facts(self) -> dict[str, object]:
        """All of it, as values that JSON can say."""
        keys = {"keys": list(self.keys), "left_out": list(self.left_out)}
        return {"issuer": self.name, **keys, "problem": self.problem}

    def complaints(self) -> list[str]:
        """Why no token of its can be verified; and what would not stop it, but should be known."""
        if self.problem is not None:
            return [f"issuer {self.name} tells no keys: {self.problem}"]
        return [f"warning: issuer {self.name}: {why}" for why in self.left_out]


@frozen
class Told:
    """What became of a test of an C{[[alert]]}: nothing, where it has arrived, or why it has not."""

    name: str
    problem: str | None

    def facts(self) -> dict[str, object]:
        """All of it, as values that JSON can say."""
        return {"alert": self.name, "problem": self.problem}

    def complaints(self) -> list[str]:
        """Why nobody would be told."""
        return [] if self.problem is None else [f"alert {self.name} does not arrive: {self.problem}"]


def tell(alerts: Iterable[AlertTerms]) -> list[Told]:
    """Send a test to all of them, side by side, each once."""
    return _on_a_reactor(lambda reactor: _send_tests(reactor, alerts))


def _send_tests(reactor: Any, alerts: Iterable[AlertTerms]) -> Deferred[list[Told]]:
    readiness = Readiness(reactor)
    readiness.start()
    test = Alert(
        occasion="test",
        severity=Severity.WARNING,
        key="test",
        sentence="this is a test: somebody has run mcpgate check --online --alerts",
        evidence=None,
        time=timestamp(time.time()),
    )

    async def one(terms: AlertTerms) -> Told:
        sender = sender_of(reactor, readiness, terms, gethostname(), time.time)
        try:
            await sender.send(Message(test, new_id("a"), 1, 0.0))
        except NotTold as error:
            return Told(terms.name, str(error))
        return Told(terms.name, None)

    def stop(result: Any) -> Any:
        readiness.stop()
        return result

    return gatherResults([Deferred.fromCoroutine(one(terms)) for terms in alerts]).addBoth(stop)


def inquire(issuers: Iterable[Issuer]) -> list[Inquiry]:
    """Ask all of them for their keys, side by side."""
    return _on_a_reactor(lambda reactor: _ask_for_keys(reactor, issuers))


class _Nobody:
    """Notes nothing."""

    def handshake(self, **_: Any) -> None: ...


def _ask_for_keys(reactor: Any, issuers: Iterable[Issuer]) -> Deferred[list[Inquiry]]:
    readiness = Readiness(reactor)
    readiness.start()

    async def one(issuer: Issuer) -> Inquiry:
        try:
            found = await ask(Provider(reactor, readiness, _Nobody(), issuer.peer), issuer.terms)
        except ProviderError as error:
            return Inquiry(issuer.name, problem=f"{error.url}: {error.why}")
        except Unfit as error:
            return Inquiry(issuer.name, problem=str(error))
        return Inquiry(issuer.name, tuple(key.kid or "-" for key in found.keys.keys), found.keys.left_out)

    def stop(result: Any) -> Any:
        readiness.stop()
        return result

    return gatherResults([Deferred.fromCoroutine(one(issuer)) for issuer in issuers]).addBoth(stop)


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
