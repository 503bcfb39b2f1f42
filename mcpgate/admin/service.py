"""What the admin process runs: its listener, its site, and whatever reads the journal beside the gate.

It is told a configuration by the gate's process, when it starts and after each reload, and looks at the
files that C{[admin]} names by itself. It ends when its channel does.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from types import MappingProxyType
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger

from mcpgate._version import __version__
from mcpgate.admin.asking import transport_of
from mcpgate.admin.decisions import decide
from mcpgate.admin.gate import GateLink
from mcpgate.admin.guard import Head, Refused, judge
from mcpgate.admin.listening import AdminListening, AdminTransport, Force, Told
from mcpgate.admin.live import tell
from mcpgate.admin.pages import PAGES
from mcpgate.admin.programs import answer
from mcpgate.admin.readers import Readers
from mcpgate.admin.roles import Person, Role
from mcpgate.admin.site import Dashboard
from mcpgate.admin.terms import NAME, AdminTerms, load_admin
from mcpgate.admin.web import AdminSite, Bounded
from mcpgate.config.include import Included
from mcpgate.config.load import parse_config
from mcpgate.config.problem import ConfigError
from mcpgate.config.schema import Config
from mcpgate.ops.control import Door
from mcpgate.ops.watch import Watch
from mcpgate.provider.client import Provider
from mcpgate.tls.readiness import Readiness
from mcpgate.workers.channel import Channel, ChannelError, Verb

#: Hosts by which a browser reaches a unix socket, through a forwarded port of this machine's.
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class Admin:
    """The admin process's end of the channel, and all that it runs."""

    log = Logger()

    def __init__(
        self, reactor: Any, ended: Callable[[], None], *, wall: Callable[[], float] = time.time
    ) -> None:
        """
        @param ended: called once when there is nothing left to do.
        """
        self.verbs: Mapping[str, Verb] = {"adopt": self.adopt, "link": self.link}
        #: The channel to the gate's process, once there is one.
        self.channel: Channel | None = None
        self.gate = GateLink(lambda: self.channel)
        self.dashboard = Dashboard(
            reactor, self.gate, self._in_force, self._provider, PAGES, wall
        )
        answer(self.dashboard, lambda accept: self._reading().exposed(accept))
        decide(self.dashboard)
        self._live = tell(self.dashboard, lambda: self._reading().feed)
        self._readers: Readers | None = None
        self.site = AdminSite(reactor, self.dashboard.app.resource(), self._guard)
        self._reactor = reactor
        self._ended = ended
        self._wall = wall
        self._terms: AdminTerms | None = None
        self._number = 0
        self._address = ""
        self._readiness = Readiness(reactor)
        self._force: Force | None = None
        self._listening: AdminListening | None = None
        self._door: Door | None = None
        self._watch = Watch(reactor, lambda: self._in_force().config.gate.watch, self.look)
        self._leaving = False
        self._complained = ""

    def _provider(self) -> Provider:
        oidc = self._in_force().oidc
        assert oidc is not None, "it is asked for only where there is one"
        return Provider(self._reactor, self._readiness, Told(), oidc.issuer.peer)

    def _reading(self) -> Readers:
        assert self._readers is not None, "nothing is served before it was told what"
        return self._readers

    def _in_force(self) -> AdminTerms:
        assert self._terms is not None, "nothing is served before it was told what"
        return self._terms

    # What the gate's process asks.

    def adopt(
        self,
        *,
        version: str,
        text: str,
        source: str,
        included: Mapping[str, str] = MappingProxyType({}),
        address: str = "",
        descriptors: Sequence[int] = (),
        read: Mapping[str, Sequence[int]] = MappingProxyType({}),
    ) -> Mapping[str, Any]:
        """
        Serve by a configuration from now on.

        @param read: how far the process before this one was with the journal.
        @param address: where the socket is bound, that the descriptor is of.
        """
        sock = socket.socket(fileno=descriptors[0]) if descriptors else None
        try:
            if version != __version__:
                raise ChannelError(f"is mcpgate {__version__}, and not {version}: restart the gate")
            files = {file: part.encode() for file, part in included.items()}
            config = parse_config(text.encode(), Path(source), Included(files, {}))
            self._take(config, read)
        except BaseException as error:
            if sock is not None:
                sock.close()
            if isinstance(error, ConfigError):
                raise ChannelError("; ".join(map(str, error.problems))) from None
            raise
        self._serve_at(sock, address)
        return {}

    def _take(self, config: Config, read: Mapping[str, Sequence[int]] = MappingProxyType({})) -> None:
        self._number += 1
        now = datetime.fromtimestamp(self._wall(), UTC)
        terms = load_admin(config, self._number, now)
        old, self._terms = self._terms, terms
        if old is None:
            self._readiness.start()
            self.site.doStart()
            self.dashboard.pool.start()
            self._watch.start()
            self._readers = Readers(
                self._reactor, self._readiness, self.gate, terms, self._wall, read
            )
            self._readers.start()
            self.dashboard.readers = self._readers
        elif old.oidc is not None and (
            terms.oidc is None or old.table != terms.table or old.config.issuers != terms.config.issuers
        ):
            # Whoever it was that the provider has vouched for, they may be on no list any more.
            self.dashboard.logins.end_all("oidc")
        if old is not None:
            self._reading().adopt(terms)
        if self._force is not None and terms.listener is not None:
            self._force.adopt(config, terms.listener)
            if self._listening is not None:
                self._listening.judge_again()

    def _serve_at(self, sock: socket.socket | None, address: str) -> None:
        """Go on on that socket; it may be the same address as before."""
        terms = self._in_force()
        if sock is not None and address == self._address and (self._listening or self._door):
            return sock.close()
        self._stop_listening()
        self._address = address
        if sock is None:
            return
        if terms.path is not None:
            sock.setblocking(False)
            self._door = Door(self._reactor, sock, self.site)
            return self._door.start()
        assert terms.listener is not None
        self._force = self._force or Force(self._readiness, terms.config, terms.listener)
        self._force.adopt(terms.config, terms.listener)
        self._listening = AdminListening(NAME, sock, self._force, self._report, self.site)
        self._listening.start()

    def _stop_listening(self) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.retire()
        door, self._door = self._door, None
        if door is not None:
            door.close()

    def link(self, *, role: str, by: str) -> Mapping[str, Any]:
        """A one-time link to log in with. C{by}: who asks for it, as they will be called."""
        terms = self._in_force()
        if terms.path is not None:
            raise ChannelError(
                f"is on the unix socket {terms.path}, which needs no link: "
                f"curl --unix-socket {terms.path} http://localhost/"
            )
        person = Person(by, "link", Role(role))
        secret = self.dashboard.logins.link(person, monotonic())
        self.log.info("a one-time link was made for {by}, as {role}", by=by, role=role)
        return {"url": f"{self._url()}/login/link/{secret}", "role": role}

    def _url(self) -> str:
        """By what a browser reaches the dashboard."""
        terms = self._in_force()
        assert terms.listener is not None
        if terms.listener.public is not None:
            return str(terms.listener.public).rstrip("/")
        port = self._address.rpartition(":")[2]
        names = terms.listener.pair_for(None).names
        # A certificate for this machine mostly has a name that only this machine calls it by.
        name = "localhost" if "localhost" in names else next(n for n in (*names, "localhost") if "*" not in n)
        return f"https://[{name}]:{port}" if ":" in name else f"https://{name}:{port}"

    # What comes in.

    def _guard(self, request: Bounded, head: Head) -> Refused | None:
        transport = transport_of(request)
        if not isinstance(transport, AdminTransport):
            return judge(head, LOCAL.__contains__, secure=False)
        listener = self._in_force().listener
        if listener is None:
            return Refused(421, "The dashboard has moved.")
        return judge(head, lambda host: listener.judge_host(host, transport.sni) is None)

    def look(self) -> None:
        """See whether a file changed, and take up what is new if it is good."""
        terms = self._in_force()
        if self._force is not None:
            self._force.witness.tell_floods(monotonic())
        if terms.reading.changed() is None:
            self._complained = ""
            return
        try:
            self._take(terms.config)
        except ConfigError as error:
            words = "; ".join(map(str, error.problems))
            if words != self._complained:
                self._report(f"the files that [admin] names are not taken up: {words}")
            self._complained = words

    def _report(self, sentence: str) -> None:
        self.log.warn("{sentence}", sentence=sentence)

    # Its end.

    def leave(self) -> None:
        """End: the gate's process is gone, or wants it."""
        if self._leaving:
            return
        self._leaving = True
        self._live.stop()
        self._stop_listening()
        if self._terms is not None:
            self._watch.stop()
            self._reading().stop()
            self._readiness.stop()
            # Those that are being made nobody will see; an index that hangs is left after some seconds.
            threading.Thread(target=self.dashboard.pool.stop, name="ends pages").start()
            ended: Deferred[Any] = maybeDeferred(self.site.doStop)
            ended.addBoth(lambda _: self._ended())
        else:
            self._ended()
