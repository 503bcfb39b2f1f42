"""PEM files as certificates, keys and revocation lists (RFC 7468); what does not parse is named.

Each function takes the bytes of a file and its path for the message; none reads a file.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mcpgate.tls.reading import MaterialError

#: The kinds of key that pyOpenSSL can put into a context.
PrivateKey = (
    rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
)

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_CRL = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)
_KEY = re.compile(rb"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.+?-----END \1-----", re.DOTALL)


def certificates(pem: bytes, path: Path) -> tuple[x509.Certificate, ...]:
    """Every certificate of a file, in its order; at least one.

    @raise MaterialError: if there is none, or one that does not parse.
    """
    blocks = _CERTIFICATE.findall(pem)
    if pem.count(b"BEGIN CERTIFICATE-----") != len(blocks):
        raise MaterialError(f"{path}: a certificate in it is cut off")
    if not blocks:
        raise MaterialError(f"{path}: holds no certificate (expected PEM, '-----BEGIN CERTIFICATE-----')")
    return tuple(_certificate(block, path, number) for number, block in enumerate(blocks, 1))


def readable_certificates(pem: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates of a file that parse, for collections that others made and we cannot mend."""
    found = []
    with warnings.catch_warnings():
        # cryptography warns of public roots with a serial number of zero, which we cannot mend either.
        warnings.simplefilter("ignore")
        for block in _CERTIFICATE.findall(pem):
            try:
                found.append(x509.load_pem_x509_certificate(block))
            except (ValueError, UnsupportedAlgorithm):
                continue
    return tuple(found)


def has_private_key(pem: bytes) -> bool:
    """Whether there is a private key among the blocks."""
    return _KEY.search(pem) is not None


def private_key(pem: bytes, path: Path) -> PrivateKey:
    """The one private key of a file. Messages never say anything about its content.

    @raise MaterialError: if there is none or several, or it is encrypted or of an unusable kind.
    """
    blocks = list(_KEY.finditer(pem))
    if len(blocks) != 1:
        found = "no private key" if not blocks else f"{len(blocks)} private keys"
        raise MaterialError(f"{path}: holds {found}, and one is needed (PEM, '-----BEGIN PRIVATE KEY-----')")
    try:
        key = load_pem_private_key(blocks[0][0], None)
    except TypeError:
        raise MaterialError(f"{path}: the private key is encrypted; the gate has nobody to ask") from None
    except (ValueError, UnsupportedAlgorithm):
        raise MaterialError(f"{path}: the private key does not parse") from None
    if not isinstance(key, PrivateKey):
        kind = "DSA" if isinstance(key, dsa.DSAPrivateKey) else "this kind of"
        raise MaterialError(f"{path}: {kind} key cannot be used; use ECDSA, RSA or Ed25519")
    return key


def revocation_lists(pem: bytes, path: Path) -> tuple[x509.CertificateRevocationList, ...]:
    """Every revocation list of a file; at least one.

    @raise MaterialError: if there is none, or one that does not parse.
    """
    blocks = _CRL.findall(pem)
    if pem.count(b"BEGIN X509 CRL-----") != len(blocks):
        raise MaterialError(f"{path}: a revocation list in it is cut off")
    if not blocks:
        raise MaterialError(f"{path}: holds no revocation list (expected PEM, '-----BEGIN X509 CRL-----')")
    try:
        return tuple(x509.load_pem_x509_crl(block) for block in blocks)
    except ValueError as error:
        raise MaterialError(f"{path}: a revocation list in it does not parse: {error}") from error


def _certificate(block: bytes, path: Path, number: int) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(block)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise MaterialError(f"{path}: certificate {number} in it does not parse: {error}") from error
