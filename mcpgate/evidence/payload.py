"""Recorded bodies: sealed to an auditor's public key as they come, so that the gate cannot read them again.

HPKE in its base mode (RFC 9180: X25519, HKDF-SHA256, AES-256-GCM), by the implementation in C{cryptography}.
Each piece is sealed by itself, with a key of its own that is gone when it is; what it is bound to is the
exchange, which of the two bodies it is of, and its number in it: a piece that is put in another's place does
not open. That none is missing is for the chain of the journal to show.
"""

from __future__ import annotations

import base64
import binascii
from hashlib import sha256
from typing import Literal

import msgspec
from attrs import field, frozen
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from mcpgate.evidence.record import VERSION, encoded

#: Which body: what the caller asked, as it was forwarded; what it got.
Part = Literal["request", "answer"]

#: The most that is sealed in one piece, in bytes. In base64 it is 683 KiB, and readers take lines of 1 MiB.
PIECE = 512 * 1024

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class PayloadError(ValueError):
    """A key is none of ours, or does not open what it is to open. The message says which, and no secret."""


class _PayloadLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    v: int = VERSION
    type: str = "payload"
    id: str
    time: str
    exchange: str
    part: str
    number: int
    last: bool
    cut: int
    key: str
    # In base64 in the line.
    sealed: bytes


def payload_line(
    id: str,
    *,
    time: str,
    exchange: str,
    part: Part,
    number: int,
    last: bool,
    cut: int,
    key: str,
    sealed: bytes,
) -> bytes:
    """A piece of a body.

    @param number: Of the pieces of this body, counted from 0.
    @param last: Whether it is the last one.
    @param cut: How many bytes of the body were not recorded, as it was too large, or could not be masked.
    @param key: The name of the key (L{Auditor.name}).
    @param sealed: From L{Auditor.seal}; empty where no more was to be recorded.
    """
    return encoded(
        _PayloadLine(
            id=id,
            time=time,
            exchange=exchange,
            part=part,
            number=number,
            last=last,
            cut=cut,
            key=key,
            sealed=sealed,
        )
    )


def _info(exchange: str, part: str, number: int) -> bytes:
    return f"mcpgate payload {exchange} {part} {number}".encode()


def _name(key: X25519PublicKey) -> str:
    return sha256(key.public_bytes_raw()).hexdigest()[:16]


@frozen(eq=False)
class Auditor:
    """Whoever may read what was recorded, by the public half of a key. C{name}: that of the key."""

    name: str
    _key: X25519PublicKey = field(repr=False)

    @classmethod
    def of(cls, pem: bytes) -> Auditor:
        """
        @raise PayloadError: It is no PEM of an X25519 public key.
        """
        if b"PRIVATE KEY" in pem:
            raise PayloadError("is a private key, with which the gate's host could read all that it records")
        try:
            key = load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm):
            raise PayloadError("holds no public key in PEM") from None
        if not isinstance(key, X25519PublicKey):
            raise PayloadError("holds a key of another kind than X25519")
        auditor = cls(_name(key), key)
        try:
            auditor.seal(b"", "", "request", 0)
        except ValueError:
            # Of low order (RFC 7748 6.1): found now, and not when everything that is recorded is refused.
            raise PayloadError("holds a key that hides nothing; make another") from None
        return auditor

    def seal(self, piece: bytes, exchange: str, part: Part, number: int) -> bytes:
        """A piece that only the other half of the key opens."""
        return _SUITE.encrypt(piece, self._key, info=_info(exchange, part, number))


@frozen(eq=False)
class Reader:
    """The private half: it belongs on the auditor's machine. C{name}: that of the key."""

    name: str
    _key: X25519PrivateKey = field(repr=False)

    @classmethod
    def of(cls, pem: bytes) -> Reader:
        """
        @raise PayloadError: It is no PEM of an X25519 private key without a passphrase.
        """
        try:
            key = load_pem_private_key(pem, None)
        except TypeError:
            raise PayloadError("is protected by a passphrase; give it without (openssl pkey)") from None
        except (ValueError, UnsupportedAlgorithm):
            raise PayloadError("holds no private key in PEM") from None
        if not isinstance(key, X25519PrivateKey):
            raise PayloadError("holds a key of another kind than X25519")
        return cls(_name(key.public_key()), key)

    def open(self, sealed: str, exchange: str, part: str, number: int) -> bytes:
        """
        What was sealed.

        @param sealed: As the record has it.
        @raise PayloadError: It does not open: it was sealed to another key, or is another piece.
        """
        if not sealed:
            return b""
        try:
            raw = base64.b64decode(sealed, validate=True)
            return _SUITE.decrypt(raw, self._key, info=_info(exchange, part, number))
        except (InvalidTag, ValueError, binascii.Error):
            raise PayloadError("does not open with this key") from None


def new_pair() -> tuple[bytes, bytes]:
    """A key for an auditor: the private half and the public half, as PEM."""
    key = X25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
