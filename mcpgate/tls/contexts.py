"""The only maker of C{SSL.Context}, and of the connections on it.

A context is made once per generation and never changed: pyOpenSSL freezes it at its first
connection. It offers what the profile names and nothing else. Sessions are never resumed on either
leg, because a resumed session skips the verification of certificates: no pins, no revocation, no
dates. (A TLS 1.3 listener still sends two session tickets, for no binding sets their number; nothing
is kept that they could bring back.)
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from OpenSSL import SSL

from mcpgate.tls.binding import set_groups
from mcpgate.tls.failure import NoSharedProtocol, words_of
from mcpgate.tls.material import Pair
from mcpgate.tls.names import is_address
from mcpgate.tls.observe import ALPN
from mcpgate.tls.pins import PinRule
from mcpgate.tls.profile import Profile
from mcpgate.tls.reading import MaterialError
from mcpgate.tls.trust import TrustStore
from mcpgate.tls.verify import Note, client_callback, server_callback

_VERIFY_ALWAYS = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT

#: OpenSSL's level 2: 112 bits, hence no SHA-1, no RSA below 2048 (SSL_CTX_set_security_level(3)).
#: Distributions set other defaults, so it is said here; the cipher string is the public way to.
_SECURITY_LEVEL = "@SECLEVEL=2"


def server_context(
    profile: Profile, pair: Pair, *, clients: TrustStore | None, require_client: bool
) -> SSL.Context:
    """What a listener uses for connections that ask for one of the pair's names.

    @param clients: whom client certificates must chain to; C{None} does not ask for any.
    @raise MaterialError: if OpenSSL does not accept the pair or the trust store.
    """
    if require_client and clients is None:
        raise ValueError("client certificates cannot be required without a trust store for them")
    context = _context(SSL.TLS_SERVER_METHOD, profile)
    _show(context, pair)
    if clients is not None:
        clients.install(context)
        for authority in clients.certificates:
            context.add_client_ca(authority)
        context.set_verify(_VERIFY_ALWAYS if require_client else SSL.VERIFY_PEER)
    # Never used, for there is no cache; without one, OpenSSL would refuse to verify clients at all.
    context.set_session_id(b"mcpgate")
    context.set_alpn_select_callback(_choose_protocol)
    return context


def choose_by_name(context: SSL.Context, choose: Callable[[str | None], SSL.Context]) -> None:
    """
    Have a context's connections shown the certificate of another one, by the name that they ask for: where
    nobody has read the ClientHello before OpenSSL.

    Of the other context only certificate and key count, and what is made of the same profile (pyOpenSSL
    leaves version, TLS 1.3 suites and verification as they were): so all must be made alike.

    @param choose: given the name in lower case; it must not raise.
    """

    def answer(connection: SSL.Connection) -> None:
        name = connection.get_servername()
        chosen = choose(None if name is None else name.decode("ascii", "backslashreplace").lower())
        if chosen is not context:
            connection.set_context(chosen)

    context.set_tlsext_servername_callback(answer)


def client_context(profile: Profile, trust: TrustStore, *, pair: Pair | None) -> SSL.Context:
    """What connections to one upstream use.

    @param pair: the client certificate we show, if any.
    @raise MaterialError: if OpenSSL does not accept the pair or the trust store.
    """
    context = _context(SSL.TLS_CLIENT_METHOD, profile)
    trust.install(context)
    if pair is not None:
        _show(context, pair)
    # The connection's callback adds name and pins. This is for a connection that somebody makes
    # without client_connection: its chain is verified at least.
    context.set_verify(_VERIFY_ALWAYS)
    return context


def server_connection(context: SSL.Context, sock: socket.socket | None, *, note: Note) -> SSL.Connection:
    """A connection that is about to be accepted; without a socket it lives in memory."""
    connection = SSL.Connection(context, sock)
    mode = connection.get_verify_mode()
    if mode != SSL.VERIFY_NONE:
        connection.set_verify(mode, client_callback(note))
    connection.set_accept_state()
    return connection


def client_connection(
    context: SSL.Context, sock: socket.socket | None, *, host: str, pins: PinRule | None, note: Note
) -> SSL.Connection:
    """A connection that is about to shake hands with the server of that name or address."""
    connection = SSL.Connection(context, sock)
    connection.set_verify(_VERIFY_ALWAYS, server_callback(host, pins, note))
    if not is_address(host):  # RFC 6066 §3: addresses are not permitted in server_name
        connection.set_tlsext_host_name(host.encode("ascii"))
    connection.set_alpn_protos([ALPN])
    connection.set_connect_state()
    return connection


def _context(method: int, profile: Profile) -> SSL.Context:
    context = SSL.Context(method)
    context.set_min_proto_version(profile.min_version)
    context.set_options(
        SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET | SSL.OP_CIPHER_SERVER_PREFERENCE
    )
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    # Idle connections give back their 34 KB of record buffers (SSL_CTX_set_mode(3)).
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_tls13_ciphersuites(":".join(profile.tls13).encode("ascii"))
    # A profile without TLS 1.2 has no such suites, but OpenSSL wants some to carry the level.
    tls12 = profile.tls12 or ("ECDHE+AESGCM",)
    context.set_cipher_list(":".join((*tls12, _SECURITY_LEVEL)).encode("ascii"))
    set_groups(context, profile.groups)
    return context


def _show(context: SSL.Context, pair: Pair) -> None:
    try:
        context.use_certificate(pair.chain[0])
        for issuer in pair.chain[1:]:
            context.add_extra_chain_cert(issuer)
        context.use_privatekey(pair.key)
        context.check_privatekey()
    except SSL.Error as error:
        # The words of OpenSSL's queue say nothing about what is in the key.
        words = "; ".join(words_of(error)) or "no reason given"
        raise MaterialError(f"{pair.label}: OpenSSL does not accept the pair: {words}") from error


def _choose_protocol(_: SSL.Connection, offered: list[bytes]) -> bytes:
    # Called only for clients that use ALPN; the others get HTTP/1.1 without being asked.
    if ALPN in offered:
        return ALPN
    raise NoSharedProtocol([("mcpgate", "", "no application protocol")])
