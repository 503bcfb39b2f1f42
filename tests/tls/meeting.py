"""Two ends that meet in memory: the gate's own, and peers of every kind and quality."""

from __future__ import annotations

from attrs import define
from OpenSSL import SSL

from mcpgate.reasons import Refusal
from mcpgate.tls.contexts import client_connection, client_context, server_connection, server_context
from mcpgate.tls.failure import failure
from mcpgate.tls.handshake import Handshake
from mcpgate.tls.material import Pair
from mcpgate.tls.observe import after_handshake, observe
from mcpgate.tls.pins import PinRule
from mcpgate.tls.profile import PROFILES, Profile
from mcpgate.tls.rehearsal import converse
from mcpgate.tls.trust import TrustStore
from mcpgate.tls.verify import Note

MODERN = PROFILES["modern"]
INTERMEDIATE = PROFILES["intermediate"]
HOST = "mcp.test"


@define
class End:
    """One end of ours, before and after a meeting."""

    connection: SSL.Connection
    note: Note
    profile: Profile
    host: str | None = None
    pins: PinRule | None = None
    handshake: Handshake | None = None
    refusal: Refusal | None = None

    def conclude(self, error: SSL.Error | None) -> None:
        """What the gate does with this end when the handshake is over."""
        if error is not None:
            self.refusal = failure(error, self.note, leg="inbound" if self.host is None else "outbound")
            return
        self.handshake = observe(self.connection, note=self.note, own=None, milliseconds=1.5, generation=3)
        self.refusal = after_handshake(self.connection, self.profile, self.host, self.pins, self.handshake)


def outbound(
    trust: TrustStore,
    profile: Profile = MODERN,
    *,
    host: str = HOST,
    pins: PinRule | None = None,
    pair: Pair | None = None,
) -> End:
    """The gate as the client of an upstream."""
    note = Note()
    context = client_context(profile, trust, pair=pair)
    connection = client_connection(context, None, host=host, pins=pins, note=note)
    return End(connection, note, profile, host, pins)


def inbound(
    pair: Pair, profile: Profile = MODERN, *, clients: TrustStore | None = None, require_client: bool = False
) -> End:
    """The gate as the server of a caller."""
    note = Note()
    context = server_context(profile, pair, clients=clients, require_client=require_client)
    return End(server_connection(context, None, note=note), note, profile)


def foreign_server(
    pair: Pair,
    *,
    ciphers: bytes = b"ALL:@SECLEVEL=0",
    oldest: int = 0,
    newest: int = 0,
    tickets: bool = False,
) -> SSL.Connection:
    """A server that is not ours, and as loose as it is asked to be."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_cipher_list(ciphers)
    if oldest:
        context.set_min_proto_version(oldest)
    if newest:
        context.set_max_proto_version(newest)
    if tickets:
        context.set_session_id(b"foreign")
    context.use_certificate(pair.chain[0])
    for issuer in pair.chain[1:]:
        context.add_extra_chain_cert(issuer)
    context.use_privatekey(pair.key)
    connection = SSL.Connection(context, None)
    connection.set_accept_state()
    return connection


def foreign_client(
    *,
    ciphers: bytes | None = None,
    newest: int = 0,
    alpn: list[bytes] | None = None,
    sni: bytes | None = None,
    pair: Pair | None = None,
) -> SSL.Connection:
    """A client that is not ours and believes everybody."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    if ciphers is not None:
        context.set_cipher_list(ciphers)
    if pair is not None:
        context.use_certificate(pair.chain[0])
        for issuer in pair.chain[1:]:
            context.add_extra_chain_cert(issuer)
        context.use_privatekey(pair.key)
    if newest:
        context.set_min_proto_version(SSL.TLS1_VERSION)
        context.set_max_proto_version(newest)
    connection = SSL.Connection(context, None)
    if alpn is not None:
        connection.set_alpn_protos(alpn)
    if sni is not None:
        connection.set_tlsext_host_name(sni)
    connection.set_connect_state()
    return connection


def meet(client: End | SSL.Connection, server: End | SSL.Connection) -> None:
    """Lets them shake hands; an end of ours then holds its handshake or its refusal."""
    ends = (client, server)
    connections = [end.connection if isinstance(end, End) else end for end in ends]
    errors = converse(*connections)
    for end, error in zip(ends, errors, strict=True):
        if isinstance(end, End):
            end.conclude(error)


def first_flight(client: End | SSL.Connection) -> bytes:
    """The bytes with which a client begins."""
    connection = client.connection if isinstance(client, End) else client
    try:
        connection.do_handshake()
    except SSL.WantReadError:
        pass
    return connection.bio_read(1 << 16)
