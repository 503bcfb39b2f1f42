"""Two ends that shake hands in memory: what comes of two settings, without a socket and in no time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from attrs import field, frozen
from OpenSSL import SSL

from mcpgate.reasons import Refusal
from mcpgate.tls.contexts import client_connection, client_context, server_connection, server_context
from mcpgate.tls.failure import failure
from mcpgate.tls.foreign import handshake_of
from mcpgate.tls.handshake import Handshake
from mcpgate.tls.localca import LocalCA
from mcpgate.tls.material import Pair
from mcpgate.tls.pins import PinRule, parse_pin
from mcpgate.tls.profile import profile_named
from mcpgate.tls.rehearsal import converse
from mcpgate.tls.verify import Note

# More than any message of a test; moved in one piece.
_PIECE = 1 << 20


@frozen
class TLSPair:
    """A client and a server that have met, in memory. Both ends are pyOpenSSL's C{Connection}."""

    #: The end that called.
    client: SSL.Connection = field(repr=False)
    #: The end that was called.
    server: SSL.Connection = field(repr=False)
    #: Why it came to nothing, as whichever of them noticed it; C{None}: it did not.
    refusal: Refusal | None

    @property
    def handshake(self) -> Handshake:
        """What was negotiated, as the server sees it.

        @raise ValueError: nothing was.
        """
        if self.refusal is not None:
            raise ValueError(f"there is no handshake: {self.refusal}")
        return handshake_of(self.server)

    def to_server(self, data: bytes) -> bytes:
        """Have the client send something; what arrives at the server."""
        return _send(self.client, self.server, data)

    def to_client(self, data: bytes) -> bytes:
        """Have the server send something; what arrives at the client."""
        return _send(self.server, self.client, data)


def tls_pair(
    ca: LocalCA,
    host: str = "localhost",
    *,
    profile: str = "modern",
    client_profile: str | None = None,
    names: Sequence[str] | None = None,
    client: Pair | None = None,
    pins: Sequence[str] = (),
) -> TLSPair:
    """
    Let a client and a server shake hands, with the contexts that a gate has on its two legs.

    @param ca: whom both believe; the server's certificate is made by it.
    @param host: by which name the client calls.
    @param profile: the server's: C{modern} or C{intermediate}, with C{+pq} behind it where it demands a
        post-quantum group. C{client_profile}: the client's, if it is another.
    @param names: those in the server's certificate, if not C{host} alone.
    @param client: the client's certificate, which the server then demands.
    @param pins: what the client demands of the chain, as C{sha256/...}.
    @raise ValueError: no profile has that name.
    """
    shown = ca.server([host] if names is None else list(names), datetime.now(UTC))
    ours, theirs = profile_named(profile), profile_named(client_profile or profile)
    asked = ca.trust() if client is not None else None
    serving = server_context(ours, shown, clients=asked, require_client=client is not None)
    calling = client_context(theirs, ca.trust(), pair=client)
    rule = PinRule(frozenset(map(parse_pin, pins))) if pins else None
    server_note, client_note = Note(), Note()
    server_end = server_connection(serving, None, note=server_note)
    client_end = client_connection(calling, None, host=host, pins=rule, note=client_note)
    client_error, server_error = converse(client_end, server_end)
    refusal = client_note.refusal or server_note.refusal
    if refusal is None and client_error is not None:
        refusal = failure(client_error, client_note, leg="outbound")
    if refusal is None and server_error is not None:
        refusal = failure(server_error, server_note, leg="inbound")
    return TLSPair(client_end, server_end, refusal)


def _send(sender: SSL.Connection, receiver: SSL.Connection, data: bytes) -> bytes:
    received = b""
    for begin in range(0, len(data), _PIECE):
        sender.sendall(data[begin : begin + _PIECE])
        while True:
            try:
                receiver.bio_write(sender.bio_read(_PIECE))
            except SSL.WantReadError:
                break
            while True:
                try:
                    received += receiver.recv(_PIECE)
                except SSL.WantReadError:
                    break
    return received
