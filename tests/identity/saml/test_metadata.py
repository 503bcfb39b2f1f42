"""Metadata of an identity provider gives its name and its keys, and nothing that is doubtful."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from mcpgate.identity.saml.metadata import MetadataError, read_metadata, read_time
from mcpgate.identity.saml.xml import XmlError
from tests.identity.saml.provider import ENTITY, NOW, Signer, metadata, signer


def of_key(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> Signer:
    """A certificate of a key that nobody should use."""
    name = x509.Name([])
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(begin).not_valid_after(begin + timedelta(days=9999))
    by = key if isinstance(key, rsa.RSAPrivateKey) else None
    certificate = builder.sign(key, SHA256() if by is not None else None)
    return Signer(key, certificate)  # type: ignore[arg-type]


def test_the_certificates_are_all_that_are_for_signing() -> None:
    """A use that is not stated is any use; the same certificate twice is one."""
    one, two = signer(), signer("two", "ec")
    found = read_metadata(metadata(one, two, one, use=""))
    assert found.entity_id == ENTITY
    assert found.certificates == (one.certificate, two.certificate)
    assert found.valid_until is None and list(found.warnings(NOW)) == []


def test_it_may_have_comments_and_a_license_before_it() -> None:
    """As those that Shibboleth writes; and the mark of a byte order, as Entra's."""
    assert read_metadata(b"\xef\xbb\xbf" + metadata(signer(), before="<!-- license -->")).entity_id == ENTITY


def test_what_ends_is_warned_of() -> None:
    """Metadata that is over, and certificates, which count all the same."""
    until = 'validUntil="2027-01-15T08:00:10Z"'
    found = read_metadata(metadata(signer("ended", ended=True), attributes=until))
    assert found.valid_until == NOW + 10
    assert [warning.partition(";")[0] for warning in found.warnings(NOW)] == [
        "a certificate of its metadata ended on 2020-12-31"
    ]
    assert "validUntil" in next(found.warnings(NOW + 10))


#: As some servers publish it: the key, and who has signed its certificate.
CHAIN = metadata(signer()).replace(
    b"</ds:X509Certificate>",
    f"</ds:X509Certificate><ds:X509Certificate>{signer('ca').base64}</ds:X509Certificate>".encode(),
)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "not well-formed"),
        (b"<a/>", "begins with a;"),
        (metadata(), "0 certificates"),
        (CHAIN, "a key in it has several certificates"),
        (metadata(*(signer(f"m{n}", "ec") for n in range(6))), "6 certificates"),
        (metadata(signer(), use='use="encryption"'), "0 certificates"),
        (metadata(signer(), entity=""), "entityID"),
        (metadata(signer(), entity=" x"), "entityID"),
        (metadata(signer(), attributes='validUntil="tomorrow"'), "a time in it"),
        (metadata(signer(), before="<!DOCTYPE a>"), "a document type"),
        (metadata(signer()).replace(b"SAML:2.0:protocol", b"SAML:1.1:protocol"), "not for SAML 2.0"),
        (metadata(signer()).replace(b"IDPSSO", b"SPSSO"), "0 IDPSSODescriptor"),
        (metadata(signer()).replace(b"X509Certificate>MI", b"X509Certificate>!!"), "does not parse"),
        (metadata(signer()).replace(b"X509Certificate>MI", b"X509Certificate>NI"), "does not parse"),
        (metadata(of_key(rsa.generate_private_key(65537, 1024))), "1024 bits"),
        (metadata(of_key(ed25519.Ed25519PrivateKey.generate())), "neither RSA nor"),
        (b"<EntitiesDescriptor xmlns='urn:x'/>", "begins with EntitiesDescriptor"),
    ],
)
def test_metadata_that_is_doubtful_is_not_taken(raw: bytes, said: str) -> None:
    """The error says what is wrong with it."""
    with pytest.raises(MetadataError, match=said):
        read_metadata(raw)


def test_certificates_may_be_broken_into_lines() -> None:
    """As base64 mostly is."""
    whole = signer().certificate.public_bytes(Encoding.DER)
    lines = b"\n   ".join(b64encode(whole)[at : at + 64] for at in range(0, len(whole) * 2, 64))
    raw = metadata(signer()).replace(b64encode(whole), lines)
    assert read_metadata(raw).certificates == (signer().certificate,)


def test_times_are_in_utc() -> None:
    """As SAML has them, with or without fractions of a second; others are not guessed at."""
    assert read_time("2027-01-15T08:00:00Z") == NOW
    assert read_time("2027-01-15T08:00:00.25Z") == NOW + 0.25
    for written in ("2027-01-15T08:00:00", "2027-01-15T08:00:00+00:00", "2027-13-15T08:00:00Z", "1", ""):
        with pytest.raises(XmlError, match="a time in it"):
            read_time(written)
