"""What a finished handshake turned out to be, and the last judgement before the first byte."""

from __future__ import annotations

import hashlib
from sys import intern

from cryptography import x509
from OpenSSL import SSL

from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.certificate import describe
from mcpgate.tls.handshake import Certificate, Handshake
from mcpgate.tls.pins import PinRule, spki_pin
from mcpgate.tls.profile import Profile, judge
from mcpgate.tls.verify import Note, judge_server

#: The one application protocol that is offered and accepted.
ALPN = b"http/1.1"

#: RFC 9266: the tls-exporter channel binding. Both ends of a session, and nobody else, derive the
#: same 32 bytes; the record holds their hash, which ties it to that session and discloses nothing.
_EXPORTER_LABEL, _EXPORTER_BYTES = b"EXPORTER-Channel-Binding", 32


def observe(
    connection: SSL.Connection, *, note: Note, own: Certificate | None, milliseconds: float, generation: int
) -> Handshake:
    """Everything OpenSSL can be asked about a handshake that has just finished.

    @param own: the certificate we showed, as L{describe} writes it.
    """
    peer = connection.get_peer_certificate(as_cryptography=True)
    name, group = connection.get_servername(), connection.get_group_name()
    secret = connection.export_keying_material(_EXPORTER_LABEL, _EXPORTER_BYTES, b"")
    return Handshake(
        # Most handshakes have these in common, and each is kept for as long as its connection.
        version=intern(connection.get_protocol_version_name()),
        cipher=intern(connection.get_cipher_name() or ""),
        cipher_bits=connection.get_cipher_bits() or 0,
        group=None if group is None else intern(group),
        alpn=intern(connection.get_alpn_proto_negotiated().decode("ascii", "backslashreplace")),
        sni=None if name is None else intern(name.decode("ascii", "backslashreplace").lower()),
        peer=None if peer is None else describe(peer),
        peer_chain_pins=tuple(spki_pin(certificate) for certificate in verified_chain(connection)),
        own=own,
        exporter_sha256=hashlib.sha256(secret).hexdigest(),
        milliseconds=milliseconds,
        pinned=note.pinned,
        generation=generation,
    )


def verified_chain(connection: SSL.Connection) -> list[x509.Certificate]:
    """The chain that was verified, leaf first and root last; empty if no certificate was verified."""
    return connection.get_verified_chain(as_cryptography=True) or []


def after_handshake(
    connection: SSL.Connection,
    profile: Profile,
    host: str | None,
    pins: PinRule | None,
    handshake: Handshake,
) -> Refusal | None:
    """Judges a finished handshake once more, from what was observed; C{None} if it may be used.

    @param host: the name the server must have; C{None} on the inbound leg.
    """
    chain = verified_chain(connection)
    # A resumed session still shows its old certificate, but nothing was verified: neither dates nor
    # revocation nor pins. We never offer or accept resumption, so this is somebody else's doing.
    if not chain and (handshake.peer is not None or host is not None):
        return Refusal(Reason.TLS_RESUMED, "no certificate of the peer was verified in this handshake")
    if host is not None:
        refusal = judge_server(chain, host, pins, Note())
        if refusal is not None:
            return refusal
    # No protocol at all is fine: HTTP/1.1 is what a peer without ALPN speaks (RFC 7301 §3.2).
    if handshake.alpn not in ("", ALPN.decode()):
        return Refusal(Reason.TLS_ALPN, f"the protocol {handshake.alpn} was negotiated")
    return judge(profile, handshake)
