"""Whether a server answers HTTP in clear text beside TLS.

A server that serves MCP over TLS and on an open port too is only as private as its least careful
client. So we ask, in clear and without anything worth stealing: no credential, no path, no cookie.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from contextlib import closing
from time import monotonic

from attrs import frozen

from mcpgate.evidence.record import where

#: Where HTTP in clear text lives (RFC 9110 4.2.1).
HTTP_PORT = 80

# Long enough for one lost SYN: it is sent again after 1 s (RFC 6298 2.1). A filtered port costs it all.
PATIENCE = 3.0

# A status line takes 30 bytes; a Location header is rarely longer than this.
ANSWER_MOST = 4096

_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])[ \r\n]")
_TO_HTTPS = re.compile(rb"\r\nlocation:[ \t]*https://", re.IGNORECASE)

#: What a TLS server says to HTTP on its own port: Apache, Go, nginx (497 is shown as 400), Upgrade
#: Required (RFC 9110 15.5.22), and this gate.
_REFUSALS = (400, 426)


@frozen
class InClear:
    """What a port said to a request in clear text. C{exposed}: it spoke HTTP and did not send us away."""

    port: int
    status: int | None
    exposed: bool
    told: str


def ask_in_clear(
    address: str, name: str, ports: Iterable[int], *, tls_port: int | None
) -> tuple[InClear, ...]:
    """
    Ask a machine on some ports, each once.

    @param address: what to dial, a name or an address.
    @param name: who is meant, for the Host header.
    @param tls_port: the port that is known to speak TLS; refusing clear text there is right.
    """
    return tuple(
        _judge(port, _ask((address, port), where((name, port))), port == tls_port)
        for port in dict.fromkeys(ports)
    )


def _ask(address: tuple[str, int], authority: str) -> bytes | None:
    """The beginning of the answer; C{None} if there is nobody."""
    end = monotonic() + PATIENCE
    answer = b""
    try:
        with closing(socket.create_connection(address, timeout=PATIENCE)) as sock:
            request = f"GET / HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n"
            sock.sendall(request.encode("ascii"))
            while b"\r\n\r\n" not in answer and len(answer) < ANSWER_MOST:
                sock.settimeout(max(end - monotonic(), 0.01))
                more = sock.recv(ANSWER_MOST)
                if not more:
                    break
                answer += more
    except (ConnectionResetError, TimeoutError):
        # Somebody was there, or nobody was in time; what was said so far counts.
        return answer
    except OSError:
        return None
    return answer


def _judge(port: int, answer: bytes | None, speaks_tls: bool) -> InClear:
    if answer is None:
        return InClear(port, None, False, "is closed")
    found = _STATUS.match(answer)
    if found is None:
        return InClear(port, None, False, "does not answer HTTP in clear text")
    status = int(found[1])
    if 300 <= status < 400 and _TO_HTTPS.search(answer):
        # The first request of a careless client has crossed the network by then, all the same.
        return InClear(port, status, False, f"sends clear text to https ({status})")
    if speaks_tls and status in _REFUSALS:
        return InClear(port, status, False, f"refuses clear text with {status}")
    place = "on the same port" if speaks_tls else f"on port {port}"
    return InClear(port, status, True, f"answers HTTP in clear text {place} (status {status})")
