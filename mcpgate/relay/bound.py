"""Binding: a Twisted endpoint finds the address, we accept on it.

The endpoint binds, so every kind that Twisted knows works (tcp, tcp6, unix, systemd) and says what is
wrong in its own words; but it is not left to accept, so that a connection is ours from its first byte.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from mcpgate.config.schema import ListenerTable
from mcpgate.relay.force import InForce
from mcpgate.relay.listener import Listening


class ListenError(Exception):
    """An address cannot be listened on; one line says which and why."""


class _Silent(Factory):
    """What the endpoint is given. It never makes anything: we accept ourselves."""

    noisy = False

    def logPrefix(self) -> str:
        return "mcpgate"


@define(eq=False)
class Bound:
    """A listener with the Twisted port that bound its address (and will unbind it)."""

    table: ListenerTable
    port: Any
    listening: Listening
    _closed: Deferred[Any] | None = field(default=None, init=False)

    def close(self) -> Deferred[Any]:
        """Accept no more and give the address back; fires when it is free."""
        self.listening.stop()
        if self._closed is None:
            self._closed = maybeDeferred(self.port.stopListening)
        return self._closed


def bind(reactor: Any, table: ListenerTable, force: InForce, report: Callable[[str], None]) -> Bound:
    """
    Bind a listener's address; nothing is accepted until L{Listening.start}.

    @param report: takes a sentence for the operator's log.
    @raise ListenError: if the address is taken or may not be used.
    """
    outcome: list[Any] = []
    serverFromString(reactor, table.listen).listen(_Silent()).addBoth(outcome.append)
    if not outcome:
        raise ListenError(f"listener {table.name}: {table.listen} is not bound at once")
    port = outcome[0]
    if isinstance(port, Failure):
        error = port.value
        why = str(error)
        if isinstance(error, CannotListenError) and isinstance(error.socketError, OSError):
            why = error.socketError.strerror or why
        raise ListenError(f"listener {table.name}: cannot listen on {table.listen}: {why}")
    port.stopReading()
    sock = socket.socket(fileno=os.dup(port.fileno()))
    return Bound(table, port, Listening(table.name, sock, force, report))
