"""Binding: a Twisted endpoint finds the address, we accept on it.

The endpoint binds, so every kind that Twisted knows works (tcp, tcp6, unix) and says what is wrong in its
own words; but it is not left to accept, so that a connection is ours from its first byte. What systemd has
bound is taken as it is (C{relay.adopted}).
Who binds need not be who accepts: with several workers the address is bound once, and each of them
accepts on the same socket.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Container, Iterable, Mapping
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from mcpgate.config.endpoint import read_endpoint
from mcpgate.config.tables.listener import ListenerTable
from mcpgate.evidence.record import where
from mcpgate.relay.adopted import AdoptError, adopt


class ListenError(Exception):
    """An address cannot be listened on; one line says which and why."""

    def __init__(self, words: str, key: str = "listener") -> None:
        super().__init__(words)
        #: Where it is configured.
        self.key = key


class _Silent(Factory):
    """What the endpoint is given. It never makes anything: we accept ourselves."""

    noisy = False

    def logPrefix(self) -> str:
        return "mcpgate"


@define(eq=False)
class Bound:
    """A listener's address, with the Twisted port that bound it (and will unbind it)."""

    table: ListenerTable
    port: Any
    #: Where it is bound, with the port that the kernel chose.
    address: str
    _closed: Deferred[Any] | None = field(default=None, init=False)

    def socket(self) -> socket.socket:
        """The listening socket, on a descriptor of its own."""
        return socket.socket(fileno=os.dup(self.port.fileno()))

    @property
    def inode(self) -> int:
        """What tells its socket from others, however each was named."""
        return os.fstat(self.port.fileno()).st_ino

    def close(self) -> Deferred[Any]:
        """Give the address back; fires when it is free, as far as it is up to us."""
        if self._closed is None:
            self._closed = maybeDeferred(self.port.stopListening)
        return self._closed


def bind(reactor: Any, table: ListenerTable) -> Bound:
    """
    Bind a listener's address.

    @raise ListenError: if the address is taken or may not be used.
    """
    try:
        port = bound_port(reactor, table.listen)
    except ListenError as error:
        raise ListenError(f"listener {table.name}: {error}") from None
    return Bound(table, port, where(port.socket.getsockname()))


def bound_port(reactor: Any, listen: str) -> Any:
    """
    The Twisted port for a description, bound, and accepting nothing.

    @raise ListenError: if the address is taken or may not be used.
    """
    endpoint = read_endpoint(listen)
    if endpoint.kind == "systemd":
        try:
            return adopt(reactor, endpoint)
        except AdoptError as problem:
            raise ListenError(f"cannot listen on {listen}: {problem}") from None
    outcome: list[Any] = []
    serverFromString(reactor, listen).listen(_Silent()).addBoth(outcome.append)
    if not outcome:
        raise ListenError(f"{listen} is not bound at once")
    port = outcome[0]
    if isinstance(port, Failure):
        error = port.value
        why = str(error)
        if isinstance(error, CannotListenError) and isinstance(error.socketError, OSError):
            why = error.socketError.strerror or why
        raise ListenError(f"cannot listen on {listen}: {why}")
    port.stopReading()
    return port


def _apart(all_of_them: Mapping[str, Bound]) -> None:
    """Two listeners on one socket, handed over by systemd, would take callers from each other by chance."""
    first: dict[int, str] = {}
    for name, bound in all_of_them.items():
        other = first.setdefault(bound.inode, name)
        if other != name:
            listen = bound.table.listen
            raise ListenError(f"listener {name}: cannot listen on {listen}: listener {other} has that socket")


class Addresses:
    """The addresses of a gate, by the names of its listeners."""

    def __init__(self, reactor: Any) -> None:
        self.bound: dict[str, Bound] = {}
        self._reactor = reactor

    def bind(self, tables: Iterable[ListenerTable]) -> dict[str, Bound]:
        """
        Bind what is new or has moved, all of it or nothing; what is bound already stays as it is.

        @raise ListenError: for the first that cannot be bound.
        """
        fresh: dict[str, Bound] = {}
        stay: dict[str, Bound] = {}
        try:
            for table in tables:
                known = self.bound.get(table.name)
                if table.embedded:
                    continue
                if known is None or known.table.listen != table.listen:
                    fresh[table.name] = bind(self._reactor, table)
                else:
                    stay[table.name] = known
            _apart({**stay, **fresh})
        except ListenError:
            for bound in fresh.values():
                bound.close()
            raise
        return fresh

    def holders(self, fresh: Mapping[str, Bound], tables: Iterable[ListenerTable]) -> dict[int, str]:
        """Who will have which socket, by its inode, once these new ones are taken."""
        names = {table.name for table in tables}
        everybody = {**self.bound, **fresh}
        return {bound.inode: name for name, bound in everybody.items() if name in names}

    def take(self, fresh: Mapping[str, Bound], names: Container[str]) -> None:
        """Go on with these new ones; those that they replace, and those of other names, are closed."""
        for name, bound in list(self.bound.items()):
            if name in fresh or name not in names:
                bound.close()
                del self.bound[name]
        self.bound.update(fresh)

    def close(self) -> Deferred[Any]:
        """Give all addresses back; fires when they are free."""
        return gatherResults([bound.close() for bound in self.bound.values()])
