"""Alerts as lines of syslog: to that of this machine, or by UDP in the form of RFC 5424.

UDP says nothing of what has arrived, and goes in clear: what is in an alert is no secret, but whoever is on
the way reads it. Where that matters, the syslog of this machine can forward it over TLS.
"""

from __future__ import annotations

import os
import socket
import time
from typing import Any

from twisted.internet.threads import deferToThreadPool

from mcpgate.alerts.alert import Severity, line
from mcpgate.alerts.sender import Message, NotTold
from mcpgate.config.url import read_authority
from mcpgate.evidence.record import timestamp

#: The socket of the syslog of this machine.
LOCAL = "/dev/log"
#: RFC 5424 6.2.1: security and authorization messages, for those who may read them.
FACILITY = 10
SEVERITIES = {Severity.CRITICAL: 2, Severity.WARNING: 4, Severity.OVER: 5}
#: RFC 5424 6.1: what a receiver should take at least.
LINE_MOST = 2048
#: The port of RFC 5426, where none is named.
PORT = 514
#: A full socket of this machine's syslog: nobody reads it.
WITHIN = 5.0


class Syslog:
    """Writes alerts to one syslog, in a thread: a name may have to be resolved, a socket be waited for."""

    def __init__(self, reactor: Any, to: str) -> None:
        """
        @param to: C{local} or C{host:port}.
        """
        self._reactor = reactor
        self._to = to

    async def send(self, message: Message) -> None:
        """Write it."""
        words = line(message.alert, message.times)
        severity, occasion = message.alert.severity, message.alert.occasion
        await deferToThreadPool(
            self._reactor, self._reactor.getThreadPool(), _send, self._to, severity, occasion, words
        )

    def stop(self) -> None:
        """What a thread has begun it ends within seconds."""


def _send(to: str, severity: Severity, occasion: str, words: str) -> None:
    try:
        if to == "local":
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.settimeout(WITHIN)
                sock.sendto(local_line(severity, words, time.localtime()), LOCAL)
            return
        host, port = read_authority(to, PORT)
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, proto) as sock:
            sock.settimeout(WITHIN)
            sock.sendto(remote_line(severity, occasion, words, time.time()), address)
    except OSError as error:
        raise NotTold(f"{LOCAL if to == 'local' else to}: {error.strerror or error}") from None


def local_line(severity: Severity, words: str, now: time.struct_time) -> bytes:
    """As libc writes them."""
    stamp = time.strftime("%b %e %H:%M:%S", now)
    return _bounded(f"<{_priority(severity)}>{stamp} mcpgate[{os.getpid()}]: {words}")


def remote_line(severity: Severity, occasion: str, words: str, now: float) -> bytes:
    """RFC 5424 6: version, time, host, program, process, kind of message, no structured data."""
    host = socket.gethostname()[:255] or "-"
    head = f"<{_priority(severity)}>1 {timestamp(now)} {host} mcpgate {os.getpid()} {occasion} -"
    return _bounded(f"{head} {words}")


def _priority(severity: Severity) -> int:
    return FACILITY * 8 + SEVERITIES[severity]


def _bounded(text: str) -> bytes:
    # ASCII needs no mark of its encoding, and steers no terminal.
    return text.encode("ascii", "backslashreplace")[:LINE_MOST]
