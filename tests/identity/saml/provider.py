"""A small identity provider for the tests: its key, its metadata, and what it signs, also wrong things."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
    XMLSigner,
)

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
METADATA = "urn:oasis:names:tc:SAML:2.0:metadata"
DS = "http://www.w3.org/2000/09/xmldsig#"
ENTITY = "https://idp.example.org/saml"
RECIPIENT = "https://gate.example.org/token"
NOW = 1_800_000_000.0

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@frozen(eq=False)
class Signer:
    """A key and its certificate."""

    key: Key
    certificate: x509.Certificate

    @property
    def base64(self) -> str:
        return b64encode(self.certificate.public_bytes(Encoding.DER)).decode()


@cache
def signer(name: str = "idp", kind: str = "rsa", ended: bool = False) -> Signer:
    """One for each name, made once."""
    key: Key
    if kind == "rsa":
        key = rsa.generate_private_key(65537, 2048)
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=365 if ended else 36500))
        .sign(key, SHA256())
    )
    return Signer(key, certificate)


def metadata(
    *signers: Signer, entity: str = ENTITY, attributes: str = "", before: str = "", use: str = 'use="signing"'
) -> bytes:
    """The document that an identity provider is known by."""
    keys = "".join(
        f'<md:KeyDescriptor {use}><ds:KeyInfo xmlns:ds="{DS}"><ds:X509Data><ds:X509Certificate>{one.base64}'
        "</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
        for one in signers
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{before}'
        f'<md:EntityDescriptor xmlns:md="{METADATA}" entityID="{entity}" {attributes}>'
        '<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
        f"{keys}</md:IDPSSODescriptor></md:EntityDescriptor>"
    ).encode()


def at(seconds: float) -> str:
    """A time as SAML writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def unsigned(
    *,
    now: float = NOW,
    id: str = "_a1",
    issuer: str = ENTITY,
    subject: str = "alice@example.org",
    audience: str | Sequence[str] = RECIPIENT,
    recipient: str = RECIPIENT,
    begins: float = -5,
    ends: float = 240,
    issued: float = -5,
    method: str = "urn:oasis:names:tc:SAML:2.0:cm:bearer",
    attributes: Mapping[str, Sequence[str]] | None = None,
    format: str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
    conditions: str = "",
    more: str = "",
    authn: str = "",
    version: str = "2.0",
) -> str:
    """An assertion without its signature."""
    audiences = [audience] if isinstance(audience, str) else audience
    restrictions = "".join(f"<saml:Audience>{one}</saml:Audience>" for one in audiences)
    said = "".join(
        f'<saml:Attribute Name="{name}">'
        + "".join(f"<saml:AttributeValue>{value}</saml:AttributeValue>" for value in values)
        + "</saml:Attribute>"
        for name, values in (attributes or {}).items()
    )
    statement = f"<saml:AttributeStatement>{said}</saml:AttributeStatement>" if said else ""
    restriction = f"<saml:AudienceRestriction>{restrictions}</saml:AudienceRestriction>" if audiences else ""
    return (
        f'<saml:Assertion xmlns:saml="{SAML}" ID="{id}" Version="{version}" '
        f'IssueInstant="{at(now + issued)}">'
        f"<saml:Issuer>{issuer}</saml:Issuer>"
        f'<saml:Subject><saml:NameID Format="{format}">{subject}</saml:NameID>'
        f'<saml:SubjectConfirmation Method="{method}"><saml:SubjectConfirmationData Recipient="{recipient}" '
        f'NotOnOrAfter="{at(now + ends)}"/></saml:SubjectConfirmation></saml:Subject>'
        f'<saml:Conditions NotBefore="{at(now + begins)}" NotOnOrAfter="{at(now + ends)}">{restriction}'
        f"{conditions}</saml:Conditions>"
        f'<saml:AuthnStatement AuthnInstant="{at(now)}" {authn}><saml:AuthnContext>'
        "<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:X509</saml:AuthnContextClassRef></saml:AuthnContext>"
        f"</saml:AuthnStatement>{statement}{more}</saml:Assertion>"
    )


def sign(
    text: str,
    by: Signer | None = None,
    *,
    method: SignatureMethod | None = None,
    digest: DigestAlgorithm = DigestAlgorithm.SHA256,
    canonical: CanonicalizationMethod = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    shown: Signer | None = None,
    edit: Callable[[etree._Element], None] | None = None,
) -> bytes:
    """
    Sign it as identity providers do.

    @param shown: whose certificate is sent along.
    @param edit: changes the document before it is signed.
    """
    by = by or signer()
    root = etree.fromstring(text.encode())
    if edit is not None:
        edit(root)
    # Where the schema has it, behind the issuer.
    place = etree.Element(f"{{{DS}}}Signature", nsmap={"ds": DS}, Id="placeholder")
    root.insert(1, place)
    if method is None:
        rsa_key = isinstance(by.key, rsa.RSAPrivateKey)
        method = SignatureMethod.RSA_SHA256 if rsa_key else SignatureMethod.ECDSA_SHA256
    xml_signer = _Lax(
        method=SignatureConstructionMethod.enveloped,
        signature_algorithm=method,
        digest_algorithm=digest,
        c14n_algorithm=canonical,
    )
    done = xml_signer.sign(
        root,
        key=by.key,
        cert=[(shown or by).certificate],
        reference_uri=root.get("ID"),
        id_attribute="ID",
    )
    return etree.tostring(done)


class _Lax(XMLSigner):
    """Signs also by what nobody should accept."""

    def check_deprecated_methods(self) -> None:
        pass


def assertion(by: Signer | None = None, **said: object) -> bytes:
    """A good one, but for what is said to be otherwise."""
    return sign(unsigned(**said), by)  # type: ignore[arg-type]
