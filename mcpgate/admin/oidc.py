"""The login by an OIDC provider: a code, taken with PKCE, for an ID token (OpenID Connect Core 3.1).

What the ID token says is judged as any token of that issuer, made for our client; besides it must have the
nonce of this very login. Discovery document and keys are asked for anew for each token: people log in a few
times a day, and nothing that is kept can be stale then.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest
from urllib.parse import urlencode

from mcpgate.admin.login import Journey
from mcpgate.admin.roles import Names
from mcpgate.admin.terms import Oidc
from mcpgate.credentials.answer import ERRORS
from mcpgate.identity import claims, discovery, jose
from mcpgate.identity.discovery import Places, Unfit
from mcpgate.identity.document import DocumentError, read_object
from mcpgate.identity.principal import Principal
from mcpgate.provider.client import Provider
from mcpgate.provider.reply import ProviderError
from mcpgate.reasons import Refusal

#: What is asked for: who somebody is, and the names by which they may be on a list.
SCOPES = "openid email profile"
# Seconds for an answer: somebody looks at an empty page meanwhile.
WITHIN = 5.0
# Bytes of the answer with the token; those of directories with many groups have 8 KiB.
ANSWER_MOST = 64 * 1024
# RFC 5321 section 4.5.3.1: 64 characters, an @ and 255.
EMAIL_MOST = 320
# Characters of a code, of which providers say only that it is a text.
CODE_MOST = 4096


class NotProven(Exception):
    """Nobody has proved to be anybody; in words that may be shown to them."""


def destination(places: Places, oidc: Oidc, state: str, journey: Journey) -> str:
    """
    Where to send somebody.

    @raise NotProven: the provider does not say.
    """
    place = places.endpoints.get("authorization_endpoint")
    if place is None:
        raise NotProven("The provider does not say where people log in.")
    challenge = urlsafe_b64encode(sha256(journey.verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": oidc.client.id,
        "redirect_uri": oidc.redirect,
        "scope": SCOPES,
        "state": state,
        "nonce": journey.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{place}{'&' if '?' in place else '?'}{urlencode(asked)}"


async def prove(
    provider: Provider, oidc: Oidc, said: Mapping[str, str], journey: Journey, now: float
) -> tuple[Names, str]:
    """
    The names of somebody who is back, and the one to call them by.

    @param said: what came back with them.
    @raise NotProven: they are nobody.
    """
    terms = oidc.issuer.terms
    if said.get("iss") is not None and not terms.discovered_as(said["iss"]):
        # RFC 9207: a code of another provider's must not be given to ours.
        raise NotProven("That answer is of another provider.")
    if "error" in said:
        error = said["error"] if said["error"] in ERRORS else "an error"
        raise NotProven(f"The provider says {error}.")
    code = said.get("code", "")
    if not 0 < len(code) <= CODE_MOST:
        raise NotProven("The provider has sent no code.")
    places = await find(provider, oidc)
    token = await _redeem(provider, oidc, places, code, journey, now)
    principal = await _judge(provider, oidc, places, token, now)
    if not _same(principal.claims.get("nonce"), journey.nonce):
        raise NotProven("The provider's token is of another login.")
    party = principal.claims.get("azp")
    if party is not None and party != oidc.client.id:
        raise NotProven("The provider's token was made for another client.")
    folded = _email(principal.claims)
    subject = principal.subject or ""
    return Names((subject, *principal.groups), folded), folded[0] if folded else subject


def _email(said: Mapping[str, object]) -> tuple[str, ...]:
    """The address, if it is one to call somebody by."""
    email = said.get("email")
    # One that nobody has verified is whatever its holder has typed.
    if not isinstance(email, str) or said.get("email_verified") is not True:
        return ()
    return (email.lower(),) if email.isprintable() and len(email) <= EMAIL_MOST else ()


async def find(provider: Provider, oidc: Oidc) -> Places:
    """
    What the provider says of its places.

    @raise NotProven: it cannot be asked.
    """
    try:
        return await discovery.discover(provider, oidc.issuer.terms)
    except (ProviderError, Unfit) as error:
        raise NotProven(f"The provider cannot be asked: {error}") from None


async def _redeem(
    provider: Provider, oidc: Oidc, places: Places, code: str, journey: Journey, now: float
) -> bytes:
    url = places.endpoints.get("token_endpoint")
    if url is None:
        raise NotProven("The provider does not say where codes are taken.")
    asked = (
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", oidc.redirect),
        ("code_verifier", journey.verifier),
    )
    form, lines = oidc.client.prove(asked, url, now)
    try:
        reply = await provider.post(url, form, headers=lines, most=ANSWER_MOST, within=WITHIN)
        answer = read_object(reply.body)
    except (ProviderError, DocumentError) as error:
        # What it says may hold the code.
        words = str(error) if isinstance(error, ProviderError) else "its answer is not a JSON object"
        raise NotProven(f"The provider did not take the code: {words}") from None
    token = answer.get("id_token")
    if reply.status != 200 or not isinstance(token, str) or not token.isascii():
        said = answer.get("error")
        why = said if said in ERRORS else f"it answered {reply.status}, without an ID token"
        raise NotProven(f"The provider did not take the code: {why}")
    return token.encode("ascii")


async def _judge(provider: Provider, oidc: Oidc, places: Places, token: bytes, now: float) -> Principal:
    """As any token of that issuer is judged (C{identity.issuers})."""
    terms = oidc.issuer.terms
    read = jose.read(token)
    if isinstance(read, Refusal):
        raise NotProven(f"The provider's token is no good: {read.detail}")
    found = claims.issuer_of(read, [terms])
    if isinstance(found, Refusal):
        raise NotProven(f"The provider's token is no good: {found.detail}")
    try:
        keys = (await discovery.fetch(provider, places.jwks)).keys
    except (ProviderError, Unfit) as error:
        raise NotProven(f"The provider's keys cannot be had: {error}") from None
    candidates = keys.find(read.alg, read.kid, terms.spelled(read.claims))
    refusal = candidates if isinstance(candidates, Refusal) else jose.verify(read, candidates)
    if refusal is not None:
        raise NotProven(f"The provider's token is no good: {refusal.detail}")
    judged = claims.judge(
        read.claims,
        read.header,
        terms,
        id=read.id,
        resource=oidc.client.id,
        now=now,
        certificate=None,
    )
    if isinstance(judged, Refusal):
        raise NotProven(f"The provider's token is no good: {judged.detail}")
    return judged


def _same(said: object, nonce: str) -> bool:
    return isinstance(said, str) and compare_digest(said.encode("utf-8", "surrogatepass"), nonce.encode())
