"""Asking an issuer where its keys are, and for them (OpenID Connect Discovery, RFC 8414, RFC 7517).

A document counts only if it is the issuer's own: it says so itself, came over a connection that was
verified, and was not redirected to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from attrs import field, frozen

from mcpgate.config.url import read_url
from mcpgate.identity.document import DocumentError, read_object
from mcpgate.identity.jwks import SET_MOST, KeySet, read_keys
from mcpgate.identity.terms import IssuerTerms
from mcpgate.provider.client import Provider, Reply

#: Bytes. Keycloak's and Microsoft's have some 8 KiB.
DOCUMENT_MOST = 256 * 1024
#: Seconds for one document: callers wait for it, and providers answer within one.
WITHIN = 5.0
#: What a document may say of how long it is good (RFC 9111), clamped: below, a provider that says nothing
#: sensible would be asked all the time; above, a key that was taken back would count for longer than a day.
FRESH_LEAST, FRESH_MOST = 300.0, 86400.0
#: Where it says nothing.
FRESH = 3600.0
#: What of a document is kept for whoever asks for tokens, or about them, or sends people to log in.
ENDPOINTS = ("token_endpoint", "introspection_endpoint", "authorization_endpoint")

_MAX_AGE = re.compile(r"(?:^|[\s,])(?:s-maxage|max-age)\s*=\s*\"?(\d{1,9})", re.IGNORECASE)
_NEVER = re.compile(r"(?:^|[\s,])(?:no-store|no-cache)(?:$|[\s,=])", re.IGNORECASE)


class Unfit(Exception):
    """An answer that is no document of the issuer's. In words of ours; nothing of it is quoted."""


class Silent(Unfit):
    """There was no document at all: what an earlier one said may be as true as ever."""


@frozen
class Places:
    """
    What a discovery document says: where the keys are, and the endpoints of C{ENDPOINTS} that it names.
    """

    jwks: str
    endpoints: Mapping[str, str] = MappingProxyType({})


@frozen
class Fetched:
    """
    Keys that were just told.

    @ivar raw: as they came, for others to read them as strictly.
    @ivar fresh: seconds for which they are good by the provider's own word, clamped.
    """

    raw: bytes = field(repr=False)
    keys: KeySet
    fresh: float


async def ask(provider: Provider, terms: IssuerTerms) -> Fetched:
    """
    Find an issuer's keys from nothing but its configuration.

    @raise ProviderError: the issuer cannot be asked.
    @raise Unfit: what it says leads to no keys.
    """
    url = terms.jwks if terms.jwks is not None else (await discover(provider, terms)).jwks
    return await fetch(provider, url)


async def discover(provider: Provider, terms: IssuerTerms) -> Places:
    """
    Read the discovery document, from the first place that has one.

    @raise ProviderError: the issuer cannot be asked.
    @raise Unfit: it has none (L{Silent}), or none of its own.
    """
    statuses = []
    for url in terms.discovery:
        reply = await provider.get(url, most=DOCUMENT_MOST, within=WITHIN)
        if reply.status == 200:
            return _places(reply.body, terms)
        statuses.append(str(reply.status))
    raise Silent(f"it answered {', then '.join(statuses)} for its discovery document")


async def fetch(provider: Provider, url: str) -> Fetched:
    """
    Ask for the keys.

    @raise ProviderError: the issuer cannot be asked.
    @raise Unfit: what it says are no keys.
    """
    reply = await provider.get(url, most=SET_MOST, within=WITHIN)
    if reply.status != 200:
        raise Unfit(f"it answered {reply.status} for its keys")
    try:
        keys = read_keys(reply.body)
    except ValueError as error:
        raise Unfit(str(error)) from None
    return Fetched(reply.body, keys, _fresh(reply))


def _places(raw: bytes, terms: IssuerTerms) -> Places:
    try:
        document = read_object(raw)
    except DocumentError as error:
        raise Unfit(f"its discovery document: {error}") from None
    if not terms.discovered_as(document.get("issuer")):
        # OpenID Connect Discovery section 4.3: else anybody's document would do (mix-up).
        raise Unfit("its discovery document names another issuer")
    jwks = _url(document.get("jwks_uri"))
    if jwks is None:
        raise Unfit("its discovery document names no https URL with its keys")
    endpoints = {name: _url(document.get(name)) for name in ENDPOINTS}
    return Places(jwks, {name: url for name, url in endpoints.items() if url is not None})


def _url(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        return str(read_url(value, query=True))
    except ValueError:
        return None


def _fresh(reply: Reply) -> float:
    said = reply.headers.get("cache-control", "")
    found = _MAX_AGE.search(said)
    if _NEVER.search(said):
        seconds = 0.0
    elif found is None:
        seconds = FRESH
    else:
        # RFC 9111 section 4.2.3: some of it may be over already.
        age = reply.headers.get("age", "0")
        seconds = float(found[1]) - (float(age) if age.isascii() and age.isdigit() and len(age) < 10 else 0)
    return min(max(seconds, FRESH_LEAST), FRESH_MOST)
