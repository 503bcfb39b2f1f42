"""What the gate signs to prove itself is what other implementations take."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from mcpgate.credentials.assertion import GOOD_FOR, Signer

NOW = 1_800_000_000.5
URL = "https://login.test/token"


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    """A key as it stands in a file."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (rsa.generate_private_key(65537, 2048), "RS256"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ec.generate_private_key(ec.SECP384R1()), "ES384"),
    ],
    ids=["RSA", "P-256", "P-384"],
)
def test_another_library_verifies_it(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, algorithm: str
) -> None:
    """RFC 7523 section 3: who signs, for whom, once, and for a short time."""
    signer = Signer.read(pem(key), "2026-11")
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    imported = (RSAKey if algorithm == "RS256" else ECKey).import_key(public)
    first, second = (
        jwt.decode(signer.assertion("gäte", URL, NOW), imported, algorithms=[algorithm]) for _ in range(2)
    )
    assert first.header == {"alg": algorithm, "typ": "JWT", "kid": "2026-11"}
    ids = first.claims.pop("jti"), second.claims.pop("jti")
    assert len(set(ids)) == 2 and min(map(len, ids)) >= 16
    assert first.claims == {
        "iss": "gäte",
        "sub": "gäte",
        "aud": URL,
        "iat": int(NOW),
        "exp": int(NOW) + GOOD_FOR,
    }


def test_a_key_without_an_id_is_told_by_none() -> None:
    signer = Signer.read(pem(ec.generate_private_key(ec.SECP256R1())))
    token = jwt.decode(
        signer.assertion("gate", URL, NOW),
        ECKey.import_key(signer._key.public_key().to_json()),
        algorithms=["ES256"],
    )
    assert "kid" not in token.header


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "no private key"),
        (b"-----BEGIN CERTIFICATE-----\n", "no private key"),
        (
            rsa.generate_private_key(65537, 2048).private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
            ),
            "passphrase",
        ),
        (pem(rsa.generate_private_key(65537, 1024)), "1024 bits"),
        (pem(ec.generate_private_key(ec.SECP256K1())), "kind"),
        (pem(ed25519.Ed25519PrivateKey.generate()), "kind"),
    ],
)
def test_a_key_that_cannot_be_used_says_why(raw: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Signer.read(raw)


def test_a_key_is_not_shown(tmp_path: Path) -> None:
    """Values end in tracebacks and logs."""
    key = rsa.generate_private_key(65537, 2048)
    shown = repr(Signer.read(pem(key)))
    assert str(key.private_numbers().d) not in shown and "JWK" not in shown
