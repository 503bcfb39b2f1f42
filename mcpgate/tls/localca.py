"""A small certificate authority for trying things out: C{init}, C{demo} and tests use it.

It makes what a careful CA makes and nothing else: ECDSA P-256, subject alternative names, short
lives, no secrets in clear to others. It is no substitute for a CA that somebody looks after.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from attrs import field, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mcpgate.tls import pem
from mcpgate.tls.certificate import subject
from mcpgate.tls.material import Pair, pair_of
from mcpgate.tls.names import is_address
from mcpgate.tls.pem import PrivateKey
from mcpgate.tls.reading import MaterialError, Reading
from mcpgate.tls.trust import TrustStore

#: What Mozilla's "modern" recommendation asks of a leaf; its renewal is one command.
LEAF_LIFE = timedelta(days=90)

CA_LIFE = timedelta(days=3650)

CRL_LIFE = timedelta(days=30)

#: Certificates begin a little in the past, for peers whose clocks are a little behind.
_SLACK = timedelta(minutes=5)


@frozen
class LocalCA:
    """A root certificate and its key. Make one with L{create}; times are with a time zone."""

    #: The root.
    certificate: x509.Certificate
    #: What it signs with; whoever has it can issue certificates.
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def create(cls, name: str, now: datetime) -> LocalCA:
        """A new root of that common name."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(_name(name), _name(name), key.public_key(), now, CA_LIFE)
            # Path length 0: it signs leaves and no further CAs.
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(for_authority=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key)

    def server(self, names: Sequence[str], now: datetime, life: timedelta = LEAF_LIFE) -> Pair:
        """A server's pair for DNS names and addresses, at least one; the first is its label."""
        return self._issue(names[0], _hosts(names), ExtendedKeyUsageOID.SERVER_AUTH, now, life)

    def nameless(self, now: datetime) -> Pair:
        """A server's pair without subject alternative names: every client must refuse it."""
        return self._issue("localhost", [], ExtendedKeyUsageOID.SERVER_AUTH, now, LEAF_LIFE)

    def client(self, name: str, now: datetime, life: timedelta = LEAF_LIFE) -> Pair:
        """A client's pair for a name: a URI such as C{spiffe://example.org/ci}, or a DNS name."""
        names: list[x509.GeneralName]
        names = [x509.UniformResourceIdentifier(name)] if "://" in name else [x509.DNSName(name)]
        return self._issue(name, names, ExtendedKeyUsageOID.CLIENT_AUTH, now, life)

    def crl(
        self, revoked: Sequence[x509.Certificate], now: datetime, life: timedelta = CRL_LIFE
    ) -> x509.CertificateRevocationList:
        """A revocation list with those certificates, good from C{now} on."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - _SLACK)
            .next_update(now + life)
            .add_extension(self._authority_key(), critical=False)
            # RFC 5280 §5.2.3: must grow with every list; seconds do, as long as nobody hurries.
            .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
        )
        for certificate in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(certificate.serial_number)
                .revocation_date(now - _SLACK)
                .build()
            )
        return builder.sign(self.key, hashes.SHA256())

    def trust(self, *crls: x509.CertificateRevocationList) -> TrustStore:
        """The store that believes this CA alone."""
        return TrustStore(certificates=(self.certificate,), crls=crls, label=subject(self.certificate))

    def save(self, certificate: Path, key: Path) -> None:
        """Writes the root and its key to two new files, the key for its owner alone.

        @raise FileExistsError: if one of them is there already.
        """
        _write_new(key, _key_pem(self.key), 0o600)
        _write_new(certificate, certificate_pem(self.certificate), 0o644)

    @classmethod
    def load(cls, certificate: Path, key: Path) -> LocalCA:
        """What L{save} has written.

        @raise MaterialError: if it is not there any more, or not that.
        """
        reading = Reading()
        root, *_ = pem.certificates(reading.read(certificate), certificate)
        private = pem.private_key(reading.read(key), key)
        if not isinstance(private, ec.EllipticCurvePrivateKey) or private.public_key() != root.public_key():
            raise MaterialError(f"{key}: is not the key of the CA in {certificate}")
        return cls(root, private)

    def _issue(
        self,
        name: str,
        names: Sequence[x509.GeneralName],
        usage: x509.ObjectIdentifier,
        now: datetime,
        life: timedelta,
    ) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _builder(_name(name), self.certificate.subject, key.public_key(), now, life)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(for_authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(self._authority_key(), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        leaf = builder.sign(self.key, hashes.SHA256())
        return pair_of((leaf,), key, label=name)

    def _authority_key(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())


def certificate_pem(*certificates: x509.Certificate) -> bytes:
    """Certificates as they are in a PEM file, in this order."""
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def write_pair(pair: Pair, certificate: Path, key: Path) -> None:
    """Writes a pair to two new files; the key's is for its owner alone from the first byte.

    @raise FileExistsError: if one of them is there already; nothing is ever overwritten.
    """
    _write_new(key, _key_pem(pair.key), 0o600)
    _write_new(certificate, certificate_pem(*pair.chain), 0o644)


def _builder(
    to: x509.Name,
    by: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(to)
        .issuer_name(by)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        # The slack is part of the life: "at most 90 days" is from the first moment to the last.
        .not_valid_after(now + life - _SLACK)
    )


def _usage(*, for_authority: bool) -> x509.KeyUsage:
    """RFC 5280 §4.2.1.3: an authority signs certificates and lists, a leaf signs handshakes."""
    return x509.KeyUsage(
        digital_signature=not for_authority,
        key_cert_sign=for_authority,
        crl_sign=for_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _hosts(names: Sequence[str]) -> list[x509.GeneralName]:
    return [x509.IPAddress(ip_address(name)) if is_address(name) else x509.DNSName(name) for name in names]


def _name(common_name: str) -> x509.Name:
    # 64: RFC 5280, appendix A.1, ub-common-name. Nobody may rely on it; the real names are in the SAN.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _key_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write_new(path: Path, octets: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with open(descriptor, "wb") as file:
        file.write(octets)
