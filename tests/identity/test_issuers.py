"""Tokens of an issuer, judged by a worker that asks a real provider on TLS for its keys."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred, gatherResults

from mcpgate.identity import jose
from mcpgate.identity.principal import Principal
from mcpgate.reasons import Reason, Refusal
from tests.identity.asking import RESOURCE, Worker, issuer_of
from tests.identity.minting import base64url, rsa_key
from tests.provider.asking import GOOD
from tests.provider.issuing import DISCOVERY, Issuing

Hire = Callable[[], Worker]


def reason(found: Principal | Refusal) -> str:
    """Why it was refused; "" if it was not."""
    return found.reason.value if isinstance(found, Refusal) else ""


def test_a_token_proves_its_subject_and_the_keys_are_asked_for_once(
    worker: Worker, provider: Issuing
) -> None:
    """The discovery document says where; nothing is asked again for tokens whose key is known."""
    worker.adopt(issuer_of(provider))
    token = provider.token(groups=["ops"], scope="read write")
    found = worker.judge(token)
    assert isinstance(found, Principal), found
    assert (found.name, found.how, found.issuer, found.subject) == ("login/ada", "jwt", "login", "ada")
    assert (found.groups, found.scopes) == (("ops",), {"read", "write"})
    assert found.id == sha256(token.rpartition(".")[0].encode()).hexdigest()
    for number in range(20):
        assert isinstance(worker.judge(provider.token(sub=f"bob-{number}")), Principal)
    assert provider.asked == {DISCOVERY: 1, "/keys": 1}
    assert worker.issuers.endpoint("login", "token_endpoint") == "https://login.test/token"
    assert worker.issuers.endpoint("other", "token_endpoint") is None


def test_a_signature_is_verified_once_and_what_it_says_each_time(
    worker: Worker, provider: Issuing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that is good for one route is refused on another, however well its signature is known."""
    verified: list[object] = []
    real = jose.verify
    monkeypatch.setattr(jose, "verify", lambda token, keys: verified.append(token) or real(token, keys))
    worker.adopt(issuer_of(provider))
    token = provider.token()
    assert isinstance(worker.judge(token), Principal)
    assert isinstance(worker.judge(token), Principal)
    assert reason(worker.judge(token, resource="https://gate.test:8443/other")) == "auth.audience"
    assert reason(worker.judge(token, bound=True)) == "auth.binding"
    worker.shift = 700
    assert reason(worker.judge(token)) == "auth.expired"
    assert len(verified) == 1


def test_a_bound_token_counts_with_its_certificate_only(worker: Worker, provider: Issuing) -> None:
    worker.adopt(issuer_of(provider))
    own, other = GOOD.facts, evolve(GOOD.facts, sha256="cd" * 32)
    token = provider.token(cnf={"x5t#S256": base64url(bytes.fromhex(own.sha256))})
    assert isinstance(worker.judge(token, certificate=own, bound=True), Principal)
    for certificate in (other, None):
        assert reason(worker.judge(token, certificate=certificate)) == "auth.binding"


def test_keys_that_are_exchanged_are_found_by_the_first_token(worker: Worker, provider: Issuing) -> None:
    """And a token by the old key, known or not, is refused once that is not published any more."""
    worker.adopt(issuer_of(provider))
    old = provider.token()
    assert isinstance(worker.judge(old), Principal)
    changes = worker.changes
    provider.rotate(2)
    assert isinstance(worker.judge(provider.token()), Principal)
    assert worker.changes == changes + 1, "what was remembered was not judged anew"
    assert reason(worker.judge(old)) == "auth.key"
    assert provider.asked == {DISCOVERY: 1, "/keys": 2}


def test_a_token_that_is_verified_stays_so_while_its_key_is_there(worker: Worker, provider: Issuing) -> None:
    """Others may come and go."""
    worker.adopt(issuer_of(provider))
    old = provider.token()
    assert isinstance(worker.judge(old), Principal)
    provider.rotate(2, keep=True)
    assert isinstance(worker.judge(provider.token()), Principal)
    assert isinstance(worker.judge(old), Principal)


def test_a_thousand_made_up_keys_cause_one_question(hire: Hire, provider: Issuing) -> None:
    """Of two workers together; and good tokens pass meanwhile."""
    first, second = hire().adopt(issuer_of(provider)), hire().adopt(issuer_of(provider))
    assert isinstance(first.judge(provider.token()), Principal)
    assert isinstance(second.judge(provider.token()), Principal)
    before = provider.asked["/keys"]
    for number in range(500):
        for worker in (first, second):
            token = provider.token(kid=f"made-up-{number}", key=rsa_key())
            assert reason(worker.judge(token)) == "auth.key"
    assert provider.asked["/keys"] - before == 1
    assert isinstance(first.judge(provider.token()), Principal)


def test_callers_that_come_together_wait_for_one_answer(worker: Worker, provider: Issuing) -> None:
    """As at a start, when all of them come back."""
    provider.wait = 0.1
    worker.adopt(issuer_of(provider))
    token = provider.token().encode()
    assert worker.issuer is not None
    terms = (worker.issuer.terms,)

    def judge() -> object:
        return worker.issuers.judge(
            token, terms, resource=RESOURCE, certificate=None, now=worker.now()
        )

    def together() -> Deferred[list[None]]:
        told: list[Deferred[None]] = [Deferred() for _ in range(200)]
        for one in told:
            pending = judge()
            pending.begin(lambda one=one: one.callback(None))  # type: ignore[attr-defined]
        return gatherResults(told)

    worker.loop.call(together)
    assert isinstance(worker.loop.call(judge), Principal)
    assert provider.asked == {DISCOVERY: 1, "/keys": 1}


def test_a_token_without_an_id_of_its_key_is_looked_for_once(worker: Worker, provider: Issuing) -> None:
    """Its issuer may have exchanged its only key."""
    worker.adopt(issuer_of(provider))
    assert isinstance(worker.judge(provider.token(kid=None, key=rsa_key(1), alg="RS256")), Refusal)
    provider.rotate(2)
    worker.shift = 31
    assert isinstance(worker.judge(provider.token(kid=None, key=rsa_key(2))), Principal)
    assert reason(worker.judge(provider.token(kid=None, key=rsa_key(3)))) == "auth.signature"


def test_an_issuer_that_is_not_accepted_here_is_told_as_that(worker: Worker, provider: Issuing) -> None:
    worker.adopt(issuer_of(provider))
    assert reason(worker.judge(provider.token(iss="https://else.test"))) == "auth.issuer"
    assert reason(worker.judge("opaque")) == "auth.malformed"


def test_another_configuration_of_the_same_issuer_keeps_its_keys(worker: Worker, provider: Issuing) -> None:
    """And judges what is known by what it says now."""
    worker.adopt(issuer_of(provider))
    token = provider.token()
    assert isinstance(worker.judge(token), Principal)
    worker.adopt(issuer_of(provider, algorithms=("ES256",)))
    assert reason(worker.judge(token)) == "auth.algorithm"
    worker.adopt(issuer_of(provider, max_lifetime=60.0))
    assert reason(worker.judge(token)) == "auth.lifetime"
    assert provider.asked["/keys"] == 1


def test_keys_that_were_found_in_another_way_are_not_taken_over(worker: Worker, provider: Issuing) -> None:
    """Other trust, another place: what was told then may not be the issuer's."""
    issuer = issuer_of(provider)
    worker.adopt(issuer)
    assert isinstance(worker.judge(provider.token()), Principal)
    worker.adopt(evolve(issuer, fingerprint=b"other"))
    assert isinstance(worker.judge(provider.token()), Principal)
    assert provider.asked["/keys"] == 2


def test_an_issuer_that_is_gone_is_asked_no_more(worker: Worker, provider: Issuing) -> None:
    worker.adopt(issuer_of(provider))
    token = provider.token()
    assert isinstance(worker.judge(token), Principal)
    issuer = worker.issuer
    worker.adopt()
    worker.issuer = issuer
    assert reason(worker.judge(token)) == "auth.issuer"


def test_reasons_are_those_of_the_pure_judgement(worker: Worker, provider: Issuing) -> None:
    """A hint that nothing is lost on the way; all of them are in test_claims.py and test_jose.py."""
    worker.adopt(issuer_of(provider))
    assert reason(worker.judge(provider.token(aud="https://else.test"))) == Reason.AUTH_AUDIENCE.value
    assert reason(worker.judge(provider.token(nonce="n", header={"typ": "JWT"}))) == "auth.type"
    assert reason(worker.judge(provider.token(key=rsa_key(7)))) == "auth.signature"
