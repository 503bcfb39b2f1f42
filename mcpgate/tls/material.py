"""Certificates with their keys, read from files and judged before anything is served with them.

Whatever a client would refuse later is refused here, when the operator is looking: a key that does
not belong, a chain out of order, a date, a certificate without names. All of it is read through one
L{Reading}, whose C{confirm} the caller asks when the whole generation is built.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from attrs import field, frozen
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from mcpgate.tls import pem
from mcpgate.tls.certificate import describe, moment, subject
from mcpgate.tls.handshake import Certificate
from mcpgate.tls.names import judge_name, matches
from mcpgate.tls.profile import PROFILES, Profile, judge_key
from mcpgate.tls.reading import MaterialError, Reading

#: Largest chain that is served, in bytes of DER. Real ones take 2 to 6 KB, three certificates with
#: ML-DSA-65 some 16; what is larger is a CA bundle by mistake. (Twisted's own TLS stalls for ever
#: when it has to send more than 32 KiB at once.)
MAX_CHAIN = 28 * 1024

_CERTIFICATE_SUFFIXES = (".crt", ".pem", ".cert")

#: What certbot and Kubernetes call the two halves of a pair.
_KNOWN_PAIRS = (("fullchain.pem", "privkey.pem"), ("tls.crt", "tls.key"))

#: What the same tools put beside them: single parts of the chain, and the CA that signed it.
_KNOWN_EXTRAS = frozenset({"cert.pem", "chain.pem", "ca.crt", "ca.pem"})


@frozen(eq=False)
class Pair:
    """A certificate chain, leaf first, with the leaf's key; compared by identity.

    C{names} are the DNS names, in lower case, and addresses it is served for; C{label} names the
    file in messages and records.
    """

    chain: tuple[x509.Certificate, ...] = field(repr=False)
    key: pem.PrivateKey = field(repr=False)
    names: tuple[str, ...]
    facts: Certificate
    label: str


def pair_of(chain: tuple[x509.Certificate, ...], key: pem.PrivateKey, *, label: str) -> Pair:
    """A pair with the names and facts that its leaf states; nothing is judged."""
    facts = describe(chain[0])
    names = tuple(name.lower() for name in facts.dns_names) + facts.addresses
    return Pair(chain=chain, key=key, names=names, facts=facts, label=label)


def load_pairs(reading: Reading, path: Path, profile: Profile, now: datetime) -> tuple[Pair, ...]:
    """The pairs of a listener: those of a directory, or the one in a file.

    In a directory: C{X.crt}, C{X.pem} or C{X.cert} with C{X.key} or with the key in the same file;
    C{fullchain.pem} with C{privkey.pem}; C{tls.crt} with C{tls.key}. Sorted by file name.

    @raise MaterialError: for the first thing that is wrong; nothing is skipped in silence.
    """
    if not path.is_dir():
        return (_server_pair(reading, path, path, profile, now),)
    pairs = tuple(
        _server_pair(reading, certificate, key, profile, now) for certificate, key in _files(reading, path)
    )
    if not pairs:
        raise MaterialError(f"{path}: holds no certificate with its key (such as gate.crt and gate.key)")
    served: dict[str, Pair] = {}
    for pair in pairs:
        for name in pair.names:
            other = served.setdefault(name, pair)
            if other is not pair:
                raise MaterialError(f"{path}: {other.label} and {pair.label} are both for {name}; remove one")
    return pairs


def load_pair(reading: Reading, certificate: Path, key: Path | None, now: datetime) -> Pair:
    """A client certificate, with its key in the same file or in another.

    @raise MaterialError: if it cannot be used as one.
    """
    pair = _pair(reading, certificate, key or certificate, now)
    _check_key(pair, PROFILES["intermediate"], certificate)
    _check_usage(pair.chain[0], ExtendedKeyUsageOID.CLIENT_AUTH, certificate)
    return pair


def choose(pairs: Sequence[Pair], sni: str | None, default: Pair) -> Pair:
    """The pair for a server name in lower case: for exactly it, or by wildcard, or the default."""
    if sni is None:
        return default
    fitting = default
    for pair in pairs:
        if sni in pair.names:
            return pair
        if any(matches(name, sni) for name in pair.names):
            fitting = pair
    return fitting


def _files(reading: Reading, directory: Path) -> list[tuple[Path, Path]]:
    """The pairs of file names in a directory; a certificate without key, or the reverse, is an error."""
    names = set(reading.names(directory))
    found: list[tuple[Path, Path]] = []
    for certificate, key in _KNOWN_PAIRS:
        if {certificate, key} <= names:
            found.append((directory / certificate, directory / key))
            names -= {certificate, key} | _KNOWN_EXTRAS
    keys = {name for name in names if name.endswith(".key")}
    for name in sorted(names):
        path = directory / name
        if path.suffix not in _CERTIFICATE_SUFFIXES:
            continue
        key = path.with_suffix(".key").name
        if key in keys:
            keys.discard(key)
            found.append((path, directory / key))
        elif pem.has_private_key(reading.read(path)):
            found.append((path, path))
        elif name not in _KNOWN_EXTRAS:
            raise MaterialError(f"{path}: has no key: neither {key} beside it, nor one inside")
    if keys:
        raise MaterialError(f"{directory / min(keys)}: has no certificate of the same name beside it")
    return sorted(found)


def _server_pair(reading: Reading, certificate: Path, key: Path, profile: Profile, now: datetime) -> Pair:
    pair = _pair(reading, certificate, key, now)
    leaf = pair.chain[0]
    _check_key(pair, profile, certificate)
    _check_usage(leaf, ExtendedKeyUsageOID.SERVER_AUTH, certificate)
    if not pair.names:
        raise MaterialError(f"{certificate}: names no host (subjectAltName), so no client can accept it")
    # The judgement that our own outbound leg makes: it finds names that clients choke on.
    refusal = judge_name(leaf, pair.names[0].replace("*", "any", 1))
    if refusal is not None:
        raise MaterialError(f"{certificate}: {refusal.detail}")
    return pair


def _pair(reading: Reading, certificate: Path, key_file: Path, now: datetime) -> Pair:
    """A pair with everything checked that is the same for servers and clients."""
    chain = pem.certificates(reading.read(certificate), certificate)
    key = pem.private_key(reading.read(key_file), key_file)
    if reading.mode(key_file) & 0o007:
        raise MaterialError(
            f"{key_file}: everybody on this machine may access the key (mode {reading.mode(key_file):04o});"
            f" chmod 600 {key_file}"
        )
    leaf = chain[0]
    if _public(leaf.public_key()) != _public(key.public_key()):
        raise MaterialError(f"{key_file}: the key does not belong to the certificate in {certificate}")
    for one in chain:
        _check_dates(one, certificate, now)
    for issued, issuer in zip(chain, chain[1:], strict=False):
        _check_order(issued, issuer, certificate)
    size = sum(len(one.public_bytes(Encoding.DER)) for one in chain)
    if size > MAX_CHAIN:
        raise MaterialError(
            f"{certificate}: the chain of {len(chain)} certificates has {size} bytes;"
            f" at most {MAX_CHAIN} are served"
        )
    return pair_of(chain, key, label=certificate.name)


def _check_dates(certificate: x509.Certificate, path: Path, now: datetime) -> None:
    if certificate.not_valid_after_utc <= now:
        raise MaterialError(
            f"{path}: {subject(certificate)} has expired on {moment(certificate.not_valid_after_utc)}"
        )
    if certificate.not_valid_before_utc > now:
        raise MaterialError(
            f"{path}: {subject(certificate)} is valid only from {moment(certificate.not_valid_before_utc)};"
            " is this machine's clock right?"
        )


def _check_order(issued: x509.Certificate, issuer: x509.Certificate, path: Path) -> None:
    try:
        issued.verify_directly_issued_by(issuer)
    except Exception:  # ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm: all mean no
        raise MaterialError(
            f"{path}: the chain is out of order: {subject(issued)} was not issued by {subject(issuer)},"
            " which follows it (leaf first, then each issuer)"
        ) from None


def _check_key(pair: Pair, profile: Profile, path: Path) -> None:
    for certificate in pair.chain:
        refusal = judge_key(profile, describe(certificate).key)
        if refusal is not None:
            raise MaterialError(f"{path}: {subject(certificate)}: {refusal.detail}")


def _check_usage(leaf: x509.Certificate, usage: x509.ObjectIdentifier, path: Path) -> None:
    """RFC 5280 §4.2.1.12: a certificate that lists its purposes is for these alone."""
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    except ValueError as error:
        raise MaterialError(f"{path}: its extensions do not parse: {error}") from error
    if usage not in usages:
        purpose = "servers" if usage == ExtendedKeyUsageOID.SERVER_AUTH else "clients"
        raise MaterialError(f"{path}: the certificate is not meant for {purpose} (extendedKeyUsage)")


def _public(key: object) -> bytes:
    """A public key in DER; the same bytes for the same key."""
    encode = getattr(key, "public_bytes", None)
    return bytes(encode(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)) if encode else b""
