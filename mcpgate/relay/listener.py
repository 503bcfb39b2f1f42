"""A bound listener: it accepts, and knows every connection that came through it."""

from __future__ import annotations

import resource
import socket
from collections.abc import Callable
from errno import EMFILE, ENFILE, ENOBUFS, ENOMEM
from ipaddress import ip_address
from sys import intern
from time import monotonic
from typing import Any

from mcpgate.evidence.record import where
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay.arrival import Arrival
from mcpgate.relay.crowd import source_of
from mcpgate.relay.entry import Entry
from mcpgate.relay.force import InForce
from mcpgate.relay.spare import Spare
from mcpgate.tls.readiness import NEVER, READ
from mcpgate.tls.stream import tune

# Accepted per turn, so that a flood of connections does not hold up those that are served, and so
# that workers who share a socket share what comes on it.
ACCEPT_MOST = 16

# What accept(2) fails with when the machine has no more to give; the first two mean descriptors.
_NO_DESCRIPTORS = frozenset({EMFILE, ENFILE})
_EXHAUSTED = _NO_DESCRIPTORS | {ENOBUFS, ENOMEM}

# How long nothing is accepted then: service is back within two seconds of release, and a second is
# long enough for nobody to call it a busy loop.
BACK_OFF = 1.0

# How long newcomers are left waiting while no handshake ends. A thousand callers who come at once are
# through in a second; where nothing moves for as long, an answer is better than none.
JAM_MOST = 1.0

# An operator has to know that it happens and that it still does, not how often.
REPORT_APART = 5.0


class Listening(Entry):
    """A bound listener: one socket, the terms in force, and the connections that came through it."""

    def __init__(
        self,
        name: str,
        sock: socket.socket,
        force: InForce,
        report: Callable[[str], None],
    ) -> None:
        """
        @param sock: bound and listening; ours to close.
        @param report: takes a sentence for the operator's log.
        """
        super().__init__(name, force)
        self.deadline: float = NEVER
        self._socket = sock
        self._report = report
        self._reported = -REPORT_APART
        self._spare: Spare | None = None
        sock.setblocking(False)

    @property
    def address(self) -> str:
        """Where it is bound, with the port that the kernel chose; empty once it is not any more."""
        return where(self._socket.getsockname()) if self._socket.fileno() >= 0 else ""

    def start(self) -> None:
        """Begin to accept."""
        super().start()
        self._spare = Spare()
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self.force.crowd.descriptors = most if most != resource.RLIM_INFINITY else 0
        # What it accepts inherits its options (Linux), which saves five system calls for each connection.
        tune(self._socket)
        # The endpoint's default backlog is 50; the kernel caps ours at somaxconn.
        self._socket.listen(4096)
        self.force.readiness.watch(self._socket.fileno(), self, READ)

    def stop(self) -> None:
        """Accept no more; connections live on."""
        if self._socket.fileno() >= 0:
            self.force.readiness.forget(self._socket.fileno())
            self._socket.close()
        if self._spare is not None:
            self._spare.close()
            self._spare = None
        for arrival in list(self.arrivals):
            arrival.give_up(Refusal(Reason.GATE_DRAINING, "the listener was closed during the handshake"))

    def readable(self) -> None:
        crowd, config = self.force.crowd, self.force.generation.config
        handshakes = config.limits.handshakes
        for taken in range(ACCEPT_MOST):
            refusal = crowd.full(config)
            if taken and refusal is None and crowd.unfinished >= handshakes:
                # Room is made for somebody who is known to wait: the set will tell.
                return
            if refusal is None and not crowd.make_room(handshakes):
                if crowd.jammed(monotonic()) < JAM_MOST:
                    # Not refused yet: perhaps there is room at the next tick, or another worker has it.
                    return self._pause(0.0)
                count = crowd.unfinished
                refusal = Refusal(Reason.LIMIT_HANDSHAKES, f"{count} handshakes are in progress")
            try:
                sock, address = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    # The connection was gone before it was accepted: accept(2) says to go on.
                    continue
                return self._exhausted(error)
            self._welcome(sock, address, refusal)

    def _pause(self, seconds: float) -> None:
        """Accept nothing for a while; who comes meanwhile waits in the kernel."""
        self.force.readiness.change(self._socket.fileno(), 0)
        self.deadline = monotonic() + seconds

    def _welcome(self, sock: socket.socket, address: Any, refusal: Refusal | None) -> None:
        """Somebody has connected: let in whom there is room for."""
        relayed = bool(self.terms.table.proxy_from) and self._is_balancer(address)
        # Who the caller behind a balancer is, it says when it is in.
        # One text for all connections of one address.
        source = intern(source_of(address[0])) if isinstance(address, tuple) and not relayed else ""
        config = self.force.generation.config
        refusal = refusal or self.force.crowd.crowded(source, config, monotonic())
        if refusal is not None:
            self.refuse(refusal, peer=where(address), local=self.address)
            # Without TLS there is no answer that it could believe.
            return sock.close()
        sock.setblocking(False)
        arrival = self.arrive(sock, address, source, relayed=relayed)
        arrival.start()
        # Its ClientHello is mostly here by the end of this turn, which saves it another one.
        self.force.readiness.soon(arrival.look, arrival)

    def arrive(self, sock: socket.socket, address: Any, source: str, *, relayed: bool) -> Arrival:
        """What an accepted socket is until its handshake is judged."""
        return Arrival(self, sock, address, source, relayed=relayed)

    def _is_balancer(self, address: Any) -> bool:
        if not isinstance(address, tuple):
            return False
        host = ip_address(address[0].partition("%")[0])
        host = getattr(host, "ipv4_mapped", None) or host
        return any(host in network for network in self.terms.table.proxy_from)

    def _exhausted(self, error: OSError) -> None:
        """Nothing more can be accepted: wait, instead of being told so again at once."""
        now = monotonic()
        if now - self._reported >= REPORT_APART:
            self._reported = now
            self._report(f"listener {self.name}: cannot accept: {error.strerror}")
        if error.errno in _NO_DESCRIPTORS and self._spare is not None:
            address = self._spare.turn_away(self._socket)
            if address is not None:
                refusal = Refusal(Reason.LIMIT_DESCRIPTORS, error.strerror or "")
                self.refuse(refusal, peer=where(address), local=self.address)
        self._pause(BACK_OFF)

    def overdue(self) -> None:
        self.deadline = NEVER
        if self._spare is not None:
            self._spare.keep()
        self.force.readiness.change(self._socket.fileno(), READ)

    def writable(self) -> None:
        """Never asked for."""

    def failed(self) -> None:
        """One accept failed by a bug of ours; the listener goes on."""
