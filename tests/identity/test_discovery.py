"""Where an issuer's keys are, and for how long they are good: documents, and what is no document of its."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from mcpgate.identity import discovery
from mcpgate.identity.discovery import Places, Unfit, discover, fetch
from mcpgate.identity.terms import IssuerTerms
from mcpgate.provider.client import ProviderError, Reply
from tests.identity.minting import Minter, rsa_key

RAW = Minter(keys={"k1": rsa_key()}).jwks()
ISSUER = "https://login.test/tenant"
TERMS = IssuerTerms("login", (ISSUER,), discovery=(f"{ISSUER}/first", "https://login.test/second"))
DOCUMENT = {"issuer": ISSUER, "jwks_uri": "https://keys.test/k?v=2", "token_endpoint": "https://login.test/t"}


class Answers:
    """A provider that answers by a table."""

    def __init__(self, **replies: Reply) -> None:
        self.asked: list[str] = []
        self._replies = replies

    async def get(self, url: str, *, most: int, within: float) -> Reply:
        self.asked.append(url)
        reply = self._replies.get(url.rpartition("/")[2])
        if reply is None:
            raise ProviderError("login", url, "the connection broke")
        return reply


def said(document: object, status: int = 200, **headers: str) -> Reply:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def ended(coroutine: Any) -> Any:
    """What a coroutine comes to that waits for nothing."""
    results: list[Any] = []
    Deferred.fromCoroutine(coroutine).addBoth(results.append)
    (result,) = results
    if hasattr(result, "raiseException"):
        result.raiseException()
    return result


def test_a_document_says_where_the_keys_are_and_more() -> None:
    provider = Answers(first=said(DOCUMENT))
    assert ended(discover(provider, TERMS)) == Places(  # type: ignore[arg-type]
        "https://keys.test/k?v=2", {"token_endpoint": "https://login.test/t"}
    )
    assert provider.asked == [f"{ISSUER}/first"]


def test_the_second_place_is_asked_where_the_first_has_none() -> None:
    provider = Answers(first=said(b"", 404), second=said(DOCUMENT))
    ended(discover(provider, TERMS))  # type: ignore[arg-type]
    assert provider.asked == [f"{ISSUER}/first", "https://login.test/second"]


def test_an_issuer_that_cannot_be_asked_is_asked_once() -> None:
    """It is the same server."""
    provider = Answers()
    with pytest.raises(ProviderError):
        ended(discover(provider, TERMS))  # type: ignore[arg-type]
    assert len(provider.asked) == 1


@pytest.mark.parametrize(
    ("reply", "word"),
    [
        (said(b"", 500), "500"),
        (said(b"", 302), "302"),
        (said(b"<html>"), "not JSON"),
        (said([DOCUMENT]), "not an object"),
        (said(b'{"issuer": "%b", "issuer": "b"}' % ISSUER.encode()), "two members"),
        (said({**DOCUMENT, "issuer": f"{ISSUER}/"}), "another issuer"),
        (said({"jwks_uri": DOCUMENT["jwks_uri"]}), "another issuer"),
        (said({**DOCUMENT, "issuer": [ISSUER]}), "another issuer"),
        (said({"issuer": ISSUER}), "names no https URL"),
        (said({**DOCUMENT, "jwks_uri": "http://keys.test/k"}), "names no https URL"),
        (said({**DOCUMENT, "jwks_uri": "https://u:p@keys.test/k"}), "names no https URL"),
        (said({**DOCUMENT, "jwks_uri": "file:///etc/passwd"}), "names no https URL"),
        (said({**DOCUMENT, "jwks_uri": 1}), "names no https URL"),
    ],
)
def test_what_is_no_document_of_the_issuers_leads_nowhere(reply: Reply, word: str) -> None:
    with pytest.raises(Unfit, match=word):
        ended(discover(Answers(first=reply, second=said(b"", 404)), TERMS))  # type: ignore[arg-type]


def test_an_endpoint_that_is_no_https_url_is_left_out() -> None:
    """Nobody needs to have it; whoever does says so."""
    document = {**DOCUMENT, "token_endpoint": "http://login.test/t", "introspection_endpoint": "https://h/i"}
    found = ended(discover(Answers(first=said(document)), TERMS))  # type: ignore[arg-type]
    assert found.endpoints == {"introspection_endpoint": "https://h/i"}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, discovery.FRESH),
        ({"cache_control": "public, max-age=3600"}, 3600),
        ({"cache_control": "MAX-AGE=7200,must-revalidate"}, 7200),
        ({"cache_control": "max-age=1"}, discovery.FRESH_LEAST),
        ({"cache_control": "max-age=99999999999999999999"}, discovery.FRESH_MOST),
        ({"cache_control": "no-store"}, discovery.FRESH_LEAST),
        ({"cache_control": "max-age=3600, no-cache"}, discovery.FRESH_LEAST),
        ({"cache_control": "max-age=3600", "age": "600"}, 3000),
        ({"cache_control": "max-age=3600", "age": "x"}, 3600),
        ({"cache_control": "nonsense-max-age=5"}, discovery.FRESH),
    ],
)
def test_keys_are_good_for_as_long_as_is_said_within_bounds(
    headers: Mapping[str, str], seconds: float
) -> None:
    provider = Answers(keys=said(RAW, **headers))
    fetched = ended(fetch(provider, "https://login.test/keys"))  # type: ignore[arg-type]
    assert fetched.fresh == seconds
    assert [key.kid for key in fetched.keys.keys] == ["k1"]
    assert fetched.raw == RAW


@pytest.mark.parametrize(
    ("reply", "word"), [(said(RAW, 404), "404"), (said(RAW, 301), "301"), (said({"keys": 1}), "no list")]
)
def test_what_are_no_keys_is_told(reply: Reply, word: str) -> None:
    with pytest.raises(Unfit, match=word):
        ended(fetch(Answers(keys=reply), "https://login.test/keys"))  # type: ignore[arg-type]
