"""The login by a provider, whose answers are made up here; a real one is in C{tests/e2e}."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from twisted.internet.defer import Deferred

from mcpgate.admin.login import Journey
from mcpgate.admin.oidc import NotProven, destination, find, prove
from mcpgate.admin.roles import Names
from mcpgate.admin.terms import Oidc
from mcpgate.credentials.terms import Client
from mcpgate.identity.terms import IssuerTerms
from mcpgate.provider.reply import ProviderError, Reply

ISSUER = "https://id.test"
KEY = ECKey.generate_key("P-256", {"kid": "one", "alg": "ES256", "use": "sig"})
OTHER = ECKey.generate_key("P-256", {"kid": "one", "alg": "ES256", "use": "sig"})
JOURNEY = Journey(b"", "the-nonce", "the-verifier", "/", 0.0)
TERMS = IssuerTerms(
    name="id",
    issuers=(ISSUER,),
    audience=frozenset({"dashboard"}),
    id_tokens=True,
    max_lifetime=86400.0,
    discovery=(f"{ISSUER}/.well-known/openid-configuration",),
)


class _Issuer:
    terms = TERMS


OIDC = Oidc(_Issuer(), Client("dashboard", "hush"), "https://d.test/login/callback")  # type: ignore[arg-type]


def token(key: ECKey = KEY, **changes: object) -> str:
    """An ID token, with claims changed; C{None} takes one away."""
    now = int(time.time())
    usual = {
        "iss": ISSUER,
        "aud": "dashboard",
        "sub": "jane",
        "iat": now,
        "exp": now + 600,
        "nonce": "the-nonce",
        "email": "Jane@example.com",
        "email_verified": True,
        "groups": ["staff"],
    }
    claims = {name: value for name, value in {**usual, **changes}.items() if value is not None}
    return jwt.encode({"alg": "ES256", "kid": "one", "typ": "JWT"}, claims, key)


class Provider:
    """Answers as a provider does, but for what a test changes."""

    def __init__(self, answer: object = None, status: int = 200, **document: object) -> None:
        self.posted: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.down = ""
        self._answer = answer if answer is not None else {"id_token": token(), "access_token": "a"}
        self._status = status
        self._document = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize?tenant=a",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
            **document,
        }

    async def get(self, url: str, **_: object) -> Reply:
        self._fail(url)
        if url.endswith("/keys"):
            return Reply(200, {}, json.dumps({"keys": [KEY.as_dict(private=False)]}).encode())
        return Reply(200, {}, json.dumps(self._document).encode())

    async def post(self, url: str, form: Any, *, headers: Any = (), **_: object) -> Reply:
        self._fail(url)
        self.posted.append((url, dict(form), dict(headers)))
        body = self._answer if isinstance(self._answer, bytes) else json.dumps(self._answer).encode()
        return Reply(self._status, {}, body)

    def _fail(self, url: str) -> None:
        if self.down and self.down in url:
            raise ProviderError("id", url, "no whole answer within 5 s")


def result(waited: Any) -> Any:
    found: list[Any] = []
    Deferred.fromCoroutine(waited).addBoth(found.append)
    (one,) = found
    if hasattr(one, "raiseException"):
        one.raiseException()
    return one


def proven(provider: Provider, said: Mapping[str, str] | None = None, journey: Journey = JOURNEY) -> Any:
    """Who somebody is, who came back with this."""
    asked = {"code": "the-code", "state": "s"} if said is None else said
    return result(prove(provider, OIDC, asked, journey, time.time()))  # type: ignore[arg-type]


def test_somebody_is_sent_with_what_only_we_can_finish() -> None:
    """State and nonce, and the hash of the verifier: never the verifier itself."""
    places = result(find(Provider(), OIDC))  # type: ignore[arg-type]
    place = urlsplit(destination(places, OIDC, "the-state", JOURNEY))
    assert f"{place.scheme}://{place.netloc}{place.path}" == f"{ISSUER}/authorize"
    asked = dict(parse_qsl(place.query))
    challenge = urlsafe_b64encode(sha256(b"the-verifier").digest()).rstrip(b"=").decode()
    assert asked == {
        "tenant": "a",
        "response_type": "code",
        "client_id": "dashboard",
        "redirect_uri": "https://d.test/login/callback",
        "scope": "openid email profile",
        "state": "the-state",
        "nonce": "the-nonce",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    assert "the-verifier" not in place.query and parse_qs(place.query)["tenant"] == ["a"]


def test_a_code_is_redeemed_with_verifier_and_secret() -> None:
    """Where the discovery document says, and as the client that it was given to."""
    provider = Provider()
    assert proven(provider) == (Names(("jane", "staff"), ("jane@example.com",)), "jane@example.com")
    ((url, form, headers),) = provider.posted
    assert url == f"{ISSUER}/token"
    assert form == {
        "grant_type": "authorization_code",
        "code": "the-code",
        "redirect_uri": "https://d.test/login/callback",
        "code_verifier": "the-verifier",
    }
    assert headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"email_verified": None}, Names(("jane", "staff"))),
        ({"email_verified": "true"}, Names(("jane", "staff"))),
        ({"email_verified": False}, Names(("jane", "staff"))),
        ({"email": 5}, Names(("jane", "staff"))),
        ({"email": "a@b.test\nroot"}, Names(("jane", "staff"))),
        ({"email": "a" * 400}, Names(("jane", "staff"))),
        ({"groups": None}, Names(("jane",), ("jane@example.com",))),
        ({"azp": "dashboard"}, Names(("jane", "staff"), ("jane@example.com",))),
    ],
)
def test_only_what_the_provider_vouches_for_is_a_name(changes: dict[str, object], names: Names) -> None:
    """An address that nobody has verified is whatever its holder has typed."""
    assert proven(Provider({"id_token": token(**changes)}))[0] == names


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": None},
        {"nonce": "another"},
        {"nonce": 5},
        {"aud": "somebody-else"},
        {"aud": None},
        {"iss": "https://evil.test"},
        {"exp": 1},
        {"exp": None},
        {"iat": 4102444800},
        {"azp": "somebody-else"},
        {"azp": 5},
        {"sub": ""},
        {"sub": None},
        {"sub": "a\nb"},
        {"groups": "x" * 10_000},
        {"_claim_names": {"groups": "src1"}},
    ],
)
def test_a_token_of_another_login_client_or_issuer_proves_nobody(changes: dict[str, object]) -> None:
    """Or one that is over, or says nothing."""
    if changes == {"groups": "x" * 10_000}:
        changes = {"groups": ["x", 5]}
    with pytest.raises(NotProven):
        proven(Provider({"id_token": token(**changes)}))


def test_a_token_that_another_key_has_signed_proves_nobody() -> None:
    """Whatever it says of its key."""
    with pytest.raises(NotProven, match="signature"):
        proven(Provider({"id_token": token(OTHER)}))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"error": "access_denied", "state": "s"}, "access_denied"),
        ({"error": "<script>", "state": "s"}, "an error"),
        ({"state": "s"}, "no code"),
        ({"code": "", "state": "s"}, "no code"),
        ({"code": "x" * 5000, "state": "s"}, "no code"),
        ({"code": "x", "iss": "https://evil.test"}, "another provider"),
    ],
)
def test_who_comes_back_without_a_code_is_nobody(said: dict[str, str], words: str) -> None:
    """And nothing is asked of the provider; what others have sent is not quoted."""
    provider = Provider()
    with pytest.raises(NotProven, match=words) as caught:
        proven(provider, said)
    assert provider.posted == [] and "script" not in str(caught.value)


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        (lambda: Provider({"error": "invalid_grant"}, 400), "invalid_grant"),
        (lambda: Provider({"error": "the-code is bad"}, 400), "it answered 400"),
        (lambda: Provider({"access_token": "a"}), "without an ID token"),
        (lambda: Provider({"id_token": 5}), "without an ID token"),
        (lambda: Provider({"id_token": "not.a.token"}), "no good"),
        (lambda: Provider({"id_token": "é"}), "without an ID token"),
        (lambda: Provider(b"<html>"), "not a JSON object"),
        (lambda: Provider({"id_token": token()}, 500), "it answered 500"),
        (lambda: Provider(issuer="https://evil.test"), "cannot be asked"),
        (lambda: Provider(token_endpoint=None), "does not say where codes are taken"),
    ],
)
def test_a_provider_that_gives_no_token_proves_nobody(
    provider: Callable[[], Provider], words: str
) -> None:
    """In words of ours: what it says may hold the code."""
    with pytest.raises(NotProven, match=words) as caught:
        proven(provider())
    assert "the-code" not in str(caught.value)


@pytest.mark.parametrize("down", ["openid-configuration", "/token", "/keys"])
def test_a_provider_that_is_down_proves_nobody(down: str) -> None:
    """Whichever part of it."""
    provider = Provider()
    provider.down = down
    with pytest.raises(NotProven, match="no whole answer"):
        proven(provider)
    if down == "openid-configuration":
        with pytest.raises(NotProven, match="cannot be asked"):
            result(find(provider, OIDC))  # type: ignore[arg-type]


def test_a_provider_without_a_place_to_log_in_is_none() -> None:
    """As one that only issues tokens to programs."""
    places = result(find(Provider(authorization_endpoint=None), OIDC))  # type: ignore[arg-type]
    with pytest.raises(NotProven, match="where people log in"):
        destination(places, OIDC, "s", JOURNEY)
