"""What the gate serves itself, through a running gate over TLS: to anybody, bounded, and on record."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcpgate.evidence.journal import JournalError
from mcpgate.generation import Generation, ListenerTerms, RouteTerms
from mcpgate.identity.principal import Principal
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay import answer, own
from mcpgate.relay.exchange import Exchange
from mcpgate.relay.own import Own, Served
from tests.relay.foreign import LISTENER, SERVER, issuer
from tests.running import Caller, World

METADATA = "/.well-known/oauth-protected-resource"
SCOPED = """
[[rule]]
name = "writes"
verdict = "allow"
on = { method = "tools/call", name = "put_*" }
require = { scope = ["tools:write", "mcp"] }
[[rule]]
name = "only-tried"
verdict = "allow"
require = { scope = "later" }
shadow = true
"""
TWO = '[[route]]\npath = "/other"\nupstream = "server"\nname = "other"\nscopes = ["mcp"]\n'


@pytest.fixture
def guided(world: World) -> World:
    """A gate that accepts tokens of an issuer's."""
    return world.start(world.config(listener=LISTENER, more=SCOPED + issuer()))


def ask(caller: Caller, path: str, *lines: str, method: str = "GET", host: str = "localhost") -> Any:
    """Ask without any proof, and what the answer is."""
    caller.send("\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *lines, "", ""]).encode())
    return caller.read_head() if method == "HEAD" else caller.answer()


def test_a_routes_metadata_say_where_its_tokens_come_from(guided: World) -> None:
    """To anybody, for a short while, with the scopes of its rules; nothing reaches the upstream."""
    with guided.caller() as caller:
        status, headers, body = ask(caller, f"{METADATA}/mcp")
        assert (status, headers[b"content-type"]) == (200, b"application/json")
        assert headers[b"cache-control"] == b"max-age=60"
        assert json.loads(body) == {
            "resource": "https://localhost:8443/mcp",
            "authorization_servers": [SERVER],
            "bearer_methods_supported": ["header"],
            "resource_name": "server",
            "scopes_supported": ["mcp", "tools:write"],
        }
        # The connection lives on.
        assert ask(caller, METADATA)[2] == body
    assert guided.upstream.connections == 0


def test_the_record_has_its_lines(guided: World) -> None:
    """With what was asked for, and by nobody in particular."""
    with guided.caller() as caller:
        ask(caller, f"{METADATA}/mcp")
    guided.closes(1)
    (opened,), (closed,) = guided.records("open"), guided.records("close")
    assert (opened["own"], opened["http"], opened["route"]) == ("metadata", "GET", "server")
    assert (opened["principal"], opened["method"], opened["verdict"]) == (None, None, None)
    assert (closed["outcome"], closed["status"], closed.get("reason")) == ("completed", 200, None)


@pytest.mark.parametrize("sent", ["gate.test", "gate.test:9999", "GATE.test"])
def test_the_resource_is_what_was_dialled_and_never_by_the_port_of_a_host_header(
    guided: World, sent: str
) -> None:
    """The name is one of the listener's; the port is that of its public URL."""
    with guided.caller(sni="gate.test") as caller:
        said = json.loads(ask(caller, f"{METADATA}/mcp", host=sent)[2])
    assert said["resource"] == "https://gate.test:8443/mcp"


def test_a_head_is_answered_without_a_body(guided: World) -> None:
    with guided.caller() as caller:
        status, headers = ask(caller, f"{METADATA}/mcp", method="HEAD")
        assert status == 200 and int(headers[b"content-length"]) > 0
        # Nothing came behind it, or this would not be read.
        assert ask(caller, f"{METADATA}/mcp")[0] == 200


@pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(guided: World, method: str) -> None:
    """With those that there are."""
    with guided.caller() as caller:
        lines = ["Content-Length: 0"] if method == "POST" else []
        status, headers, _ = ask(caller, f"{METADATA}/mcp", *lines, method=method)
    assert (status, headers[b"allow"]) == (405, b"GET, HEAD")


def test_a_listener_names_only_whose_tokens_it_accepts(world: World) -> None:
    """Of all issuers that there are, in their order."""
    more = issuer().replace("login", "other") + issuer() + issuer().replace("login", "third")
    world.start(world.config(listener=f'{LISTENER}\nissuers = ["third", "other"]', more=more))
    with world.caller() as caller:
        said = json.loads(ask(caller, f"{METADATA}/mcp")[2])
    assert said["authorization_servers"] == [SERVER.replace("login", name) for name in ("other", "third")]


@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        f"{METADATA}/other",
        f"{METADATA}/mcp/more",
        f"{METADATA}/mcp/",
        f"{METADATA}/mcp?session=x",
        f"{METADATA}/",
        f"{METADATA}s",
    ],
)
def test_of_what_there_is_not_nothing_is_said(guided: World, path: str) -> None:
    """404, and never a redirect: clients go on to the next place."""
    with guided.caller() as caller:
        status, headers, body = ask(caller, path)
    assert (status, b"location" in headers) == (404, False)
    assert json.loads(body)["error"]["data"]["reason"] == "route.unknown"


@pytest.mark.parametrize("listener", [LISTENER, f'{LISTENER}\nissuers = "none"'])
def test_where_no_issuer_is_accepted_there_is_nothing_to_say(world: World, listener: str) -> None:
    """Nobody is sent anywhere."""
    world.start(world.config(listener=listener, more=issuer() if "none" in listener else ""))
    with world.caller() as caller:
        assert ask(caller, f"{METADATA}/mcp")[0] == 404


def test_with_two_routes_the_root_is_nobodys(world: World) -> None:
    """Each has its own metadata, with its own scopes."""
    world.start(world.config(listener=LISTENER, more=TWO + issuer()))
    with world.caller() as caller:
        assert ask(caller, METADATA)[0] == 404
        said = json.loads(ask(caller, f"{METADATA}/other")[2])
        assert said["scopes_supported"] == ["mcp"]
        assert said["resource"] == "https://localhost:8443/other"
        assert "scopes_supported" not in json.loads(ask(caller, f"{METADATA}/mcp")[2])


def test_pages_may_read_it_as_they_may_call(guided: World) -> None:
    """A client in a browser asks first, then reads; the page of a stranger does neither."""
    with guided.caller() as caller:
        page = "Origin: https://app.test"
        asking = "Access-Control-Request-Method: GET"
        status, headers, _ = ask(caller, f"{METADATA}/mcp", page, asking, method="OPTIONS")
        assert (status, headers[b"access-control-allow-origin"]) == (204, b"https://app.test")
        status, headers, _ = ask(caller, f"{METADATA}/mcp", page)
        assert (status, headers[b"access-control-allow-origin"]) == (200, b"https://app.test")
        assert ask(caller, f"{METADATA}/mcp", "Origin: https://evil.test")[0] == 403


# Places with a body.

JOE = Principal("login/joe", "saml", "01", None, issuer="login", subject="joe")


class Form:
    """A place that takes a short body, and says what it was."""

    name = "form"
    methods = (b"POST",)
    most = 64
    route: RouteTerms | None = None
    refusing: Refusal | None = None

    def serve(self, own: Own, body: bytes, exchange: Exchange) -> Served | Refusal:
        if body == b"refuse":
            return Refusal(Reason.AUTH_UNAVAILABLE)
        raw = answer.own_bytes(400 if self.refusing else 200, {"body": body.decode()}, b"no-store")
        return Served(raw, self.refusing, JOE if body == b"give" else None)


FORM = Form()


@pytest.fixture
def formed(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A gate with such a place."""

    def find(path: bytes, host: str, terms: ListenerTerms, generation: Generation) -> own.Place | None:
        return FORM if path == b"/form" else None

    monkeypatch.setattr(own, "_find", find)
    return world.start(world.config(gate="", more="").replace("[[listener]]", LIMITS + "[[listener]]"))


LIMITS = '[limits]\nfailures = 2\nfailures_period = "1h"\n'


def post(body: bytes, *lines: str) -> bytes:
    head = ["POST /form HTTP/1.1", "Host: localhost", "Content-Type: application/x-www-form-urlencoded"]
    return "\r\n".join([*head, *lines, "", ""]).encode() + body


def test_a_body_comes_whole_however_it_is_cut(formed: World) -> None:
    """In one piece, in two, in chunks, or after it was asked for."""
    with formed.caller() as caller:
        assert caller.send(post(b"a=1", "Content-Length: 3")).json() == (200, {"body": "a=1"})
        caller.send(post(b"a=", "Content-Length: 3"))
        assert caller.send(b"2").json() == (200, {"body": "a=2"})
        caller.send(post(b"2\r\na=\r\n", "Transfer-Encoding: chunked"))
        assert caller.send(b"1\r\n3\r\n0\r\n\r\n").json() == (200, {"body": "a=3"})
        caller.send(post(b"", "Content-Length: 3", "Expect: 100-continue"))
        assert caller.read_head()[0] == 100
        assert caller.send(b"a=4").json() == (200, {"body": "a=4"})
    assert formed.closes(4)[-1]["bytes_in"] == 3
    assert {record["own"] for record in formed.records("open")} == {"form"}


@pytest.mark.parametrize("lines", [["Content-Length: 65"], ["Transfer-Encoding: chunked"]])
def test_a_body_that_is_too_large_is_refused_before_it_is_read(formed: World, lines: list[str]) -> None:
    """By what the place takes, which is far less than a route."""
    with formed.caller() as caller:
        status, said = caller.send(post(b"41\r\n", *lines)).json()
        assert (status, said["error"]["data"]["reason"]) == (413, "frame.body_size")
        assert caller.closed()


def test_what_a_place_refuses_is_told_counted_and_on_record(formed: World) -> None:
    """In its own words or in the gate's; who fails too often waits."""
    with formed.caller() as caller:
        assert caller.send(post(b"refuse", "Content-Length: 6")).json()[0] == 503
        FORM.refusing = Refusal(Reason.AUTH_REPLAYED, "seen before")
        try:
            told = [caller.send(post(b"x", "Content-Length: 1")).json() for _ in range(3)]
        finally:
            FORM.refusing = None
    assert [status for status, _ in told] == [400, 400, 429]
    assert told[0][1] == {"body": "x"}
    reasons = [record["reason"] for record in formed.closes(4)]
    assert reasons == ["auth.unavailable", "auth.replayed", "auth.replayed", "limit.failures"]


def test_what_somebody_is_given_is_on_record_first(formed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With who it is; while nothing can be written, nothing is given."""
    assert formed.gate is not None and formed.gate.force is not None
    with formed.caller() as caller:
        assert caller.send(post(b"give", "Content-Length: 4")).json()[0] == 200
        formed.closes(1)
        assert formed.records("open")[0]["principal"] == "login/joe"
        journal = formed.gate.force.witness.journal
        append = journal.append

        def fail(lines: bytes) -> None:
            raise JournalError("the disk is full")

        monkeypatch.setattr(journal, "append", fail)
        status, said = caller.send(post(b"give", "Content-Length: 4")).json()
        assert (status, said["error"]["data"]["reason"]) == (503, "gate.journal")
        monkeypatch.setattr(journal, "append", append)
        assert caller.send(post(b"give", "Content-Length: 4")).json()[0] == 200


def test_a_path_that_becomes_the_gates_own_while_a_body_comes_is_no_route(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither is asked with what was meant for the other."""
    world.start()
    message = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()
    with world.caller() as caller:
        caller.send(world.post(message)[:-5])
        world.wait_for(lambda: any(each.busy for each in world.listening.connections))
        monkeypatch.setattr(own, "_find", lambda *_: FORM)
        world.reload(world.config(more="# another\n"))
        status, said = caller.send(message[-5:]).json()
    assert (status, said["error"]["data"]["reason"]) == (404, "route.unknown")
