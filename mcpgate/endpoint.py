"""The string endpoint C{mcptls:}: any server of Twisted's, behind a profile of ours.

    twist web --listen mcptls:modern:tcp:8443:certificates=/etc/site/tls

What follows the profile is an endpoint description of Twisted's, to which ours adds C{certificates=} (a
PEM file, or a directory of pairs chosen by SNI), C{client_ca=} (client certificates of these CAs are then
required) and C{watch=} (how often the files are looked at). The contexts are ours, the transport beneath
the application is Twisted's own, so that every protocol finds what it expects; but it finds nothing until
the handshake is complete and has been judged: till then there is no protocol to write, or to read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import quoteStringArgument, serverFromString
from twisted.internet.interfaces import (
    IAddress,
    IHandshakeListener,
    IOpenSSLServerConnectionCreator,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from mcpgate.config.problem import did_you_mean, nearest, quoted
from mcpgate.config.units import read_duration
from mcpgate.ops.watch import Watch
from mcpgate.reasons import Reason, Refusal
from mcpgate.tls import contexts
from mcpgate.tls.failure import failure
from mcpgate.tls.foreign import handshake_of, judge_foreign
from mcpgate.tls.profile import PROFILE_NAMES, Profile, profile_named
from mcpgate.tls.reading import MaterialError
from mcpgate.tls.rotating import Rotating
from mcpgate.tls.verify import Note

#: As a listener of ours has them by default (gate.watch, limits.handshake_timeout).
WATCH = 2.0
HANDSHAKE_TIMEOUT = 10.0

#: Somebody who scans ports must not fill the log: refusals of the same reason are told this far apart.
REPORT_APART = 5.0

_EXAMPLE = "mcptls:modern:tcp:8443:certificates=/etc/site/tls"
_OURS = ("certificates", "client_ca", "watch")
#: What is mistyped of Twisted's endpoints (C{tcp:}, C{unix:}, C{systemd:}).
_THEIRS = ("backlog", "domain", "index", "interface", "mode", "name", "port")


def endpoint(reactor: Any, *arguments: str, **named: str) -> IStreamServerEndpoint:
    """
    What C{mcptls:} stands for.

    @raise ValueError: something in the description, or in a file that it names, is wrong; it says which.
    """
    profile = _profile(arguments[0] if arguments else "")
    ours = {key: named.pop(key) for key in _OURS if key in named}
    inner = arguments[1:]
    # What a balancer says goes before the handshake, on whatever accepts.
    kind = next((name for name in inner if name != "haproxy"), None)
    if kind is None:
        raise ValueError(f"mcptls: says no address to listen on; write it like {_EXAMPLE}")
    if kind in ("ssl", "tls", "mcptls"):
        raise ValueError(f"mcptls: puts TLS on {kind}:, which is TLS already; write tcp:PORT")
    if "certificates" not in ours:
        raise ValueError(f"mcptls: certificates= is missing; write it like {_EXAMPLE}")
    for key, value in ours.items():
        if not value:
            raise ValueError(f"mcptls: {key}= is empty")
    try:
        watch = read_duration(ours["watch"]) if "watch" in ours else WATCH
    except ValueError as error:
        raise ValueError(f"mcptls: watch={ours['watch']}: {error}") from None
    if not watch:
        raise ValueError("mcptls: watch=0s would look at the files all the time")
    certificates, ca = Path(ours["certificates"]), ours.get("client_ca")
    try:
        rotating = Rotating(profile, certificates, Path(ca) if ca else None, lambda: datetime.now(UTC))
    except MaterialError as error:
        key = "client_ca" if ca is not None and str(error).startswith(f"{ca}:") else "certificates"
        raise ValueError(f"mcptls: {key}: {error}") from None
    description = ":".join(
        [
            *(quoteStringArgument(part) for part in inner),
            *(f"{key}={quoteStringArgument(value)}" for key, value in named.items()),
        ]
    )
    try:
        accepting = serverFromString(reactor, description)
    except (TypeError, ValueError, LookupError, OSError) as error:
        raise ValueError(f"mcptls: {kind}: {_told(error, named)}") from None
    return ProfileEndpoint(reactor, accepting, rotating, watch)


def _told(error: Exception, named: Iterable[str]) -> str:
    """What Twisted's parsers make of their arguments, some by being called with them."""
    if not isinstance(error, TypeError):
        return str(error)
    # Python guesses as well, since 3.13, but knows no arguments of ours.
    words = re.sub(r"^\S+\(\) |\. Did you mean .*$", "", str(error))
    guesses = (nearest(key, (*_OURS, *_THEIRS)) for key in named if f"'{key}'" in words)
    guess = next(filter(None, guesses), None)
    return f"{words}; did you mean {guess}=?" if guess else f"{words}; write it like {_EXAMPLE}"


def _profile(text: str) -> Profile:
    try:
        return profile_named(text)
    except ValueError as error:
        hint = did_you_mean(text, PROFILE_NAMES) or f"; {error}"
        raise ValueError(f"mcptls: no profile is named {quoted(text)}{hint}") from None


@implementer(IStreamServerEndpoint)
class ProfileEndpoint:
    """Another endpoint, with our TLS on whatever it accepts."""

    def __init__(
        self, reactor: Any, inner: IStreamServerEndpoint, rotating: Rotating, watch: float = WATCH
    ) -> None:
        self._reactor = reactor
        self._inner = inner
        self._rotating = rotating
        self._watch = watch

    def listen(self, protocolFactory: Any) -> Deferred[Any]:
        """Listen, and look at the files for as long as that lasts."""
        rooms = _Anterooms(self._reactor, protocolFactory, self._rotating, self._watch)
        tls = TLSMemoryBIOFactory(rooms, False, rooms, clock=self._reactor)
        listening: Deferred[Any] = self._inner.listen(tls)
        return listening


@implementer(IOpenSSLServerConnectionCreator)
class _Anterooms(Factory):
    """Makes connections of ours, and what stands in for the application until they are judged."""

    log = Logger()
    noisy = False

    def __init__(self, reactor: Any, application: Any, rotating: Rotating, watch: float) -> None:
        self.reactor = reactor
        self.application = application
        self.rotating = rotating
        self._watch = Watch(reactor, lambda: watch, self.look)
        self._reported: dict[Reason, float] = {}
        self._untold: dict[Reason, int] = {}

    def logPrefix(self) -> str:
        prefix: Callable[[], str] | None = getattr(self.application, "logPrefix", None)
        return prefix() if prefix is not None else type(self.application).__name__

    def doStart(self) -> None:
        super().doStart()
        self.application.doStart()

    def doStop(self) -> None:
        super().doStop()
        self.application.doStop()

    def startFactory(self) -> None:
        """Somebody listens."""
        self._watch.start()

    def stopFactory(self) -> None:
        """Nobody does any more."""
        self._watch.stop()

    def look(self) -> None:
        """See whether the certificates, or whom clients must chain to, are others."""
        if not self.rotating.look():
            return
        if self.rotating.problem is not None:
            self.log.error(
                "mcptls: {problem}. What was in use stays in use.", problem=self.rotating.problem
            )
        else:
            names = sorted({name for pair in self.rotating.shown.pairs for name in pair.names})
            self.log.info("mcptls: certificates for {names} are in use", names=", ".join(names))

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """A connection by the files as they are now."""
        room = tlsProtocol.wrappedProtocol
        assert isinstance(room, _Anteroom)
        return contexts.server_connection(self.rotating.shown.first, None, note=room.note)

    def buildProtocol(self, addr: IAddress | None) -> _Anteroom:
        return _Anteroom(self, addr)

    def refused(self, refusal: Refusal, peer: Any) -> None:
        """Tell the log; of a flood, how many there were."""
        reason, now = refusal.reason, monotonic()
        if now - self._reported.get(reason, -REPORT_APART) < REPORT_APART:
            self._untold[reason] = self._untold.get(reason, 0) + 1
            return
        self._reported[reason] = now
        more = self._untold.pop(reason, 0)
        self.log.warn(
            "mcptls: handshake with {peer} refused: {refusal}{more}",
            peer=getattr(peer, "host", "a local peer"),
            refusal=str(refusal),
            more=f" ({more} more before it)" if more else "",
        )


@implementer(IHandshakeListener)
class _Anteroom(Protocol):
    """Stands where the application's protocol will, until the handshake is judged."""

    transport: Any

    def __init__(self, rooms: _Anterooms, address: IAddress | None) -> None:
        self.note = Note()
        self._rooms = rooms
        self._address = address
        self._late: Any = None
        self._over = False

    def connectionMade(self) -> None:
        """The connection is accepted, and nothing known of it."""
        self._late = self._rooms.reactor.callLater(HANDSHAKE_TIMEOUT, self._overdue)

    def handshakeCompleted(self) -> None:
        """Judge it; only then is there an application."""
        self._settle()
        transport = self.transport
        connection = transport.getHandle()
        refusal = judge_foreign(connection, self._rooms.rotating.profile, handshake_of(connection))
        if refusal is not None:
            return self._refuse(refusal)
        # Whatever comes now is the application's, and no handshake that was refused.
        self._over = True
        protocol = self._rooms.application.buildProtocol(self._address)
        if protocol is None:
            transport.loseConnection()
            return
        # From here on the transport has the application's protocol, as if it had made it.
        transport.wrappedProtocol = protocol
        protocol.makeConnection(transport)
        if IHandshakeListener.providedBy(protocol):
            protocol.handshakeCompleted()

    def dataReceived(self, data: bytes) -> None:
        """Of a connection that was refused, perhaps; it goes nowhere."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It ended before there was an application."""
        self._settle()
        if not self._over:
            self._over = True
            error = reason.value
            problem = error if isinstance(error, SSL.Error | OSError) else SSL.ZeroReturnError()
            self._rooms.refused(failure(problem, self.note, leg="inbound"), self._address)

    def _overdue(self) -> None:
        self._late = None
        self._refuse(Refusal(Reason.TLS_TIMEOUT, f"no finished handshake within {HANDSHAKE_TIMEOUT:g} s"))

    def _refuse(self, refusal: Refusal) -> None:
        self._over = True
        self._rooms.refused(refusal, self._address)
        self.transport.abortConnection()

    def _settle(self) -> None:
        late, self._late = self._late, None
        if late is not None:
            late.cancel()
