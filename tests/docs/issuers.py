"""An issuer of worlds: its documents and keys at its own name, and tokens of the real one's shape."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa
from josepy.b64 import b64encode
from josepy.jwa import RS256
from josepy.jwk import JWKRSA

from tests.docs.hosts import Answer, Host, Request
from tests.docs.place import Place


class Issuer:
    """
    One issuer. Whoever asks its token endpoint gets a token for the audience and scope that it asks for: in a
    world nobody has to be kept out.
    """

    def __init__(
        self,
        issuer: str,
        *,
        keys: str = "/keys",
        tokens: str = "/token",
        discovery: str | None = None,
        key: Mapping[str, Any] | None = None,
        claims: Mapping[str, Any] | None = None,
    ) -> None:
        """
        @param issuer: what tokens have as C{iss}.
        @param keys: where the keys are, and C{tokens} the token endpoint: paths on its own host.
        @param discovery: where its document is, if not where OpenID Connect has it.
        @param key: more members of its key; C{claims}: of its tokens.
        """
        self.issuer = issuer
        self._host = f"https://{urlsplit(issuer).netloc}"
        self._keys, self._tokens = keys, tokens
        below = urlsplit(issuer).path.rstrip("/")
        self._discovery = discovery or f"{below}/.well-known/openid-configuration"
        self._key = JWKRSA(key=rsa.generate_private_key(65537, 2048))
        self._kid = token_hex(8)
        self._more = dict(key or {})
        self._claims = dict(claims or {})

    def serve(self, place: Place) -> Host:
        """At its name, port 443."""
        return place.serve(urlsplit(self.issuer).netloc, self.respond)

    def token(self, *, kid: str = "", lifetime: int = 3600, **claims: object) -> str:
        """A token; claims that are C{None} are left out."""
        now = int(time.time())
        said = {"iss": self.issuer, "iat": now, "nbf": now, "exp": now + lifetime, **self._claims, **claims}
        header = {"alg": "RS256", "kid": kid or self._kid, "typ": "JWT"}
        given = {name: value for name, value in said.items() if value is not None}
        signed = b".".join(b64encode(json.dumps(part).encode()) for part in (header, given))
        return (signed + b"." + b64encode(RS256.sign(self._key.key, signed))).decode()

    def respond(self, request: Request) -> Answer:
        """Answer whoever asks."""
        path, _, query = request.path.partition("?")
        if path == self._discovery:
            return Answer(
                {
                    "issuer": self.issuer,
                    "jwks_uri": f"{self._host}{self._keys}",
                    "token_endpoint": f"{self._host}{self._tokens}",
                }
            )
        if path == self._keys:
            public = {**self._key.public_key().to_json(), "kid": self._kid, "use": "sig", **self._more}
            return Answer({"keys": [public]})
        if path == self._tokens:
            asked = {name: values[0] for name, values in parse_qs(request.body.decode() or query).items()}
            given = self.token(**self.granted(asked))
            return Answer({"access_token": given, "token_type": "Bearer", "expires_in": 3600})
        return Answer({"error": "not found"}, status=404)

    def granted(self, asked: Mapping[str, str]) -> dict[str, object]:
        """The claims that somebody gets who asks so."""
        return {}
