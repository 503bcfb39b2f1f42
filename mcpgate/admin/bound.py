"""The address of the admin listener, bound by the gate's process before anything starts.

So an address in use is told when the gate is started, as for a listener, and an admin process that dies
takes no address with it: its successor is handed the same socket.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed

from mcpgate.admin.terms import NAME, socket_path
from mcpgate.config.tables.admin import AdminTable
from mcpgate.evidence.record import where
from mcpgate.ops.control import ControlError, private_socket
from mcpgate.relay.bound import ListenError, bound_port

#: Where it is configured.
KEY = "admin.listen"


class BoundAdmin:
    """A bound address. C{listen} is its description, C{address} where that led to."""

    def __init__(
        self, listen: str, address: str, descriptor: Callable[[], int], end: Callable[[], object]
    ) -> None:
        self.listen = listen
        self.address = address
        self._descriptor = descriptor
        self._end = end
        self._closed: Deferred[Any] | None = None

    def socket(self) -> socket.socket:
        """The listening socket, on a descriptor of its own."""
        return socket.socket(fileno=os.dup(self._descriptor()))

    @property
    def inode(self) -> int:
        """What tells its socket from others, however each was named."""
        return os.fstat(self._descriptor()).st_ino

    def close(self) -> Deferred[Any]:
        """Give the address back; fires when it is free."""
        if self._closed is None:
            self._closed = maybeDeferred(self._end)
        return self._closed


def bind(reactor: Any, table: AdminTable) -> BoundAdmin | None:
    """
    Bind it, where there is one.

    @raise ListenError: if the address is taken or may not be used.
    """
    path = socket_path(table)
    if table.listen is None:
        return None
    if path is not None:
        return _private(table.listen, Path(path))
    try:
        port = bound_port(reactor, table.listen)
    except ListenError as error:
        raise ListenError(f"{NAME}: {error}", KEY) from None
    return BoundAdmin(table.listen, where(port.socket.getsockname()), port.fileno, port.stopListening)


def _private(listen: str, path: Path) -> BoundAdmin:
    try:
        listening, inode = private_socket(path, f"somebody listens on {path} already")
    except ControlError as error:
        raise ListenError(f"{NAME}: {error}", KEY) from None
    except OSError as error:
        raise ListenError(f"{NAME}: cannot listen on {listen}: {error.strerror}", KEY) from None

    def end() -> Deferred[None]:
        listening.close()
        with contextlib.suppress(OSError):
            if path.lstat().st_ino == inode:
                path.unlink()
        return succeed(None)

    return BoundAdmin(listen, f"unix:{path}", listening.fileno, end)
