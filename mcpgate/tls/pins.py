"""Pins: the keys an upstream may have, on top of a valid chain and name and never instead (pure).

A pin is C{sha256/} and the base64 of the SHA-256 of a certificate's SubjectPublicKeyInfo in DER
(RFC 7469 §2.4), so it survives a renewal that keeps the key. Pins are matched against the chain
that was *verified*: a certificate the peer merely sent along proves nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence

from attrs import field, frozen, validators
from cryptography import x509

from mcpgate.reasons import Reason, Refusal

_PREFIX = "sha256/"


def parse_pin(text: str) -> str:
    """The canonical form of a pin.

    @raise ValueError: with a sentence for the operator, if C{text} is not a pin.
    """
    if not text.startswith(_PREFIX):
        raise ValueError(f"a pin is written {_PREFIX} and 44 characters of base64, not {text!r}")
    # curl writes sha256//BASE64; the rest is the same.
    encoded = text.removeprefix(_PREFIX).removeprefix("/") if len(text) == 52 else text.removeprefix(_PREFIX)
    try:
        digest = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"the part of the pin after {_PREFIX} is not base64: {text!r}") from None
    if len(digest) != hashlib.sha256().digest_size:
        raise ValueError(f"a pin holds 32 bytes, and this one {len(digest)}: {text!r}")
    return _PREFIX + base64.b64encode(digest).decode()


def spki_pin(certificate: x509.Certificate) -> str:
    """The pin of a certificate's key."""
    digest = hashlib.sha256(_subject_public_key(certificate.tbs_certificate_bytes)).digest()
    return _PREFIX + base64.b64encode(digest).decode()


@frozen
class PinRule:
    """The pins of an upstream, and where in the verified chain one of them must be.

    C{at} is C{leaf}, C{issuer} (any certificate above the leaf) or C{any}. With C{report_only} a
    mismatch is recorded and not refused.
    """

    pins: frozenset[str] = field(validator=validators.min_len(1))
    at: str = field(default="any", validator=validators.in_(("leaf", "issuer", "any")))
    report_only: bool = False

    def judge(self, chain: Sequence[x509.Certificate]) -> Refusal | None:
        """Whether a verified chain, leaf first, holds a pinned key; whatever C{report_only} says."""
        if self.at == "leaf":
            candidates = chain[:1]
        elif self.at == "issuer":
            candidates = chain[1:]
        else:
            candidates = chain
        seen = [spki_pin(certificate) for certificate in candidates]
        if not self.pins.isdisjoint(seen):
            return None
        return Refusal(
            Reason.TLS_PIN,
            f"none of {len(self.pins)} pins matches at {self.at}; seen: {' '.join(seen) or 'none'}",
        )


def _subject_public_key(tbs: bytes) -> bytes:
    """The SubjectPublicKeyInfo inside the DER of a TBSCertificate, exactly as it was signed.

    Read from the bytes, because a key that is parsed and written again may come out different
    (RSASSA-PSS parameters, compressed points), and because a key of an unknown kind still has a pin.
    """
    at, _ = _element(tbs, 0)
    if tbs[at] == 0xA0:  # [0] version, absent in version 1 certificates (RFC 5280 §4.1)
        _, at = _element(tbs, at)
    for _ in range(5):  # serialNumber, signature, issuer, validity, subject
        _, at = _element(tbs, at)
    _, end = _element(tbs, at)
    return tbs[at:end]


def _element(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the DER element at C{at} begins and ends (X.690 §8.1.3)."""
    length, start = der[at + 1], at + 2
    if length & 0x80:
        octets = length & 0x7F
        length, start = int.from_bytes(der[start : start + octets], "big"), start + octets
    return start, start + length
