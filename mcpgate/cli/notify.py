"""The way to the service manager: a datagram for each message, to the socket that it has named.

Telling is a courtesy. Whatever goes wrong with it costs the gate nothing but a line in the log: a manager
that does not hear that we are ready will say so itself.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import MutableMapping
from typing import Any

from twisted.logger import Logger

# A manager that is busy has room again soon; what it has not taken by then goes in order.
AGAIN = 0.1
# More wait only if it takes nothing at all: then the oldest are of no interest any more.
WAITING_MOST = 16


class Notify:
    """Sends to the socket at C{address}, which may be an abstract one (C{@name})."""

    log = Logger()

    def __init__(self, reactor: Any, address: str) -> None:
        self._reactor = reactor
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._waiting: deque[bytes] = deque(maxlen=WAITING_MOST)
        self._again: Any = None
        self._complained = False
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def tell(self, message: bytes) -> None:
        """Send a message, after those that wait; it never fails."""
        self._waiting.append(message)
        if self._again is None:
            self._send()

    def _send(self) -> None:
        self._again = None
        while self._waiting:
            try:
                self._socket.sendto(self._waiting[0], self._address)
            except BlockingIOError:
                self._again = self._reactor.callLater(AGAIN, self._send)
                return
            except (OSError, ValueError) as error:
                if not self._complained:
                    self._complained = True
                    self.log.warn("the service manager cannot be told anything: {why}", why=str(error))
            self._waiting.popleft()

    def close(self) -> None:
        """Tell no more."""
        if self._again is not None:
            self._again.cancel()
            self._again = None
        self._waiting.clear()
        self._socket.close()


def address_of(environ: MutableMapping[str, str]) -> str | None:
    """Where a service manager wants to be told, if anywhere; taken out, as it is not for our children."""
    address = environ.pop("NOTIFY_SOCKET", "")
    # Others, such as vsock: of a virtual machine's, are for its first process.
    return address if address[:1] in ("/", "@") and len(address) > 1 else None


def watchdog_of(environ: MutableMapping[str, str], process: int) -> float | None:
    """How many seconds may pass between two signs of life, if some manager of ours looks for them."""
    microseconds, whose = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
    if whose and whose != str(process):
        return None
    if not (microseconds.isascii() and microseconds.isdigit()):
        return None
    return int(microseconds) / 1_000_000 or None
