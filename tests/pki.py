"""Certificates for tests: what a careful CA makes, and everything it must not.

L{Authority} issues; every oddity is a keyword of L{Authority.issue}. Keys are ECDSA P-256, for they
take a tenth of a millisecond, unless a test needs another. Times are relative to L{NOW}.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from attrs import field, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mcpgate.tls.material import Pair, pair_of
from mcpgate.tls.pem import PrivateKey
from mcpgate.tls.trust import TrustStore

NOW = datetime.now(UTC)
DAY = timedelta(days=1)

FOR_SERVERS = ExtendedKeyUsageOID.SERVER_AUTH
FOR_CLIENTS = ExtendedKeyUsageOID.CLIENT_AUTH

#: A subjectAltName whose one dNSName is not ASCII: DER that cryptography refuses to read.
UNREADABLE_SAN = bytes.fromhex("3005 8203 61ff62")

#: sha256WithRSAEncryption (RFC 4055 5) in DER.
_RSA_SHA256 = bytes.fromhex("06092a864886f70d01010b")


def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    """An RSA key; below 1024 bits there are none."""
    return rsa.generate_private_key(65537, bits)


def ec_key() -> ec.EllipticCurvePrivateKey:
    """A key as most servers have."""
    return ec.generate_private_key(ec.SECP256R1())


@frozen
class Authority:
    """A CA: a root, or an intermediate with what is above it up to, and without, the root."""

    certificate: x509.Certificate
    key: PrivateKey = field(repr=False)
    above: tuple[x509.Certificate, ...] = ()

    @classmethod
    def root(
        cls, name: str = "root", *, ends: timedelta = 3650 * DAY, key: PrivateKey | None = None
    ) -> Authority:
        """A root of its own."""
        own = key or ec_key()
        return cls(_authority(name, name, own, own, ends), own)

    def intermediate(self, name: str = "intermediate", *, key: PrivateKey | None = None) -> Authority:
        """A CA that this one has signed."""
        key = key or ec_key()
        certificate = _authority(name, _common_name(self.certificate), key, self.key, 365 * DAY)
        return Authority(certificate, key, (certificate, *self.above))

    def issue(
        self,
        *dns: str,
        addresses: Sequence[str] = (),
        uris: Sequence[str] = (),
        raw_san: bytes | None = None,
        usage: x509.ObjectIdentifier | None = FOR_SERVERS,
        begins: timedelta = -DAY,
        ends: timedelta = 90 * DAY,
        key: PrivateKey | None = None,
        name: str = "leaf",
    ) -> Pair:
        """A pair with these names; without any, it has no subjectAltName at all."""
        own = key or ec_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(self.certificate.subject)
            .public_key(own.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW + begins)
            .not_valid_after(NOW + ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        )
        names: list[x509.GeneralName] = [
            *(x509.DNSName(one) for one in dns),
            *(x509.IPAddress(ip_address(one)) for one in addresses),
            *(x509.UniformResourceIdentifier(one) for one in uris),
        ]
        if raw_san is not None:
            oid = x509.SubjectAlternativeName.oid
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, raw_san), critical=False)
        elif names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if usage is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        leaf = builder.sign(self.key, hashes.SHA256())
        return pair_of((leaf, *self.above), own, label=name)

    def crl(
        self, *revoked: Pair, begins: timedelta = -DAY, ends: timedelta = 7 * DAY
    ) -> x509.CertificateRevocationList:
        """A revocation list that holds the leaves of these pairs."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(NOW + begins)
            .next_update(NOW + ends)
        )
        for pair in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(pair.chain[0].serial_number)
                .revocation_date(NOW - DAY)
                .build()
            )
        return builder.sign(self.key, hashes.SHA256())

    def trust(self, *crls: x509.CertificateRevocationList) -> TrustStore:
        """The store that believes this CA, judged by nobody."""
        return TrustStore(certificates=(self.certificate,), crls=crls, label="test")


def signed_with(
    digest: hashes.HashAlgorithm, certificate: x509.Certificate, signer: rsa.RSAPrivateKey
) -> x509.Certificate:
    """The same certificate, signed with another hash: with one that no library makes certificates with now.

    @param digest: MD5, SHA-1 or SHA-224: what is exchanged has the same length.
    """
    last = {"md5": 4, "sha1": 5, "sha224": 14}[digest.name]
    new = _RSA_SHA256[:-1] + bytes([last])
    body = certificate.tbs_certificate_bytes.replace(_RSA_SHA256, new, 1)
    whole = certificate.public_bytes(Encoding.DER)
    whole = whole.replace(certificate.tbs_certificate_bytes, body).replace(_RSA_SHA256, new)
    signature = signer.sign(body, padding.PKCS1v15(), digest)
    return x509.load_der_x509_certificate(whole.replace(certificate.signature, signature))


def pem(*signed: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    """Certificates or revocation lists as PEM."""
    return b"".join(one.public_bytes(Encoding.PEM) for one in signed)


def key_pem(key: PrivateKey) -> bytes:
    """A private key as PEM, in clear."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def write(path: Path, octets: bytes, mode: int = 0o600) -> Path:
    """Writes a file with that mode, and gives its path."""
    path.write_bytes(octets)
    path.chmod(mode)
    return path


def write_halves(directory: Path, pair: Pair, certificate: str, key: str) -> None:
    """Writes a pair as two files."""
    write(directory / certificate, pem(*pair.chain), 0o644)
    write(directory / key, key_pem(pair.key))


def _authority(name: str, by: str, key: PrivateKey, signer: PrivateKey, ends: timedelta) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(by))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - 3650 * DAY)
        .not_valid_after(NOW + ends)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .sign(signer, hashes.SHA256())
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _common_name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
