"""A small issuer of tokens: a key made just now, its documents over TLS, and tokens for a few minutes.

It stands where a CI's own issuer does (GitHub Actions, GitLab): a job is given a token that says which
repository it works for. Whoever asks gets the key, nobody else gets a token.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from secrets import token_hex

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from josepy.b64 import b64encode
from josepy.jwa import ES256, RS256
from josepy.jwk import JWK, JWKEC, JWKRSA

from mcpgate.demo.direct import ADDRESS, HOST
from mcpgate.testing import TLSPeer, TLSServer
from mcpgate.tls.material import Pair

DISCOVERY = "/.well-known/openid-configuration"
_KEYS = "/keys"

# A request has no body, and its head is small.
_HEAD_END = b"\r\n\r\n"


class Issuer(TLSServer):
    """One issuer; its name is its URL."""

    def __init__(self, pair: Pair, *, long_key: bool = False) -> None:
        """
        @param pair: for L{HOST}.
        @param long_key: sign with RSA, as most issuers do, rather than with ECDSA, which has short tokens.
        """
        super().__init__(pair, self._answer)
        self._key: JWK
        if long_key:
            self._key = JWKRSA(key=rsa.generate_private_key(65537, 2048))
            self._algorithm = RS256
        else:
            self._key = JWKEC(key=ec.generate_private_key(ec.SECP256R1()))
            self._algorithm = ES256
        self._kid = token_hex(8)
        #: The paths that it was asked for, in order.
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        """What its tokens have as C{iss}."""
        return f"https://{HOST}:{self.port}"

    @property
    def address(self) -> str:
        """Where it is."""
        return f"{ADDRESS}:{self.port}"

    def token(
        self, subject: str, audience: str, *, issued: float, life: float, claims: Mapping[str, object]
    ) -> str:
        """
        A signed token.

        @param audience: the only place that it is good for.
        @param issued: Unix seconds. C{life}: for how many from then on.
        """
        header = {"alg": self._algorithm.name, "kid": self._kid, "typ": "JWT"}
        said = {
            **claims,
            "iss": self.url,
            "sub": subject,
            "aud": audience,
            "iat": int(issued),
            "nbf": int(issued),
            "exp": int(issued + life),
            "jti": token_hex(16),
        }
        signed = b".".join(b64encode(json.dumps(part).encode()) for part in (header, said))
        signature: bytes = self._algorithm.sign(self._key.key, signed)
        return (signed + b"." + b64encode(signature)).decode()

    def _answer(self, peer: TLSPeer) -> None:
        waiting = b""
        while octets := peer.receive():
            waiting += octets
            while _HEAD_END in waiting:
                head, _, waiting = waiting.partition(_HEAD_END)
                peer.send(self._document(head.split(b" ", 2)[1].decode("latin-1")))
        peer.close()

    def _document(self, path: str) -> bytes:
        self.asked.append(path)
        if path == DISCOVERY:
            return _http("200 OK", {"issuer": self.url, "jwks_uri": f"{self.url}{_KEYS}"})
        if path == _KEYS:
            public = {**self._key.public_key().to_json(), "kid": self._kid, "use": "sig"}
            return _http("200 OK", {"keys": [{**public, "alg": self._algorithm.name}]})
        return _http("404 Not Found", {})


def _http(status: str, document: object) -> bytes:
    body = json.dumps(document).encode()
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body
