"""Sockets that a service manager has bound and handed over: C{systemd:} endpoints (sd_listen_fds(3)).

Twisted knows which descriptors these are, but its endpoint closes the one that it was used for: the next
listener of that name would get whatever has been opened under the same number since. Here each listener gets
a copy, and the descriptor itself stays as it is for as long as the process lives.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.endpoints import serverFromString

from mcpgate.config.endpoint import Endpoint

#: What C{domain=} may say of them, and what they may be at all.
DOMAINS = {"INET": socket.AF_INET, "INET6": socket.AF_INET6, "UNIX": socket.AF_UNIX}

# Left in the environment by Twisted, which takes the numbers out of it.
_NAMES = "LISTEN_FDNAMES"


class AdoptError(Exception):
    """There is no such socket, or it is none to accept on; in words that go behind where it is configured."""


class Adopted:
    """A copy of a socket that was handed over, as what a Twisted port is to whoever has bound it."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock

    def fileno(self) -> int:
        """The descriptor of the copy."""
        return self.socket.fileno()

    def getHost(self) -> IPv4Address | IPv6Address | UNIXAddress:
        """Where it is bound."""
        address = self.socket.getsockname()
        if self.socket.family == socket.AF_UNIX:
            return UNIXAddress(address or None)
        kind = IPv6Address if self.socket.family == socket.AF_INET6 else IPv4Address
        return kind("TCP", *address)

    def stopListening(self) -> None:
        """Close the copy. Who comes then waits for the next one to accept, of this process or of another."""
        self.socket.close()


def adopt(reactor: Any, endpoint: Endpoint, environ: Mapping[str, str] = os.environ) -> Adopted:
    """
    The socket that is meant.

    @raise AdoptError: it was not handed over, or cannot be accepted on.
    """
    descriptor = _descriptor(reactor, endpoint, environ)
    try:
        # Children that are started by other ways than ours do not have it either.
        os.set_inheritable(descriptor, False)
        sock = socket.socket(fileno=os.dup(descriptor))
    except OSError as error:
        raise AdoptError(f"what was handed over cannot be used: {error.strerror}") from None
    try:
        listens = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if sock.type != socket.SOCK_STREAM or not listens or sock.family not in DOMAINS.values():
            raise AdoptError("what was handed over is no listening stream socket (ListenStream=)")
        domain = endpoint.arguments.get("domain")
        if domain is not None and DOMAINS[domain] != sock.family:
            raise AdoptError(f"what was handed over is {sock.family.name}, and not AF_{domain}")
    except BaseException:
        sock.close()
        raise
    return Adopted(sock)


def _descriptor(reactor: Any, endpoint: Endpoint, environ: Mapping[str, str]) -> int:
    given = [name for name in environ.get(_NAMES, "").split(":") if name]
    name, index = endpoint.arguments.get("name"), endpoint.arguments.get("index")
    if name is not None and given.count(name) > 1:
        # One of them would be accepted on, and on the others callers would wait for nobody.
        count = given.count(name)
        raise AdoptError(f"{count} sockets of that name were handed over; give each a name of its own")
    which = f"name={_quoted(name)}" if name is not None else f"index={index}"
    try:
        # What the domain is the socket itself says.
        found = serverFromString(reactor, f"systemd:domain=INET:{which}")
        descriptor: int = found.fileno
    except LookupError:
        there = f"only {', '.join(given)}" if given else "nor any other: its socket unit has to be started"
        raise AdoptError(f"systemd has handed over no such socket, {there}") from None
    return descriptor


def _quoted(name: str) -> str:
    """As an endpoint description writes it."""
    return "".join(f"\\{character}" if character in "\\:=" else character for character in name)
