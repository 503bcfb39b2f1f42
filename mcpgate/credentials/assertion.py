"""How a client proves itself by a key instead of a secret: private_key_jwt (RFC 7523), signed by josepy."""

from __future__ import annotations

import json
from secrets import token_urlsafe

from attrs import field, frozen
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from josepy.jwa import ES256, ES384, RS256, JWASignature
from josepy.jwk import JWK, JWKEC, JWKRSA
from josepy.jws import JWS
from josepy.util import ComparableECKey, ComparableRSAKey

#: Seconds for which an assertion is good. It is sent at once; servers allow a few minutes at the most, and
#: some have clocks that differ.
GOOD_FOR = 120
#: Signatures by shorter ones are refused by everybody (NIST SP 800-131A).
RSA_LEAST = 2048


@frozen
class Signer:
    """A key, and how it signs."""

    _key: JWK = field(repr=False)
    _algorithm: JWASignature
    _kid: str | None = None

    @classmethod
    def read(cls, pem: bytes, kid: str | None = None) -> Signer:
        """
        The signer that a PEM file holds.

        @param kid: the key's id at the server.
        @raise ValueError: it holds no key that can be used.
        """
        try:
            key = load_pem_private_key(pem, None)
        except (ValueError, TypeError):
            raise ValueError("holds no private key in PEM, or one with a passphrase") from None
        if isinstance(key, rsa.RSAPrivateKey):
            if key.key_size < RSA_LEAST:
                raise ValueError(f"holds an RSA key of {key.key_size} bits; at least {RSA_LEAST} are needed")
            return cls(JWKRSA(key=ComparableRSAKey(key)), RS256, kid)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            algorithms = {"secp256r1": ES256, "secp384r1": ES384}
            if key.curve.name in algorithms:
                return cls(JWKEC(key=ComparableECKey(key)), algorithms[key.curve.name], kid)
        raise ValueError("holds a key of a kind that is not used here: want RSA, P-256 or P-384")

    def assertion(self, client: str, audience: str, now: float) -> str:
        """
        One assertion, good once and for two minutes (RFC 7523 section 3).

        @param audience: the URL that it is sent to; C{now}: Unix seconds.
        """
        claims = {
            "iss": client,
            "sub": client,
            "aud": audience,
            "jti": token_urlsafe(16),
            "iat": int(now),
            "exp": int(now) + GOOD_FOR,
        }
        # josepy writes the media type as RFC 7515 section 4.1.9 has it: JWT.
        header = {"typ": "application/JWT"} | ({"kid": self._kid} if self._kid is not None else {})
        signed = JWS.sign(
            json.dumps(claims).encode("ascii"),
            key=self._key,
            alg=self._algorithm,
            include_jwk=False,
            protect=frozenset({"alg", *header}),
            **header,
        )
        return signed.to_compact().decode("ascii")
