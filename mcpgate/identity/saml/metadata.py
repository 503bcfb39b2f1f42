"""An identity provider, by its metadata: what it is called, and the certificates of its keys.

The certificates in it are pinned: nothing else verifies an assertion, whatever certificate comes along
with one. Several are a rollover, as an identity provider announces its next key here before it signs with
it, and takes the last one away when it is over; so a rollover is a file that changes.

They are containers of keys and nothing more (SAML V2.0 Metadata Interoperability Profile, 2.6.1): most are
self-signed, and no identity provider stops to sign on the day that such a certificate ends. So their
validity is not judged, but warned of. What counts is whether the metadata still names them, and its own
C{validUntil}: after that it must not be used (SAML metadata 2.3.2).
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as BinasciiError
from collections.abc import Iterator
from datetime import UTC, datetime

from attrs import field, frozen
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lxml import etree

from mcpgate.identity.saml.xml import DS, METADATA, XmlError, children, local, only, read, text

#: That of a provider with everything it can do has 30 KB; a federation's whole list has megabytes, and is
#: not meant: whoever is in it could speak for anybody.
METADATA_MOST = 512 * 1024
ELEMENTS_MOST = 8192
#: The current key, the next and the last, and two more; a forged assertion is tried by each of them.
CERTIFICATES_MOST = 5
_PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z")
ENTITY_ID_MOST = 1024
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)


class MetadataError(ValueError):
    """A file that is no metadata of one identity provider. The message says why."""


@frozen
class IdentityProvider:
    """
    An identity provider.

    @ivar entity_id: What it calls itself.
    @ivar certificates: Those of the keys that it signs with.
    @ivar valid_until: Unix seconds after which its metadata says that it must not be used.
    """

    entity_id: str
    certificates: tuple[x509.Certificate, ...] = field(repr=False)
    valid_until: float | None = None

    def warnings(self, now: float) -> Iterator[str]:
        """What an operator may want to know, as sentences."""
        if self.valid_until is not None and now >= self.valid_until:
            yield "its metadata is over (validUntil), so no assertion is accepted; fetch it again"
        for certificate in self.certificates:
            if now >= certificate.not_valid_after_utc.timestamp():
                ended = certificate.not_valid_after_utc.date().isoformat()
                yield f"a certificate of its metadata ended on {ended}; its key is accepted all the same"


def read_metadata(raw: bytes) -> IdentityProvider:
    """
    What stands in a file.

    @raise MetadataError: it is not the metadata of one identity provider with keys that can be used.
    """
    try:
        root = read(raw, most=METADATA_MOST, comments=True, elements=ELEMENTS_MOST)
        return _provider(root)
    except XmlError as error:
        raise MetadataError(str(error)) from None


def _provider(root: etree._Element) -> IdentityProvider:
    if root.tag != f"{{{METADATA}}}EntityDescriptor":
        raise MetadataError(
            f"it begins with {local(root)}; wanted is the EntityDescriptor of one identity provider"
        )
    entity_id = root.get("entityID") or ""
    if not 0 < len(entity_id) <= ENTITY_ID_MOST or entity_id != entity_id.strip():
        raise MetadataError("its entityID is missing or malformed")
    role = only(root, "IDPSSODescriptor", METADATA)
    if _PROTOCOL not in (role.get("protocolSupportEnumeration") or "").split():
        raise MetadataError("its IDPSSODescriptor is not for SAML 2.0")
    certificates: list[x509.Certificate] = []
    for key in children(role, "KeyDescriptor", METADATA):
        if key.get("use", "signing") != "signing":
            continue
        found = list(key.iter(f"{{{DS}}}X509Certificate"))
        if len(found) > 1:
            # A chain, and whoever signs certificates would sign for people.
            raise MetadataError("a key in it has several certificates, and nobody says whose is the key")
        certificates += [one for one in map(_certificate, map(text, found)) if one not in certificates]
    if not 1 <= len(certificates) <= CERTIFICATES_MOST:
        raise MetadataError(
            f"it has {len(certificates)} certificates to verify signatures with, not 1 to {CERTIFICATES_MOST}"
        )
    ends = [read_time(end) for end in (root.get("validUntil"), role.get("validUntil")) if end is not None]
    return IdentityProvider(entity_id, tuple(certificates), min(ends, default=None))


def _certificate(content: str) -> x509.Certificate:
    try:
        der = b64decode("".join(content.split()), validate=True)
        certificate = x509.load_der_x509_certificate(der)
        key = certificate.public_key()
    except (BinasciiError, ValueError, UnsupportedAlgorithm):
        raise MetadataError("a certificate in it does not parse") from None
    if isinstance(key, rsa.RSAPublicKey):
        if not 2048 <= key.key_size <= 8192:
            found = f"an RSA key of {key.key_size} bits, not 2048 to 8192"
            raise MetadataError(f"a certificate in it has {found}")
    elif not (isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES)):
        raise MetadataError("a certificate in it has a key that is neither RSA nor of a NIST curve")
    return certificate


def read_time(written: str) -> float:
    """
    Unix seconds of a time as SAML writes it: in UTC, and said so (SAML core 1.3.3).

    @raise XmlError: it is written otherwise, or is no time.
    """
    if not _TIME.fullmatch(written):
        raise XmlError("a time in it is not written as SAML has it, in UTC with a Z")
    try:
        # Finer than a microsecond nobody counts.
        seconds, _, fraction = written[:-1].partition(".")
        return datetime.fromisoformat(seconds).replace(tzinfo=UTC).timestamp() + float(f"0.{fraction or 0}")
    except ValueError:
        raise XmlError("a time in it is none that there is") from None
