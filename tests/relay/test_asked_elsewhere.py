"""Callers with tokens of an issuer's, at a running gate: how long they wait, what is recorded of them, and
what becomes of their streams when the issuer's keys change or cannot be had."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mcpgate.identity import introspection
from mcpgate.identity.issuers import Issuers
from mcpgate.identity.jose import TOKEN_MOST
from mcpgate.relay import inbound
from mcpgate.tls.localca import write_pair
from tests.identity.minting import base64url
from tests.provider.issuing import Issuing, answer
from tests.running import STREAM, Request, World, answer_json, call, chunked, event, held
from tests.waiting import eventually

URL = "https://localhost:8443"
RESOURCE = f"{URL}/mcp"


class Login:
    """A gate that is not started yet, and an issuer."""

    def __init__(self, world: World) -> None:
        self.world = world
        directory = world.directory
        pair = world.ca.server(["login.test"], datetime.now(UTC))
        write_pair(pair, directory / "login.crt", directory / "login.key")
        self.provider = Issuing(
            directory / "login.crt", directory / "login.key", host="login.test", resource=RESOURCE
        )

    def start(
        self, issuer: str = "", *, listener: str = "", route: str = "", upstream: str = "", limits: str = ""
    ) -> World:
        """Run the gate."""
        world = self.world
        text = world.config(
            listener=f'public_url = "{URL}"\n{listener}',
            upstream=upstream,
            more=f"""
[[issuer]]
name = "login"
issuer = "{self.provider.minter.issuer}"
address = "127.0.0.1:{self.provider.port}"
trust = "{world.authority}"
{issuer}
[[rule]]
name = "people"
who = {{ issuer = "login", subject = "ada" }}
verdict = "allow"
[limits]
{limits}
""",
        )
        text = text.replace('path = "/mcp"\n', f'path = "/mcp"\n{route}')
        return world.start(text)

    def token(self, **claims: Any) -> str:
        """A good token, unless told otherwise."""
        return self.provider.token(**claims)


@pytest.fixture
def login(world: World) -> Iterator[Login]:
    made = Login(world)
    yield made
    world.stop()
    made.provider.close()


@pytest.fixture
def opaque(login: Login, tmp_path: Path) -> World:
    """A gate that asks the issuer about opaque tokens."""
    (tmp_path / "secret").write_text("kept-by-the-gate")
    (tmp_path / "secret").chmod(0o600)
    return login.start(
        f'introspection = "https://login.test/introspect"\nclient_id = "gate"\n'
        f'client_secret = "file:{tmp_path / "secret"}"',
        upstream="connections = 1",
        limits='failures = 3\nfailures_period = "1h"\n',
    )


def knows(login: Login, token: str, **said: Any) -> None:
    """The issuer has given somebody an opaque token."""
    now = int(time.time())
    usual = {"active": True, "sub": "ada", "aud": RESOURCE, "iat": now, "exp": now + 60}
    login.provider.tokens[token] = usual | said


def bearing(token: str) -> str:
    """The header line."""
    return f"Authorization: Bearer {token}"


def get(token: str) -> bytes:
    """A request for a stream."""
    lines = ["GET /mcp HTTP/1.1", "Host: localhost", "Accept: text/event-stream", bearing(token)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def streaming(sock: ssl.SSLSocket, request: Request) -> None:
    """A stream that stays open for whoever asks for one."""
    if request.line.startswith(b"GET"):
        sock.sendall(STREAM + chunked(event(1)))
    else:
        answer_json(sock, request)


def test_a_caller_waits_for_the_keys_and_its_requests_keep_their_order(login: Login) -> None:
    """Two requests in one piece; both are answered when it is known who calls, the first one first."""
    login.provider.wait = 0.2
    world = login.start()
    token = login.token()
    with world.caller() as caller:
        for id in (1, 2):
            caller.send(world.post(call("greet", id), bearing(token), token=False))
        assert [caller.json()[1]["id"] for _ in range(2)] == [1, 2]
    assert login.provider.asked["/keys"] == 1
    opened = world.records("open")
    assert {
        key: opened[0][key] for key in ("principal", "how", "issuer", "subject", "rule")
    } == {"principal": "login/ada", "how": "jwt", "issuer": "login", "subject": "ada", "rule": "people"}
    journal = json.dumps(world.records())
    assert token not in journal and token.rpartition(".")[2] not in journal
    assert [line["what"] for line in world.records("issuer")] == ["keys"]
    assert {line["where"] for line in world.records("handshake") if line["leg"] == "provider"} == {"login"}


def test_the_longest_token_is_not_judged_for_each_call(login: Login) -> None:
    """Entra's grow with the groups of their subject, and a head that is remembered costs one look-up."""
    world = login.start()
    token = login.token(groups=[f"{number:036d}" for number in range(140)])
    assert 7000 < len(token) < TOKEN_MOST
    with world.caller() as caller:
        for id in range(3):
            caller.send(world.post(call("greet", id), bearing(token), token=False))
            assert caller.json()[0] == 200
    assert len(world.listening.heads) == 1


def test_a_caller_that_leaves_while_it_waits_is_missed_by_nobody(login: Login) -> None:
    login.provider.wait = 0.2
    world = login.start()
    with world.caller() as gone:
        gone.send(world.post(call("greet"), bearing(login.token()), token=False))
    with world.caller() as caller:
        caller.send(world.post(call("greet"), bearing(login.token()), token=False))
        assert caller.json()[0] == 200
    world.wait_for(lambda: not world.listening.connections)
    assert len(world.records("open")) == 1


def test_what_no_rule_is_about_is_as_unknown_to_callers_of_issuers(login: Login) -> None:
    """A good token is a name, not a permission."""
    world = login.start()
    with world.caller() as caller:
        caller.send(world.post(call("delete_all"), bearing(login.token(sub="bob")), token=False))
        _, body = caller.json()
    assert body["error"]["message"] == "Unknown tool: delete_all"


def test_an_issuer_that_cannot_be_asked_is_a_503_that_says_when_to_come_back(login: Login) -> None:
    """The gate's own tokens are as good as ever meanwhile."""
    login.provider.broken = answer(503, b"")
    world = login.start()
    with world.caller() as caller:
        caller.send(world.post(call("greet"), bearing(login.token()), token=False))
        status, headers, body = caller.answer()
    assert status == 503
    assert int(headers[b"retry-after"]) >= 1
    assert b"cannot be reached" in body and b"login" not in body
    with world.caller() as caller:
        assert caller.post(call("greet")).json()[0] == 200
    (closed, _) = world.closes(2)
    assert closed["reason"] == "auth.unavailable" and "503" in closed["detail"]
    assert world.status()["issuers"][0]["counting"] is False


def test_a_stream_ends_with_the_key_that_let_it_in(login: Login) -> None:
    """Somebody has taken the key back: whoever came by it is not served on, and others are."""
    world = login.start()
    world.upstream.behave = streaming
    old = login.token()
    with world.caller() as caller, world.caller() as other:
        caller.send(get(old)).read_head()
        caller.read_chunk()
        login.provider.rotate(2)
        new = login.token()
        other.send(get(new)).read_head()
        other.read_chunk()
        assert caller.read_chunk() == b""
        (closed,) = world.closes(1)
        assert closed["reason"] == "auth.key"
        world.look()
        assert len(world.records("close")) == 1, "the other stream ended, too"


def test_a_stream_ends_with_its_token(login: Login) -> None:
    world = login.start('skew = "0s"')
    world.upstream.behave = streaming
    with world.caller() as caller:
        caller.send(get(login.token(exp=int(time.time()) + 2))).read_head()
        caller.read_chunk()
        eventually(lambda: world.look() or world.records("close"), "it ends")
        assert caller.read_chunk() == b""
    assert world.closes(1)[0]["reason"] == "auth.expired"


def test_a_route_may_demand_tokens_that_are_bound_to_the_callers_certificate(
    login: Login, tmp_path: Path
) -> None:
    """Whoever steals one has no use for it."""
    world = login.start(
        listener=f'client_certificates = "optional"\nclient_ca = "{login.world.authority}"\n',
        route="bound = true\n",
    )
    own, other = (world.ca.client(name, datetime.now(UTC)) for name in ("ada", "eve"))
    for name, pair in (("own", own), ("other", other)):
        write_pair(pair, tmp_path / f"{name}.crt", tmp_path / f"{name}.key")
    bound = login.token(cnf={"x5t#S256": base64url(bytes.fromhex(own.facts.sha256))})
    for client, token, status in (
        ("own", bound, 200),
        ("other", bound, 401),
        ("", bound, 401),
        ("own", login.token(), 401),
    ):
        files = (tmp_path / f"{client}.crt", tmp_path / f"{client}.key") if client else None
        with world.caller(client=files) as caller:
            caller.send(world.post(call("greet"), bearing(token), token=False))
            assert caller.answer()[0] == status, client
    assert [line["reason"] for line in world.closes(4)] == [None, *["auth.binding"] * 3]


def test_an_opaque_token_is_asked_about_and_remembered(opaque: World, login: Login) -> None:
    world = opaque
    knows(login, "opaque-token")
    with world.caller() as caller:
        for _ in range(3):
            caller.send(world.post(call("greet"), bearing("opaque-token"), token=False))
            assert caller.json()[0] == 200
        caller.send(world.bare("GET").replace(world.token.encode(), b"made-up"))
        assert caller.answer()[0] == 401
    assert login.provider.asked["/introspect"] == 2
    opened = world.records("open")
    assert (opened[0]["how"], opened[0]["principal"]) == ("opaque", "login/ada")
    told = json.dumps([world.records(), world.status()])
    assert "opaque-token" not in told and "kept-by-the-gate" not in told


def test_whoever_makes_tokens_up_soon_has_nobody_asked_about_them(
    login: Login, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one address so many as may fail; a token that was good before is asked about all the same."""
    monkeypatch.setattr(introspection, "ACTIVE_GOOD", 0.2)
    (tmp_path / "secret").write_text("kept-by-the-gate")
    (tmp_path / "secret").chmod(0o600)
    lines = f"""introspection = "https://login.test/introspect"
client_id = "gate"
client_secret = "file:{tmp_path / "secret"}"
"""
    world = login.start(lines, limits="failures = 3\n")
    now = int(time.time())
    said = {"active": True, "sub": "ada", "aud": RESOURCE, "iat": now, "exp": now + 60}
    login.provider.tokens["good"] = said
    with world.caller() as caller:
        caller.send(world.post(call("greet"), bearing("good"), token=False))
        assert caller.json()[0] == 200
        statuses = []
        for number in range(10):
            caller.send(get(f"made-up-{number}"))
            statuses.append(caller.answer()[0])
        assert statuses == [401] * 3 + [429] * 7
        # The good one, those that may fail, and in each second one.
        asked = login.provider.asked["/introspect"]
        assert asked <= 6
        time.sleep(0.25)
        caller.send(world.post(call("greet", 2), bearing("good"), token=False))
        assert caller.json()[0] == 200
    assert login.provider.asked["/introspect"] == asked + 1


def test_whose_neighbour_fails_is_heard_all_the_same(opaque: World, login: Login) -> None:
    """A client goes on and on with a token that is over; another one at the same address has a new one."""
    knows(login, "new")
    assert [ask(opaque, "over") for _ in range(5)] == [401] * 3 + [429] * 2
    assert ask(opaque, "new") == 200
    page = "https://localhost:8443"
    with opaque.caller() as caller:
        caller.send(opaque.post(call("greet"), bearing("strange"), f"Origin: {page}", token=False))
        status, headers, _ = caller.answer()
    assert (status, headers[b"access-control-allow-origin"]) == (429, page.encode()), "no page can read it"
    assert {line["route"] for line in opaque.records("open")} == {"server"}
    assert ask(opaque, "over") == 429
    login.provider.rotate(2)
    eventually(lambda: ask(opaque, login.token()) == 200, "a new key is asked for")


def test_callers_with_one_opaque_token_may_be_asked_about_for_ever(
    opaque: World, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who finds, when it has waited, that the same head was judged for another one, has waited once: it
    does not add up until it is refused."""
    monkeypatch.setattr(introspection, "ACTIVE_GOOD", 0.2)
    login.provider.wait = 0.1
    knows(login, "opaque-token")
    with opaque.caller() as one, opaque.caller() as other:
        for number in range(1, 6):
            for caller in (one, other):
                caller.send(opaque.post(call("greet", number), bearing("opaque-token"), token=False))
            assert [caller.answer()[0] for caller in (one, other)] == [200, 200], number
            judged = time.time()
            eventually(lambda judged=judged: time.time() > judged + 0.2, "what was told is over")


def test_a_body_that_comes_when_the_proof_has_to_be_asked_for_again_waits(
    opaque: World, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was told of an opaque token holds for a minute, in which its body need not come."""
    monkeypatch.setattr(introspection, "ACTIVE_GOOD", 0.2)
    knows(login, "opaque-token")
    first, second = (
        opaque.post(call("greet", number), bearing("opaque-token"), token=False) for number in (1, 2)
    )
    with opaque.caller() as caller:
        caller.send(first[:-5])
        eventually(lambda: login.provider.asked.get("/introspect"), "it is asked about")
        asked = time.time()
        eventually(lambda: time.time() > asked + 0.4, "what was told is over")
        login.provider.wait = 0.1
        caller.send(first[-5:] + second)
        assert [caller.json()[1]["id"] for _ in range(2)] == [1, 2]
        caller.send(first[:-5])
        asked = time.time()
        eventually(lambda: time.time() > asked + 0.5, "what was told is over")
        login.provider.tokens.clear()
        caller.send(first[-5:])
        assert caller.answer()[0] == 401
    assert [line["reason"] for line in opaque.closes(3)] == [None, None, "auth.inactive"]


def ask(opaque: World, token: str) -> int:
    """The status of the answer to a call."""
    with opaque.caller() as caller:
        caller.send(opaque.post(call("greet"), bearing(token), token=False))
        return caller.answer()[0]


def test_a_stream_is_judged_again_when_that_is_due_and_no_sooner(
    opaque: World, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once for each answer: there may be thousands of streams, and they are looked at every few seconds."""
    opaque.upstream.behave = streaming
    monkeypatch.setattr(introspection, "ACTIVE_GOOD", 0.2)
    knows(login, "known")
    judged: list[float] = []
    real = Issuers.judge

    def judge(*arguments: Any, **named: Any) -> Any:
        judged.append(time.time())
        return real(*arguments, **named)

    with opaque.caller() as caller:
        caller.send(get("known")).read_head()
        caller.read_chunk()
        monkeypatch.setattr(introspection, "ACTIVE_GOOD", 60.0)
        monkeypatch.setattr(Issuers, "judge", judge)
        eventually(lambda: opaque.look() or login.provider.asked["/introspect"] == 2, "it is asked again")
        eventually(lambda: opaque.look() or not asking(opaque), "it is told")
        before = len(judged)
        for _ in range(10):
            opaque.look()
        assert len(judged) <= before + 1
        assert not opaque.records("close")


def test_a_stream_outlives_an_issuer_that_is_started_anew_and_no_outage(
    opaque: World, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For half a minute nobody has to know."""
    opaque.upstream.behave = streaming
    monkeypatch.setattr(introspection, "ACTIVE_GOOD", 0.2)
    monkeypatch.setattr(introspection, "PATIENCE", 0.05)
    monkeypatch.setattr(introspection, "PATIENCE_MOST", 0.05)
    knows(login, "known")

    def looked(times: int) -> None:
        before = login.provider.asked["/introspect"]
        eventually(
            lambda: opaque.look() or login.provider.asked["/introspect"] >= before + times, "it is asked"
        )

    with opaque.caller() as caller:
        caller.send(get("known")).read_head()
        caller.read_chunk()
        login.provider.broken = answer(503, b"")
        looked(3)
        login.provider.broken = None
        looked(3)
        assert not opaque.records("close")
        login.provider.broken = answer(503, b"")
        monkeypatch.setattr(inbound, "UNSURE_MOST", 0.3)
        eventually(lambda: opaque.look() or opaque.records("close"), "it ends")
        assert opaque.closes(1)[0]["reason"] == "auth.unavailable"


def test_a_stream_ends_when_its_issuer_says_that_its_token_is_over(
    opaque: World, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    opaque.upstream.behave = streaming
    monkeypatch.setattr(introspection, "ACTIVE_GOOD", 0.2)
    knows(login, "known")
    with opaque.caller() as caller:
        caller.send(get("known")).read_head()
        caller.read_chunk()
        del login.provider.tokens["known"]
        eventually(lambda: opaque.look() or opaque.records("close"), "it ends")
        assert caller.read_chunk() == b""
    assert opaque.closes(1)[0]["reason"] == "auth.inactive"


def asking(world: World) -> bool:
    """Whether the issuer is being asked about a token."""
    return bool(world.status()["issuers"][0]["introspection"]["asking"])


def test_who_does_not_wait_for_the_answer_has_failed(opaque: World, login: Login) -> None:
    """Else somebody could have the issuer asked for ever, and nobody would count."""
    login.provider.wait = 0.5
    for number in range(3):
        with opaque.caller() as caller:
            caller.send(opaque.post(call("greet"), bearing(f"made-up-{number}"), token=False))
            eventually(
                lambda number=number: login.provider.asked.get("/introspect", 0) == number + 1, "it is asked"
            )
    opaque.wait_for(lambda: not opaque.listening.connections)
    assert [ask(opaque, f"made-up-{number}") for number in (3, 4, 5)] == [429] * 3
    assert login.provider.asked["/introspect"] <= 5


def test_a_call_that_waits_for_a_connection_may_wait_for_its_proof_as_well(
    opaque: World, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys have changed meanwhile, of whichever issuer, so that it is judged again when it has one."""
    monkeypatch.setattr(introspection, "ACTIVE_GOOD", 0.2)
    knows(login, "opaque-token")
    with held(opaque.upstream) as release, opaque.caller() as one, opaque.caller() as two:
        one.post(call("greet"))
        opaque.wait_for(lambda: len(opaque.records("open")) == 1)
        for id in (1, 2):
            two.send(opaque.post(call("greet", id), bearing("opaque-token"), token=False))
        opaque.wait_for(lambda: opaque.status()["upstreams"][0]["connections"]["waiting"])
        asked = time.time()
        eventually(lambda: time.time() > asked + 0.3, "what was told is over")
        opaque.loop.call(opaque.listening.force.accepts.issuers._changed)  # type: ignore[union-attr]
        login.provider.wait = 0.1
        release()
        assert one.json()[0] == 200
        answers = [two.json() for _ in range(2)]
    assert [(status, body["id"]) for status, body in answers] == [(200, 1), (200, 2)]


def test_where_no_issuer_is_accepted_their_tokens_are_what_they_were(login: Login) -> None:
    """And where only issuers are, the gate's own."""
    world = login.start(listener='issuers = "none"')
    with world.caller() as caller:
        caller.send(world.post(call("greet"), bearing(login.token()), token=False))
        assert caller.answer()[0] == 401
    assert world.closes(1)[0]["reason"] == "auth.invalid"
    world.reload(
        world.config(listener=f'public_url = "{URL}"\ntokens = false')
        + f"""
[[issuer]]
name = "login"
issuer = "{login.provider.minter.issuer}"
address = "127.0.0.1:{login.provider.port}"
trust = "{world.authority}"
"""
    )
    with world.caller() as caller:
        caller.post(call("greet"))
        assert caller.answer()[0] == 401
    assert "only tokens of issuers" in world.closes(2)[1]["detail"]
    with world.caller() as caller:
        caller.send(world.post(call("greet"), bearing(login.token()), token=False))
        assert caller.answer()[0] == 200
