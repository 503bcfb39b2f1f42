"""The verification that OpenSSL asks us for while a handshake is under way.

OpenSSL judges the chain and calls us for each certificate of it, from the root down to the leaf.
When it is content with the leaf, we judge what it cannot: the name and the pins. What we refuse is
refused before the handshake ends, so that the peer never receives a byte of ours.

An exception in such a callback would be swallowed by pyOpenSSL and leave only "certificate verify
failed"; and an answer that is true clears an error OpenSSL had found. So the callback
returns C{True} only where both sides are content, catches everything, and leaves the reason in a
L{Note} that travels beside the connection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType

from attrs import define
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL, crypto

from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.certificate import key_kind, subject
from mcpgate.tls.names import judge_name
from mcpgate.tls.pins import PinRule
from mcpgate.tls.profile import PROFILES, judge_key

Callback = Callable[[SSL.Connection, crypto.X509, int, int, int], bool]

_Codes = SSL.X509VerificationCodes

#: x509_vfy.h; pyOpenSSL has no names for these: what of a chain is below the security level, the key of its
#: leaf, that of a CA, or the hash of a signature.
LEAF_KEY_TOO_SMALL, CA_KEY_TOO_SMALL, DIGEST_TOO_WEAK = 66, 67, 68

#: OpenSSL's verification errors (X509_verify_cert_error_string(3)) that have a reason of their own.
_REASONS: Mapping[int, Reason] = MappingProxyType(
    {
        _Codes.ERR_CERT_HAS_EXPIRED: Reason.TLS_EXPIRED,
        _Codes.ERR_CERT_NOT_YET_VALID: Reason.TLS_NOT_YET_VALID,
        _Codes.ERR_CERT_REVOKED: Reason.TLS_REVOKED,
        _Codes.ERR_UNABLE_TO_GET_ISSUER_CERT: Reason.TLS_UNKNOWN_CA,
        _Codes.ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY: Reason.TLS_UNKNOWN_CA,
        _Codes.ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: Reason.TLS_UNKNOWN_CA,
        _Codes.ERR_DEPTH_ZERO_SELF_SIGNED_CERT: Reason.TLS_UNKNOWN_CA,
        _Codes.ERR_SELF_SIGNED_CERT_IN_CHAIN: Reason.TLS_UNKNOWN_CA,
        _Codes.ERR_UNABLE_TO_GET_CRL: Reason.TLS_CRL,
        _Codes.ERR_UNABLE_TO_GET_CRL_ISSUER: Reason.TLS_CRL,
        _Codes.ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE: Reason.TLS_CRL,
        _Codes.ERR_CRL_SIGNATURE_FAILURE: Reason.TLS_CRL,
        _Codes.ERR_CRL_NOT_YET_VALID: Reason.TLS_CRL,
        _Codes.ERR_CRL_HAS_EXPIRED: Reason.TLS_CRL,
        _Codes.ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD: Reason.TLS_CRL,
        _Codes.ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD: Reason.TLS_CRL,
        _Codes.ERR_KEYUSAGE_NO_CRL_SIGN: Reason.TLS_CRL,
        _Codes.ERR_UNHANDLED_CRITICAL_CRL_EXTENSION: Reason.TLS_CRL,
        LEAF_KEY_TOO_SMALL: Reason.TLS_KEY,
        CA_KEY_TOO_SMALL: Reason.TLS_KEY,
    }
)

#: What the codes are called, for the record.
_NAMES: Mapping[int, str] = MappingProxyType(
    {
        LEAF_KEY_TOO_SMALL: "end entity key too small",
        CA_KEY_TOO_SMALL: "CA key too small",
        DIGEST_TOO_WEAK: "CA signature digest too weak",
    }
    | {
        number: name.removeprefix("ERR_").replace("_", " ").lower()
        for name, number in vars(_Codes).items()
        if name.startswith("ERR_")
    }
)


#: Bits of OpenSSL's level 2, which all of our contexts have (C{tls.contexts}).
_LEVEL_BITS = 112

#: What it demands of RSA keys and of those without a curve is what the level does, as in every profile.
_FLOOR = PROFILES["intermediate"]

#: Keys whose signatures leave no hash to choose.
_PURE = frozenset({"Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"})


@define
class Note:
    """What the verification of one connection found out: the only thing it changes.

    C{pinned} is whether a pin matched, also where pins are only reported; C{None} without pins.
    """

    refusal: Refusal | None = None
    pinned: bool | None = None


def chain_refusal(code: int, depth: int, certificate: x509.Certificate) -> Refusal:
    """The refusal for a verification error of OpenSSL's at some depth (0 is the leaf)."""
    which = "the certificate" if depth == 0 else f"the issuer at depth {depth}"
    return Refusal(
        _REASONS.get(code, Reason.TLS_CHAIN),
        f"{_NAMES.get(code, f'OpenSSL verification error {code}')}: {which} {subject(certificate)}"
        f" (issued by {_issuer(certificate)})",
    )


def judge_level(chain: Sequence[x509.Certificate]) -> Refusal | None:
    """
    What OpenSSL's security level refuses in a handshake of ours (check_auth_level in x509_vfy.c), for a chain
    that was built where there is none: pyOpenSSL cannot demand it of a store (no
    X509_VERIFY_PARAM_set_auth_level(3)), and what an application demands is not known.

    @param chain: leaf first, and what is trusted last.
    """
    for depth, certificate in enumerate(chain):
        if not _strong_key(certificate):
            return chain_refusal(CA_KEY_TOO_SMALL if depth else LEAF_KEY_TOO_SMALL, depth, certificate)
    # The last is believed because it is in the store, and not for its signature.
    for depth, (certificate, issuer) in enumerate(pairwise(chain)):
        if not _strong_signature(certificate, issuer):
            return chain_refusal(DIGEST_TOO_WEAK, depth, certificate)
    return None


def judge_server(
    chain: Sequence[x509.Certificate], host: str, pins: PinRule | None, note: Note
) -> Refusal | None:
    """What OpenSSL leaves to us: is a verified chain, leaf first, the one this host should have?"""
    refusal = judge_name(chain[0], host)
    if refusal is None and pins is not None:
        refusal = pins.judge(chain)
        note.pinned = refusal is None
        if pins.report_only:
            return None
    return refusal


def server_callback(host: str, pins: PinRule | None, note: Note) -> Callback:
    """The callback of a client that verifies a server: chain, then name, then pins."""
    return _callback(note, lambda chain: judge_server(chain, host, pins, note))


def client_callback(note: Note) -> Callback:
    """The callback of a server that verifies a client: the chain alone; who it is, is read later."""
    return _callback(note, lambda chain: None)


def onlooker_callback(note: Note) -> Callback:
    """The callback of C{tls.onlooker} alone: notes the first fault of a chain and lets it go on."""
    judge = client_callback(note)

    def look(
        connection: SSL.Connection, certificate: crypto.X509, code: int, depth: int, ok: int
    ) -> bool:
        judge(connection, certificate, code, depth, ok)
        return True

    return look


def _callback(note: Note, judge: Callable[[Sequence[x509.Certificate]], Refusal | None]) -> Callback:
    found: dict[int, x509.Certificate] = {}

    def verify(_: SSL.Connection, certificate: crypto.X509, code: int, depth: int, ok: int) -> bool:
        try:
            found[depth] = certificate.to_cryptography()
            if not ok:
                refusal: Refusal | None = chain_refusal(code, depth, found[depth])
            elif depth == 0:
                refusal = judge([found[at] for at in sorted(found)])
            else:
                refusal = None
        except Exception as error:
            refusal = Refusal(Reason.TLS_CHAIN, f"the chain cannot be judged: {type(error).__name__}")
        if refusal is not None and note.refusal is None:
            note.refusal = refusal
        return refusal is None

    return verify


def _strong_key(certificate: x509.Certificate) -> bool:
    try:
        key = certificate.public_key()
    except Exception:  # ValueError or UnsupportedAlgorithm; what cannot be read cannot be judged
        return False
    if isinstance(key, ec.EllipticCurvePublicKey):
        # An issuer's may be on any curve: the profile's own are for keys that shake hands.
        return key.curve.key_size // 2 >= _LEVEL_BITS
    return judge_key(_FLOOR, key_kind(certificate)) is None


def _strong_signature(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if key_kind(issuer) in _PURE:
        return True
    try:
        digest = certificate.signature_hash_algorithm
    except Exception:  # UnsupportedAlgorithm
        return False
    # Half of its length is what a hash withstands of collisions: MD5 64 bits, SHA-1 80.
    return digest is not None and digest.digest_size * 4 >= _LEVEL_BITS


def _issuer(certificate: x509.Certificate) -> str:
    try:
        return certificate.issuer.rfc4514_string()[:200]
    except ValueError:
        return "?"
