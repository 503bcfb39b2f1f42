"""The handshake of a connection that is an application's own: seen, as far as OpenSSL can be asked.

Only what the transport itself has is believed. A connection whose OpenSSL cannot be asked (clear text, a
stream of HTTP/2, whatever stands in front and says that it was TLS) has no handshake for us.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL

from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.binding import session_reused
from mcpgate.tls.certificate import describe
from mcpgate.tls.handshake import Handshake
from mcpgate.tls.observe import after_handshake, observe
from mcpgate.tls.profile import Profile, judge_key
from mcpgate.tls.verify import Note


def connection_of(transport: Any) -> SSL.Connection | Refusal:
    """
    OpenSSL's connection beneath a transport of Twisted's.

    @param transport: what a protocol has as its C{transport}; C{None} where it has none.
    """
    handle = getattr(transport, "getHandle", None)
    connection = handle() if handle is not None else None
    if isinstance(connection, SSL.Connection):
        return connection
    if connection is not None:
        # A socket, or what a reactor has in its place: what is read from it is what came.
        what = "the request came in clear text, whatever somebody in front says of it"
        return Refusal(Reason.TLS_PLAINTEXT, what)
    return Refusal(Reason.TLS_UNOBSERVED, "the transport has no TLS connection that could be asked")


def handshake_of(connection: SSL.Connection, generation: int = 0) -> Handshake:
    """What it negotiated; its handshake is complete. How long that took, nobody has measured."""
    own = connection.get_certificate(as_cryptography=True)
    return observe(
        connection,
        note=Note(),
        own=None if own is None else describe(own),
        milliseconds=0.0,
        generation=generation,
    )


def judge_foreign(connection: SSL.Connection, profile: Profile, handshake: Handshake) -> Refusal | None:
    """Whether it is what a listener of ours would have let in, as far as that can be seen afterwards."""
    if session_reused(connection):
        return Refusal(Reason.TLS_RESUMED, "a session was resumed, and nothing verified in this handshake")
    refusal = after_handshake(connection, profile, None, None, handshake)
    if refusal is None and handshake.own is not None:
        refusal = judge_key(profile, handshake.own.key)
    return refusal


def judge_purpose(chain: Sequence[x509.Certificate]) -> Refusal | None:
    """
    Whether a certificate is for clients (RFC 5280 4.2.1.3, 4.2.1.12). OpenSSL judges that in the handshake,
    but an application may let in what OpenSSL does not, and then a server's name would be a caller's.

    @param chain: of the client, leaf first; empty without a certificate.
    """
    if not chain:
        return None
    try:
        extensions = chain[0].extensions
        for found in extensions:
            value = found.value
            if isinstance(value, x509.ExtendedKeyUsage) and ExtendedKeyUsageOID.CLIENT_AUTH not in value:
                return Refusal(Reason.TLS_CHAIN, "the certificate is not for clients")
            if isinstance(value, x509.KeyUsage) and not (value.digital_signature or value.key_agreement):
                return Refusal(Reason.TLS_CHAIN, "the certificate's key is not for signatures")
    except ValueError:
        return Refusal(Reason.TLS_CHAIN, "the certificate's extensions cannot be read")
    return None


def handshake(transport: Any) -> Handshake | None:
    """
    What was negotiated on a connection of Twisted's, as far as OpenSSL can be asked: for applications that
    serve behind C{mcptls:}, or any TLS of Twisted's.

    @param transport: a protocol's C{transport}, once something has been received on it.
    @return: C{None} where there is no TLS that could be asked.
    """
    connection = connection_of(transport)
    if isinstance(connection, Refusal) or connection.get_cipher_name() is None:
        return None
    return handshake_of(connection)
