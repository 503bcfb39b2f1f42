"""What the record says of a certificate (pure)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from mcpgate.tls.handshake import Certificate
from mcpgate.tls.pins import spki_pin

#: Longest distinguished name in a record, in characters; a peer chooses its own.
_LONGEST = 512

#: Most names of one kind in a record; the largest public certificates hold a few hundred.
_MOST = 100

_Name = TypeVar("_Name", x509.DNSName, x509.UniformResourceIdentifier, x509.IPAddress, x509.RFC822Name)
_Found = TypeVar("_Found")


def describe(certificate: x509.Certificate) -> Certificate:
    """A certificate's facts. Parts that cannot be read are left empty: it never raises for a peer's."""
    return Certificate(
        subject=subject(certificate),
        issuer=_or(lambda: certificate.issuer.rfc4514_string()[:_LONGEST], ""),
        serial=f"{certificate.serial_number:x}",
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        spki_pin=spki_pin(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key=key_kind(certificate),
        dns_names=_names(certificate, x509.DNSName),
        uris=_names(certificate, x509.UniformResourceIdentifier),
        addresses=_names(certificate, x509.IPAddress),
    )


def emails(certificate: x509.Certificate) -> tuple[str, ...]:
    """The e-mail addresses that a certificate is for (subjectAltName)."""
    return _names(certificate, x509.RFC822Name)


def subject(certificate: x509.Certificate) -> str:
    """The subject in RFC 4514 form, shortened; empty if it cannot be read."""
    return _or(lambda: certificate.subject.rfc4514_string()[:_LONGEST], "")


def moment(when: datetime) -> str:
    """A time of a certificate for messages: to the minute, in UTC."""
    return f"{when:%Y-%m-%d %H:%M} UTC"


def key_kind(certificate: x509.Certificate) -> str:
    """The key's kind and size: C{RSA-2048}, C{EC-secp256r1}, C{Ed25519}, C{ML-DSA-65}, or C{unknown}."""
    return _or(lambda: _kind(certificate.public_key()), "unknown")


def _kind(key: object) -> str:
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA-{key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC-{key.curve.name}"
    # The other kinds have one size each, and their class says it: Ed25519PublicKey, MLDSA65PublicKey.
    name = type(key).__name__.lstrip("_").removesuffix("PublicKey")
    return f"ML-DSA-{name.removeprefix('MLDSA')}" if name.startswith("MLDSA") else name


def _names(certificate: x509.Certificate, kind: type[_Name]) -> tuple[str, ...]:
    def read() -> tuple[str, ...]:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return tuple(str(name) for name in names.get_values_for_type(kind)[:_MOST])

    return _or(read, ())


def _or(read: Callable[[], _Found], otherwise: _Found) -> _Found:
    # cryptography parses lazily, and raises ValueError, ExtensionNotFound, UnsupportedAlgorithm and
    # others for what it does not understand; none of them may lose the record of a connection.
    try:
        return read()
    except Exception:
        return otherwise
