"""Opaque tokens, asked about at a real provider on TLS."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from attrs import evolve
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.internet.defer import Deferred, gatherResults

from mcpgate.credentials.assertion import Signer
from mcpgate.credentials.terms import Client
from mcpgate.identity import introspection
from mcpgate.identity.accepts import Pending
from mcpgate.identity.introspection import is_opaque
from mcpgate.identity.principal import Principal
from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.localca import certificate_pem
from tests import pki
from tests.identity.asking import RESOURCE, Worker, issuer_of, providing
from tests.identity.minting import Minter, ec_key
from tests.provider.asking import ROOT, Demand
from tests.provider.issuing import Issuing, answer
from tests.waiting import eventually

SECRET = "kept-by-the-gate"
CLIENT = Client("mcpgate", SECRET)
PLACE = {"introspection": "https://login.test/introspect", "client_id": "mcpgate"}


def knows(provider: Issuing, token: str = "opaque-1", **said: Any) -> str:
    """The provider has given somebody this token."""
    now = int(time.time())
    usual = {"active": True, "sub": "ada", "aud": RESOURCE, "iat": now, "exp": now + 600}
    provider.tokens[token] = {name: value for name, value in (usual | said).items() if value is not ...}
    return token


@pytest.fixture
def asking(worker: Worker, provider: Issuing) -> Worker:
    """A worker that may ask."""
    return worker.adopt(issuer_of(provider, CLIENT, **PLACE))


def refused(found: Principal | Refusal) -> Refusal:
    """The refusal that it is."""
    assert isinstance(found, Refusal), found
    return found


def asked(provider: Issuing) -> int:
    """How often it was asked about a token."""
    return provider.asked.get("/introspect", 0)


def test_an_active_token_proves_its_subject(asking: Worker, provider: Issuing) -> None:
    """Asked once in a minute, by a client that proves who it is."""
    token = knows(provider, scope="read", groups=["ops"])
    found = asking.judge(token)
    assert isinstance(found, Principal), found
    assert (found.name, found.how, found.issuer) == ("login/ada", "opaque", "login")
    assert (found.scopes, found.groups) == ({"read"}, ("ops",))
    assert token not in repr(found) and found.id not in ("", token)
    assert found.expires is not None and found.expires <= asking.now() + introspection.ACTIVE_GOOD
    assert asking.judge(token) == evolve(found)
    assert asked(provider) == 1
    (proof,) = provider.proofs
    assert proof["token"] == token and proof["token_type_hint"] == "access_token"
    assert proof["authorization"].startswith(b"Basic ")
    asking.shift = 61
    assert isinstance(asking.judge(token), Principal)
    assert asked(provider) == 2


def test_a_token_that_was_taken_back_is_refused_within_a_minute(asking: Worker, provider: Issuing) -> None:
    token = knows(provider)
    assert isinstance(asking.judge(token), Principal)
    del provider.tokens[token]
    asking.shift = 61
    assert refused(asking.judge(token)).reason is Reason.AUTH_INACTIVE


def test_what_a_token_says_is_judged_as_ever(asking: Worker, provider: Issuing) -> None:
    """Who told it is its issuer where the answer leaves that out, and nothing else is filled in."""
    now = int(time.time())
    for said, reason in (
        ({"iss": "https://else.test"}, Reason.AUTH_ISSUER),
        ({"aud": "https://else.test"}, Reason.AUTH_AUDIENCE),
        ({"aud": ...}, Reason.AUTH_AUDIENCE),
        ({"exp": now - 60}, Reason.AUTH_EXPIRED),
        ({"exp": ...}, Reason.AUTH_CLAIM),
        ({"exp": now + 90000}, Reason.AUTH_LIFETIME),
        ({"sub": ...}, Reason.AUTH_CLAIM),
        ({"nbf": now + 600}, Reason.AUTH_EARLY),
        ({"cnf": {"x5t#S256": "AA"}}, Reason.AUTH_BINDING),
        ({"token_use": "refresh_token"}, Reason.AUTH_TYPE),
        ({"typ": "Refresh"}, Reason.AUTH_TYPE),
        ({"token_use": "id_token"}, Reason.AUTH_TYPE),
        ({"token_type": "DPoP"}, Reason.AUTH_TYPE),
        ({"token_type": "refresh_token"}, Reason.AUTH_TYPE),
        ({"token_type": ["Bearer"]}, Reason.AUTH_TYPE),
    ):
        token = knows(provider, f"t-{reason.value}-{len(provider.tokens)}", **said)
        assert refused(asking.judge(token)).reason is reason, said
    assert isinstance(asking.judge(knows(provider, iss=provider.minter.issuer)), Principal)
    access = knows(provider, "access", token_use="access_token", token_type="Bearer")
    assert isinstance(asking.judge(access), Principal)


def test_a_token_ends_when_it_says(asking: Worker, provider: Issuing) -> None:
    token = knows(provider, exp=int(time.time()) + 5)
    found = asking.judge(token)
    assert isinstance(found, Principal) and found.expires is not None
    assert found.expires <= time.time() + 5


@pytest.mark.parametrize("active", [False, None, "true", 1, "yes", ...])
def test_only_what_is_said_to_be_active_is_accepted(
    asking: Worker, provider: Issuing, active: object
) -> None:
    found = refused(asking.judge(knows(provider, active=active)))
    wanted = Reason.AUTH_INACTIVE if active is False else Reason.AUTH_UNAVAILABLE
    assert found.reason is wanted


@pytest.mark.parametrize(
    "raw",
    [
        answer(200, b"[]"),
        answer(200, b'{"active": true, "active": false}'),
        answer(200, b"<html>"),
        answer(200, b'{"active": true, "sub": "' + b"a" * 70000 + b'"}'),
        answer(400, b'{"error": "invalid_request"}'),
        answer(500, b""),
        answer(302, b"", "Location: https://login.test/else"),
    ],
    ids=["list", "twice", "html", "huge", "400", "500", "redirect"],
)
def test_an_answer_that_is_none_lets_nobody_in(asking: Worker, provider: Issuing, raw: bytes) -> None:
    """And is tried again soon, as it may have been about this token only."""
    token = knows(provider)
    provider.broken = raw
    refusal = refused(asking.judge(token))
    assert refusal.reason is Reason.AUTH_UNAVAILABLE and refusal.retry_after
    provider.broken = None
    asking.shift = 6
    eventually(lambda: isinstance(asking.judge(token), Principal), "it is asked about again")


def test_an_issuer_that_cannot_be_asked_is_not_asked_by_everybody(
    asking: Worker, provider: Issuing
) -> None:
    """Told once, and mended as soon as it is."""
    provider.broken = answer(503, b"")
    before = sum(provider.asked.values())
    for number in range(50):
        refusal = refused(asking.judge(knows(provider, f"t-{number}")))
        assert refusal.reason is Reason.AUTH_UNAVAILABLE and refusal.retry_after
    assert sum(provider.asked.values()) - before <= 3
    lines = [json.loads(line) for line in asking.asker.records().splitlines()]
    told = [line for line in lines if line["type"] == "issuer" and "asked about" in (line["detail"] or "")]
    assert [line["what"] for line in told] == ["unreachable"]
    provider.broken = None
    eventually(lambda: isinstance(asking.judge(knows(provider)), Principal), "it is asked again")


def together(worker: Worker, tokens: list[str]) -> list[Principal | Refusal]:
    """Judge them all at once, as that many connections do."""
    assert worker.issuer is not None
    terms = (worker.issuer.terms,)

    def once(token: str) -> Any:
        return worker.issuers.judge(
            token.encode(), terms, resource=RESOURCE, certificate=None, now=worker.now()
        )

    async def judge(token: str) -> Principal | Refusal:
        for _ in range(3):
            found: Principal | Refusal | Pending = once(token)
            if not isinstance(found, Pending):
                return found
            told: Deferred[None] = Deferred()
            found.begin(lambda told=told: told.callback(None))
            await told
        raise AssertionError("asked too often")

    found: list[Principal | Refusal] = worker.loop.call(
        lambda: gatherResults([Deferred.fromCoroutine(judge(token)) for token in tokens])
    )
    return found


def test_a_token_is_asked_about_once_however_many_show_it(asking: Worker, provider: Issuing) -> None:
    provider.wait = 0.05
    found = together(asking, [knows(provider)] * 100)
    assert all(isinstance(one, Principal) for one in found)
    assert asked(provider) == 1


def test_a_storm_of_made_up_tokens_is_a_few_questions_at_a_time(
    asking: Worker, provider: Issuing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those beyond what can wait are told to come back, and what is known goes on."""
    monkeypatch.setattr(introspection, "QUEUE_MOST", 60)
    good = knows(provider)
    assert isinstance(asking.judge(good), Principal)
    flying, most = [0], [0]
    lock = threading.Lock()
    real = provider.server.behave

    def count(sock: Any, request: Any) -> None:
        with lock:
            flying[0] += 1
            most[0] = max(most[0], flying[0])
        try:
            time.sleep(0.002)
            real(sock, request)
        finally:
            with lock:
                flying[0] -= 1

    provider.server.behave = count
    room = introspection.FLIGHTS_MOST + introspection.QUEUE_MOST
    reasons = [refused(one).reason for one in together(asking, [f"made-up-{n}" for n in range(room + 200)])]
    assert reasons.count(Reason.AUTH_INACTIVE) == room
    assert reasons.count(Reason.AUTH_UNAVAILABLE) == 200
    assert most[0] <= introspection.FLIGHTS_MOST
    before = asked(provider)
    assert isinstance(asking.judge(good), Principal)
    assert refused(asking.judge("made-up-5")).reason is Reason.AUTH_INACTIVE
    assert asked(provider) == before, "what is known was asked again"
    facts = asking.facts()["introspection"]
    assert facts["asking"] == 0 and facts["asked"] == before


def test_what_is_remembered_is_bounded(asking: Worker, provider: Issuing) -> None:
    """What somebody makes up does not drive out what is active."""
    inside = asking.issuers._introspections["login"]
    good = knows(provider)
    assert isinstance(asking.judge(good), Principal)
    inactive = inside._read(b'{"active": false}', time.time())
    for number in range(introspection.INACTIVE_MOST + 10):
        inside._flights[b"%d" % number] = introspection._Flight(b"", 0.0)
        inside._flying += 1
        inside._landed(inactive, b"%d" % number)
    assert len(inside._inactive) == introspection.INACTIVE_MOST
    assert len(inside._active) == 1


def misbehaving(provider: Issuing, raw: bytes, *tokens: str) -> None:
    """When it is asked about one of these tokens it answers so, or not at all."""
    real = provider.server.behave

    def behave(sock: Any, request: Any) -> None:
        if any(f"token={quote(token, safe='')}&".encode() in request.body for token in tokens):
            sock.sendall(raw)
            sock.close()
        else:
            real(sock, request)

    provider.server.behave = behave


@pytest.mark.parametrize("raw", [answer(403, b""), answer(503, b""), b""], ids=["403", "503", "nothing"])
def test_what_a_made_up_token_does_to_its_issuer_is_nobody_elses_trouble(
    asking: Worker, provider: Issuing, raw: bytes
) -> None:
    """A firewall before the issuer may dislike what one looks like, and whoever knows that needs only one."""
    assert isinstance(asking.judge(knows(provider, "good-1")), Principal)
    evil = [f"../../etc/passwd{number}" for number in range(3)]
    misbehaving(provider, raw, *evil)
    for number, token in enumerate(evil):
        assert refused(asking.judge(token)).reason is Reason.AUTH_UNAVAILABLE
        assert isinstance(asking.judge(knows(provider, f"good-2{number}")), Principal)
    assert "unreachable" not in asking.asker.records().decode()


def test_an_issuer_that_has_nothing_to_say_of_good_tokens_cannot_be_asked(
    asking: Worker, provider: Issuing
) -> None:
    """Who knows the token knows that it is not the token's fault."""
    assert isinstance(asking.judge(knows(provider, "good-1")), Principal)
    asking.shift = 61
    provider.broken = answer(403, b"")
    assert refused(asking.judge("good-1")).reason is Reason.AUTH_UNAVAILABLE
    before = asked(provider)
    assert refused(asking.judge("made-up")).reason is Reason.AUTH_UNAVAILABLE
    assert asked(provider) == before and "unreachable" in asking.asker.records().decode()


def test_a_token_that_was_active_is_asked_about_before_those_that_somebody_makes_up(
    asking: Worker, provider: Issuing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a flood of them would end the streams of all others within a minute."""
    monkeypatch.setattr(introspection, "QUEUE_MOST", 60)
    good = knows(provider)
    assert isinstance(asking.judge(good), Principal)
    asking.shift = 61
    room = introspection.FLIGHTS_MOST + introspection.QUEUE_MOST
    *_, last = together(asking, [*(f"made-up-{number}" for number in range(room)), good])
    assert isinstance(last, Principal)
    order = [proof["token"] for proof in provider.proofs[1:]]
    assert order.index(good) <= 2 * introspection.FLIGHTS_MOST


def test_nobody_waits_for_long_behind_what_somebody_makes_up(
    asking: Worker, provider: Issuing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An issuer that takes its time over each is not asked about all of them."""
    monkeypatch.setattr(introspection, "QUEUED_MOST", 0.2)
    provider.wait = 0.15
    found = together(asking, [f"made-up-{number}" for number in range(60)])
    reasons = [refused(one).reason for one in found]
    assert reasons[0] is Reason.AUTH_INACTIVE and reasons[-1] is Reason.AUTH_UNAVAILABLE
    assert asked(provider) <= 3 * introspection.FLIGHTS_MOST


def test_a_clock_that_is_set_back_makes_no_answer_count_for_longer(
    asking: Worker, provider: Issuing
) -> None:
    """Neither the answer, nor what was made of it by whoever remembers the caller."""
    token = knows(provider, iat=1, nbf=1, exp=int(time.time()) + 600)
    asking.adopt(issuer_of(provider, CLIENT, **PLACE, max_lifetime=1e10))
    assert isinstance(asking.judge(token), Principal)
    changes = asking.changes
    del provider.tokens[token]
    asking.shift = -3600
    eventually(lambda: asking.changes > changes, "all is judged anew")
    assert refused(asking.judge(token)).reason is Reason.AUTH_INACTIVE


def test_what_another_issuer_said_does_not_come_late(asking: Worker, provider: Issuing) -> None:
    """The question was on its way when another issuer, or another client, was configured."""
    provider.wait = 0.3
    token = knows(provider)
    assert asking.issuer is not None
    terms = (asking.issuer.terms,)

    def once() -> Any:
        return asking.issuers.judge(
            token.encode(), terms, resource=RESOURCE, certificate=None, now=asking.now()
        )

    told = threading.Event()
    asking.loop.call(lambda: once().begin(told.set))
    eventually(lambda: asked(provider), "it is asked")
    asking.adopt(issuer_of(provider, CLIENT, **{**PLACE, "client_id": "other"}))
    assert told.wait(5)
    assert isinstance(asking.loop.call(once), Pending)


def test_the_gate_may_prove_itself_by_what_it_signs(worker: Worker, provider: Issuing) -> None:
    """By private_key_jwt, for this endpoint and for two minutes."""
    pem = ec_key(5).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    worker.adopt(issuer_of(provider, Client("mcpgate", signer=Signer.read(pem)), **PLACE))
    assert isinstance(worker.judge(knows(provider)), Principal)
    (proof,) = provider.proofs
    assert proof["authorization"] is None
    assert proof["client_assertion_type"].endswith("jwt-bearer")
    assert proof["client_assertion"].count(".") == 2


def test_the_gate_may_prove_itself_by_its_certificate(
    hire: Callable[[], Worker], tmp_path: Path
) -> None:
    """RFC 8705: the id says whose certificate it is."""
    client = ROOT.issue("gate.test", usage=pki.FOR_CLIENTS)
    (tmp_path / "ca.pem").write_bytes(certificate_pem(ROOT.certificate))
    with providing(tmp_path, clients=tmp_path / "ca.pem") as provider:
        issuer = issuer_of(provider, Client("mcpgate"), **PLACE)
        peer = evolve(Demand(pair=client).terms(provider.port), table=issuer.table)
        worker = hire().adopt(evolve(issuer, peer=peer))
        assert isinstance(worker.judge(knows(provider)), Principal)
        assert provider.proofs[0]["client_id"] == "mcpgate"
        stranger = evolve(issuer, peer=evolve(Demand().terms(provider.port), table=issuer.table))
        other = hire().adopt(stranger)
        assert refused(other.judge(knows(provider))).reason is Reason.AUTH_UNAVAILABLE


def test_signed_tokens_are_verified_and_not_asked_about(asking: Worker, provider: Issuing) -> None:
    assert isinstance(asking.judge(provider.token()), Principal)
    assert asked(provider) == 0


def test_no_secret_is_in_what_is_told(asking: Worker, provider: Issuing) -> None:
    """Neither the token, nor what the gate proves itself by."""
    assert asking.issuer is not None
    pending = asking.issuers.judge(
        b"opaque-9", (asking.issuer.terms,), resource=RESOURCE, certificate=None, now=asking.now()
    )
    assert isinstance(pending, Pending) and "opaque-9" not in repr(pending)
    provider.broken = answer(401, f"{SECRET} opaque-9".encode())
    refusal = refused(asking.judge("opaque-9"))
    told = f"{refusal} {asking.facts()} {asking.asker.records()!r} {CLIENT!r}"
    assert SECRET not in told and "opaque-9" not in told


@pytest.mark.parametrize(
    ("bearer", "opaque"),
    [
        (b"2YotnFZFEjr1zCsicMWpAA", True),
        (b"a.b", True),
        (b"~+/-._==", True),
        (Minter().mint(), False),
        (Minter().mint(raw_header=b'{\n  "alg": "RS256", "kid": "k1"\n}'), False),
        (Minter().mint(raw_header=b'{\r\n  "alg": "RS256", "kid": "k1"\r\n}'), False),
        (b"mcpgate_0123456789ab_x", False),
        (b"mcpgate_s_x", False),
        (b"", False),
        (b"a b", False),
        (b"\xff", False),
        (b"x" * 4097, False),
    ],
)
def test_what_may_be_asked_about(bearer: bytes, opaque: bool) -> None:
    assert is_opaque(bearer) is opaque
