"""Whom to believe: the CAs a peer must chain to, and what they have revoked.

With a revocation list, every certificate of a chain is checked, and a list that is missing or out
of date refuses the connection: an attacker who can withhold a list must gain nothing by it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path

from attrs import field, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from OpenSSL import SSL, crypto

from mcpgate.reasons import Reason, Refusal
from mcpgate.tls import pem
from mcpgate.tls.certificate import moment, subject
from mcpgate.tls.reading import MaterialError, Reading
from mcpgate.tls.verify import chain_refusal, judge_level

#: Where distributions keep the bundle of public CAs, in the order of pyOpenSSL's and Go's lists. The
#: OpenSSL inside cryptography's wheel looks below /opt/pyca, where there is nothing.
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)

#: And where those keep them one by one that have no bundle.
_DIRECTORIES = ("/etc/ssl/certs", "/etc/pki/tls/certs")

_REVOCATION = crypto.X509StoreFlags.CRL_CHECK | crypto.X509StoreFlags.CRL_CHECK_ALL


@frozen(eq=False)
class TrustStore:
    """CAs and their revocation lists; compared by identity. C{label} names it in messages."""

    certificates: tuple[x509.Certificate, ...] = field(repr=False)
    crls: tuple[x509.CertificateRevocationList, ...] = field(repr=False)
    label: str

    def install(self, context: SSL.Context) -> None:
        """Makes a context verify its peers against this store.

        @raise MaterialError: if OpenSSL does not accept a part of it.
        """
        store = context.get_cert_store()
        if store is None:
            raise RuntimeError("OpenSSL made a context without a certificate store")
        try:
            self._fill(store)
        except crypto.Error as error:
            raise MaterialError(f"{self.label}: OpenSSL does not accept it: {error}") from error

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of all that it holds; equal if and only if two stores believe the same."""
        total = hashlib.sha256()
        for certificate in self.certificates:
            total.update(certificate.fingerprint(hashes.SHA256()))
        for crl in self.crls:
            total.update(b"crl" + crl.fingerprint(hashes.SHA256()))
        return total.digest()

    @cached_property
    def store(self) -> crypto.X509Store:
        """A store for judging chains outside a handshake, built once: a list may be megabytes."""
        store = crypto.X509Store()
        self._fill(store)
        return store

    def _fill(self, store: crypto.X509Store) -> None:
        for certificate in self.certificates:
            store.add_cert(crypto.X509.from_cryptography(certificate))
        for crl in self.crls:
            store.add_crl(crl)
        if self.crls:
            store.set_flags(_REVOCATION)


def load_trust(reading: Reading, path: Path | None, crl: Path | None, now: datetime) -> TrustStore:
    """The CAs in a PEM file, or those of the system for C{None}, with the revocation lists.

    @raise MaterialError: if a file cannot be used, or would refuse every peer.
    """
    if path is None:
        certificates = _system(reading)
    else:
        certificates = pem.certificates(reading.read(path), path)
        for certificate in certificates:
            _check_authority(certificate, certificates, path, now)
    crls = () if crl is None else pem.revocation_lists(reading.read(crl), crl)
    if crl is not None:
        for one in crls:
            _check_list(one, certificates, crl, now)
        if path is not None:
            _check_coverage(crls, certificates, crl)
    return TrustStore(certificates=certificates, crls=crls, label="system" if path is None else path.name)


def recheck(trust: TrustStore, chain: Sequence[x509.Certificate]) -> Refusal | None:
    """Judges the chain of a live connection, leaf first, by a trust store that is newer than it.

    Dates, issuers and revocation, and the strength of keys and signatures: of the chain that is found now,
    which need not be the one that it came with. What the certificate is for was judged in the handshake.
    """
    if not chain:
        return Refusal(Reason.TLS_RESUMED, "there is no verified chain to judge again")
    leaf, *others = (crypto.X509.from_cryptography(certificate) for certificate in chain)
    try:
        found = crypto.X509StoreContext(trust.store, leaf, others).get_verified_chain()
    except crypto.X509StoreContextError as error:
        code, depth = error.errors[0], error.errors[1]
        return chain_refusal(code, depth, error.certificate.to_cryptography())
    return judge_level([certificate.to_cryptography() for certificate in found])


def _system(reading: Reading) -> tuple[x509.Certificate, ...]:
    """The CAs in OpenSSL's default places (SSL_CTX_set_default_verify_paths(3)).

    Read here, not by OpenSSL: so it is known to hold something, and an update of the system's CAs
    is noticed like any other change. Entries that do not parse or have expired are left to the
    distribution: they anchor nothing.
    """
    places = list(_system_places())
    for place in places:
        if place.is_dir():
            files = [place / name for name in reading.names(place) if (place / name).is_file()]
        else:
            files = [place]
        found: dict[x509.Certificate, None] = {}
        for file in files:
            found.update(dict.fromkeys(pem.readable_certificates(reading.read(file))))
        if found:
            return tuple(found)
    raise MaterialError(
        "this system has no CA certificates (looked in "
        + (", ".join(map(str, places)) or "every usual place")
        + "); install ca-certificates, or name a PEM file"
    )


def _system_places() -> Iterator[Path]:
    """The places to try, best first. The environment variables replace the others, as in OpenSSL."""
    file, directory = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file or directory:
        yield from (Path(place) for place in (file, directory) if place)
        return
    yield from (Path(bundle) for bundle in _BUNDLES if os.path.isfile(bundle))
    yield from (Path(directory) for directory in _DIRECTORIES if os.path.isdir(directory))


def _check_authority(
    certificate: x509.Certificate, among: Sequence[x509.Certificate], path: Path, now: datetime
) -> None:
    name = subject(certificate)
    try:
        is_authority = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        is_authority = False
    if not is_authority:
        raise MaterialError(f"{path}: {name} is not a CA certificate (basicConstraints)")
    if certificate.not_valid_after_utc <= now:
        raise MaterialError(f"{path}: {name} has expired on {moment(certificate.not_valid_after_utc)}")
    if not any(certificate.issuer == other.subject for other in among):
        raise MaterialError(
            f"{path}: {name} is an intermediate, and chains must end at a root: add {_issuer(certificate)}"
        )


def _check_list(
    crl: x509.CertificateRevocationList, among: Sequence[x509.Certificate], path: Path, now: datetime
) -> None:
    name = f"the list of {crl.issuer.rfc4514_string()}"
    if crl.next_update_utc is None:
        raise MaterialError(f"{path}: {name} does not say until when it is good (nextUpdate)")
    if crl.next_update_utc <= now:
        raise MaterialError(f"{path}: {name} was good until {moment(crl.next_update_utc)}; get a new one")
    if crl.last_update_utc > now:
        raise MaterialError(
            f"{path}: {name} is good only from {moment(crl.last_update_utc)}; is this machine's clock right?"
        )
    issuers = [other for other in among if other.subject == crl.issuer]
    if issuers and not any(_signed(crl, issuer) for issuer in issuers):
        raise MaterialError(f"{path}: {name} is not signed by the CA of that name in the trust file")


def _check_coverage(
    crls: Sequence[x509.CertificateRevocationList], certificates: Sequence[x509.Certificate], path: Path
) -> None:
    """Every CA needs a list, for without one OpenSSL refuses whatever that CA has signed."""
    listed = [crl.issuer for crl in crls]
    for certificate in certificates:
        if certificate.subject not in listed:
            raise MaterialError(
                f"{path}: holds no revocation list of {subject(certificate)}, so nothing it signed can pass"
            )


def _signed(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    try:
        return bool(crl.is_signature_valid(issuer.public_key()))  # type: ignore[arg-type]
    except Exception:  # TypeError or UnsupportedAlgorithm for keys that cannot sign lists
        return False


def _issuer(certificate: x509.Certificate) -> str:
    return certificate.issuer.rfc4514_string()
