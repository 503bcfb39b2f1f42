"""Looking at a server before it becomes an upstream: what it negotiates, and what we would say to it.

One handshake for each demand that an upstream can be under, each as the gate itself would begin it,
and each only looked at (C{tls.onlooker}): a chain that is not trusted is reported, not an obstacle.
Plain sockets and no reactor: a probe is a question that a person waits for.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from time import monotonic

from attrs import frozen
from cryptography import x509
from OpenSSL import SSL

from mcpgate.evidence.record import where
from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.failure import failure
from mcpgate.tls.handshake import Handshake
from mcpgate.tls.names import judge_name
from mcpgate.tls.onlooker import Onlooker
from mcpgate.tls.profile import PROFILES, Profile, judge, with_pq
from mcpgate.tls.trust import TrustStore
from mcpgate.tls.verify import Note
from mcpgate.upstream.clear import HTTP_PORT, InClear, ask_in_clear

# The defaults of an upstream's connect_timeout and handshake_timeout.
CONNECT_TIMEOUT = 5.0
HANDSHAKE_TIMEOUT = 10.0

#: What an upstream can be held to, the most demanding first.
DEMANDS: Mapping[str, Profile] = {
    "modern, require_pq": with_pq(PROFILES["modern"]),
    "modern": PROFILES["modern"],
    "intermediate": PROFILES["intermediate"],
}


class Unreachable(Exception):
    """Nobody answers at the address; one line says why."""


@frozen
class Seen:
    """A handshake that finished, and the chain: verified, or as sent if it is not trusted."""

    handshake: Handshake
    chain: tuple[x509.Certificate, ...]
    #: What the gate would refuse about the chain, about the name.
    trust: Refusal | None
    name: Refusal | None


@frozen
class Report:
    """All that was found. C{verdicts} are of the profiles alone; C{seen} is None if all shakes failed."""

    peer: str
    seen: Seen | None
    verdicts: Mapping[str, Refusal | None]
    in_clear: tuple[InClear, ...]


def probe(
    host: str,
    dial: tuple[str, int],
    trust: TrustStore,
    also_ports: Iterable[int] = (),
    *,
    patience: float = HANDSHAKE_TIMEOUT,
) -> Report:
    """
    Look at the server of a name (or address) that answers where C{dial} says.

    @param also_ports: where else to ask for clear text, beside the same port and port 80.
    @param patience: for each handshake, in seconds.
    @raise Unreachable: when there is no TCP connection to be had.
    """
    with closing(_connect(dial)) as first:
        # The other handshakes are with the same machine, also where a name has several.
        address = first.getpeername()[:2]

    def look(profile: Profile) -> Seen | Refusal:
        return _look(host, address, profile, trust, patience)

    with ThreadPoolExecutor(len(DEMANDS)) as threads:
        # Side by side: a server that never answers costs one time limit, not three.
        found = list(threads.map(look, DEMANDS.values()))
    seen = next((one for one in found if isinstance(one, Seen)), None)
    verdicts = {
        demand: judge(profile, one.handshake) if isinstance(one, Seen) else one
        for (demand, profile), one in zip(DEMANDS.items(), found, strict=True)
    }
    ports = (dial[1], HTTP_PORT, *also_ports)
    return Report(
        peer=where(address),
        seen=seen,
        verdicts=verdicts,
        in_clear=ask_in_clear(address[0], host, ports, tls_port=dial[1] if seen else None),
    )


def _connect(address: tuple[str, int]) -> socket.socket:
    try:
        return socket.create_connection(address, timeout=CONNECT_TIMEOUT)
    except OSError as error:
        # gaierror says it in strerror too; a timeout says it only in its text.
        raise Unreachable(f"{where(address)}: {error.strerror or error}") from error


def _look(
    host: str, address: tuple[str, int], profile: Profile, trust: TrustStore, patience: float
) -> Seen | Refusal:
    try:
        sock = _connect(address)
    except Unreachable as error:
        return Refusal(Reason.UPSTREAM_UNREACHABLE, str(error))
    with closing(sock):
        sock.setblocking(False)
        onlooker = Onlooker(profile, trust, sock, host=host)
        began = monotonic()
        try:
            _shake(onlooker, sock, began + patience)
        except TimeoutError:
            return Refusal(Reason.TLS_TIMEOUT, f"no finished handshake within {patience:g} s")
        except (SSL.Error, OSError) as error:
            # An empty note: what is wrong with the chain did not end this handshake.
            return failure(error, Note(), leg="outbound")
        chain = onlooker.chain()
        seen = Seen(
            handshake=onlooker.handshake((monotonic() - began) * 1000),
            chain=chain,
            trust=onlooker.trust_refusal,
            name=judge_name(chain[0], host),
        )
        onlooker.leave()
        return seen


def _shake(onlooker: Onlooker, sock: socket.socket, end: float) -> None:
    """
    @raise TimeoutError: when it takes too long.
    """
    waiting = select.poll()
    while True:
        try:
            return onlooker.shake()
        except SSL.WantReadError:
            waiting.register(sock, select.POLLIN)
        except SSL.WantWriteError:
            waiting.register(sock, select.POLLOUT)
        left = end - monotonic()
        if left <= 0 or not waiting.poll(left * 1000):
            raise TimeoutError
