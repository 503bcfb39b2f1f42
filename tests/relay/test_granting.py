"""The token endpoint, through a running gate: an assertion becomes a token, once, and no other does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.hashes import SHA256

from mcpgate.config.problem import ConfigError
from mcpgate.identity.denied import Denied
from mcpgate.identity.once import Once
from mcpgate.reasons import Reason
from mcpgate.relay import granting
from mcpgate.wire.oauth import SAML_GRANT
from tests.identity.saml.provider import ENTITY, assertion, metadata, signer
from tests.relay.test_exchange import file_size_limit
from tests.running import Caller, World

URL = "https://localhost:8443"
TOKEN = f"{URL}/token"
LISTENER = f'public_url = "{URL}"'
SAML = """
[[saml]]
name = "corp"
metadata = "{metadata}"
groups = "groups"
"attribute.mail" = "urn:mail"
scopes = ["mcp", "tools:write"]
"""
MORE = """
[[route]]
path = "/other"
upstream = "server"
name = "other"
[[rule]]
name = "developers"
who = { issuer = "corp", group = "dev", "claim.mail" = "*@example.org" }
on = { method = "tools/call", name = "deploy" }
verdict = "allow"
"""


@pytest.fixture
def vouched(world: World) -> World:
    """A gate that takes the word of an identity provider."""
    return start(world)


def start(world: World, saml: str = "", more: str = MORE, limits: str = "") -> World:
    """Run a gate whose [[saml]] table has these lines more."""
    path = world.directory / "corp.xml"
    path.write_bytes(metadata(signer()))
    text = world.config(listener=LISTENER, more=f"{limits}{SAML.format(metadata=path)}{saml}{more}")
    return world.start(text)


def good(**said: Any) -> bytes:
    """An assertion for this gate, of this moment, that was never used."""
    told = {"recipient": TOKEN, "audience": TOKEN, "id": f"_{uuid4().hex}", "now": time.time()}
    return assertion(said.pop("by", None), **(told | said))


def form(raw: bytes | None, **more: Any) -> bytes:
    """The request for it."""
    fields = {"grant_type": SAML_GRANT}
    if raw is not None:
        fields["assertion"] = urlsafe_b64encode(raw).rstrip(b"=").decode()
    return urlencode(fields | more, doseq=True).encode()


def ask(caller: Caller, body: bytes, *lines: str, path: str = "/token", kind: str = "") -> tuple[int, Any]:
    """POST a form, without any proof."""
    kind = kind or "application/x-www-form-urlencoded"
    form_lines = [f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    head = "\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", *form_lines, *lines, "", ""])
    caller.send(head.encode() + body)
    status, headers, answer = caller.answer()
    assert headers[b"cache-control"] == b"no-store"
    return status, json.loads(answer)


def use(caller: Caller, token: str, name: str = "deploy", path: str = "/mcp") -> tuple[int, Any]:
    """Call a tool with a token."""
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name}}
    caller.post(message, f"Authorization: Bearer {token}", token=False, path=path)
    return caller.json()


def written(world: World) -> str:
    """All of the journal, as text."""
    world.records()
    return "".join(path.read_text() for path in (world.state / "journal").glob("*.jsonl"))


def used(world: World, token: str, path: str = "/mcp") -> int:
    """The status of a call of which all may make, on a connection of its own: with a refusal it may end."""
    with world.caller() as caller:
        return use(caller, token, "get_x", path)[0]


SAID = {"groups": ["dev"], "urn:mail": ["alice@example.org"]}


def test_a_saml_assertion_becomes_a_token_with_which_its_subject_calls(vouched: World) -> None:
    """It carries the groups and attributes that rules ask for; the record names both, and no token."""
    raw = good(attributes=SAID)
    with vouched.caller() as caller:
        status, said = ask(caller, form(raw))
        assert (status, said["token_type"], said["scope"]) == (200, "Bearer", "mcp tools:write")
        assert said["access_token"].startswith("mcpgate_s_") and 890 <= said["expires_in"] <= 900
        status, answer = use(caller, said["access_token"])
        assert (status, answer["result"]) == (200, {})
    vouched.closes(2)
    granted, called = vouched.records("open")
    assert (granted["own"], granted["http"]) == ("token", "POST")
    for opened in (granted, called):
        assert (opened["principal"], opened["how"]) == ("corp/alice@example.org", "saml")
        assert (opened["issuer"], opened["subject"]) == ("corp", "alice@example.org")
    assert granted["proof"] == called["proof"] and len(granted["proof"]) == 64
    journal = written(vouched)
    assert said["access_token"] not in journal and urlsafe_b64encode(raw).decode()[:60] not in journal


def test_what_its_identity_provider_does_not_say_is_not_in_a_saml_token(vouched: World) -> None:
    """Without the group, the rule is not about it."""
    with vouched.caller() as caller:
        _, said = ask(caller, form(good(attributes={"groups": ["ops"]})))
        _, answer = use(caller, said["access_token"])
        assert answer["error"]["message"] == "Unknown tool: deploy"
        # What all may, it may.
        assert use(caller, said["access_token"], "get_x")[1]["result"] == {}


def test_a_saml_assertion_is_used_once(vouched: World) -> None:
    """The second time it is refused, whatever else is asked for with it."""
    raw = good()
    with vouched.caller() as caller:
        assert ask(caller, form(raw))[0] == 200
        status, said = ask(caller, form(raw, scope="mcp"))
    assert (status, said["error"]) == (400, "invalid_grant")
    vouched.closes(2)
    assert [line.get("reason") for line in vouched.records("close")] == [None, "auth.replayed"]


def test_a_saml_assertion_that_is_refused_for_its_request_can_be_used_still(vouched: World) -> None:
    """A scope or resource that there is not: whoever mends that needs no other assertion."""
    raw = good()
    with vouched.caller() as caller:
        assert ask(caller, form(raw, scope="root"))[1]["error"] == "invalid_scope"
        assert ask(caller, form(raw, resource=f"{URL}/nothing"))[1]["error"] == "invalid_target"
        assert ask(caller, form(raw))[0] == 200


#: What is no request for a token: what RFC 6749 calls it, and the record.
REQUESTS = [
    (b"", "invalid_request", "auth.request"),
    (b"grant_type=%zz", "invalid_request", "auth.request"),
    (b"grant_type=client_credentials", "unsupported_grant_type", "auth.request"),
    (form(None), "invalid_request", "auth.request"),
    (form(None, assertion=""), "invalid_request", "auth.request"),
    (form(None, assertion="PHg+"), "invalid_request", "auth.request"),
    (form(None, assertion="PHgv/g"), "invalid_request", "auth.request"),
    (form(None, assertion="PHgvQ"), "invalid_request", "auth.request"),
    (form(None, assertion="PHgvPh"), "invalid_request", "auth.request"),
    (form(b"<x/>") + b"&assertion=PHg", "invalid_request", "auth.request"),
    (form(b"<x/>") + b"&grant_type=x", "invalid_request", "auth.request"),
    (form(b"<x/>", scope='a"b'), "invalid_scope", "auth.request"),
    (form(b"<x/>", resource="http://localhost:8443/mcp"), "invalid_target", "auth.request"),
    (form(b"<x/>", resource="https://localhost/mcp"), "invalid_target", "auth.request"),
    (form(b"<x/>", resource="https://evil.test:8443/mcp"), "invalid_target", "auth.request"),
    (form(b"<x/>", resource="https://LOCALHOST:8443/mcp"), "invalid_target", "auth.request"),
    (form(b"<x/>", resource=f"{URL}/mcp#x"), "invalid_target", "auth.request"),
    (form(b"<x/>"), "invalid_grant", "auth.type"),
    (form(b"\xff\xfe"), "invalid_grant", "auth.malformed"),
]


def test_a_request_that_is_none_is_told_what_it_lacks(vouched: World) -> None:
    """In the words of RFC 6749; what exactly it was is in the record."""
    for number, (body, error, reason) in enumerate(REQUESTS, 1):
        with vouched.caller() as caller:
            status, said = ask(caller, body)
        assert (status, said["error"]) == (400, error) and said["error_description"], body
        closed = vouched.closes(number)[-1]
        assert (closed["reason"], closed["status"]) == (reason, 400), body


def test_what_is_no_form_is_not_looked_at(vouched: World) -> None:
    """By its type, its coding or its size; and nothing but a POST is served."""
    with vouched.caller() as caller:
        assert ask(caller, form(good()), kind="application/json")[1]["error"] == "invalid_request"
        assert ask(caller, form(good()), "Content-Encoding: gzip")[1]["error"] == "invalid_request"
        caller.send(b"GET /token HTTP/1.1\r\nHost: localhost\r\n\r\n")
        status, headers, _ = caller.answer()
        assert (status, headers[b"allow"]) == (405, b"POST")
        caller.send(b"POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n")
        assert caller.answer()[0] == 413


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"recipient": "https://localhost/token"}, "auth.place"),
    ({"audience": "urn:other"}, "auth.audience"),
    ({"ends": -60.0, "begins": -600.0}, "auth.expired"),
    ({"issuer": "https://other.example.org"}, "auth.issuer"),
    ({"by": signer("mallory")}, "auth.signature"),
    ({"subject": "alice@example.org<!---->"}, "auth.malformed"),
]


def test_a_wrong_saml_assertion_is_refused_on_record(vouched: World) -> None:
    """The caller hears that it is not accepted, the record says why, and neither quotes it."""
    for number, (said, reason) in enumerate(WRONG, 1):
        with vouched.caller(source=f"127.0.0.{number}") as caller:
            status, answer = ask(caller, form(good(**said)))
        assert (status, answer["error"]) == (400, "invalid_grant")
        closed = vouched.closes(number)[-1]
        assert closed["reason"] == reason and closed["detail"]
    assert "alice" not in written(vouched)


def test_a_saml_token_is_for_the_resources_that_it_was_asked_for(vouched: World) -> None:
    """By their URLs, also under another name of the listener; without any, for all routes."""
    both = [f"{URL}/mcp", f"{URL}/other"]
    with vouched.caller() as caller:
        for asked, expected in ((f"{URL}/mcp", [200, 401]), (both, [200, 200]), ([], [200, 200])):
            _, said = ask(caller, form(good(), resource=asked))
            token = said["access_token"]
            assert [used(vouched, token, path) for path in ("/mcp", "/other")] == expected
        assert ask(caller, form(good(), resource="https://gate.test:8443/mcp"))[0] == 200
    reasons = [line["reason"] for line in vouched.records("close") if line.get("reason")]
    assert reasons == ["auth.audience"]


def test_a_saml_table_names_the_routes_of_its_tokens(world: World) -> None:
    """They are good for no other, and cannot be asked for another."""
    start(world, 'routes = ["other"]\n')
    with world.caller() as caller:
        assert ask(caller, form(good(), resource=f"{URL}/mcp"))[1]["error"] == "invalid_target"
        _, said = ask(caller, form(good()))
    assert [used(world, said["access_token"], path) for path in ("/mcp", "/other")] == [401, 200]


def test_fewer_scopes_may_be_asked_for(vouched: World) -> None:
    """Each once, in the order asked for."""
    with vouched.caller() as caller:
        assert ask(caller, form(good(), scope="mcp mcp"))[1]["scope"] == "mcp"
        assert ask(caller, form(good(), scope=""))[1]["scope"] == "mcp tools:write"


def test_a_saml_session_that_ends_sooner_ends_the_token(vouched: World) -> None:
    """SessionNotOnOrAfter."""
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 100))
    with vouched.caller() as caller:
        _, said = ask(caller, form(good(authn=f'SessionNotOnOrAfter="{soon}"')))
    assert 95 <= said["expires_in"] <= 100


def test_a_subject_in_too_many_groups_is_told_to_the_operator(vouched: World) -> None:
    """What no head could carry is not granted, and the assertion not used up."""
    raw = good(attributes={"groups": [f"group-number-{n}" for n in range(250)]})
    with vouched.caller() as caller:
        assert ask(caller, form(raw))[1]["error"] == "invalid_grant"
    vouched.closes(1)
    assert "fewer groups" in vouched.records("close")[0]["detail"]


def test_new_saml_metadata_come_into_force_while_the_gate_runs(vouched: World) -> None:
    """A rollover: old and new key, then the new one alone. What is no metadata changes nothing."""
    path = vouched.directory / "corp.xml"
    old, new = signer(), signer("new", "ec")

    def granted(by: object) -> bool:
        with vouched.caller() as caller:
            return ask(caller, form(good(by=by)))[0] == 200

    def put(raw: bytes) -> None:
        fresh = Path(f"{path}.new")
        fresh.write_bytes(raw)
        fresh.replace(path)
        vouched.look()

    assert [granted(old), granted(new)] == [True, False]
    put(metadata(old, new))
    assert [granted(old), granted(new)] == [True, True]
    put(b"<half")
    assert [granted(old), granted(new)] == [True, True]
    put(metadata(new))
    assert [granted(old), granted(new)] == [False, True]


def test_an_address_that_failed_too_often_is_not_looked_at(world: World) -> None:
    """Not even with a good assertion, before the time is over: signatures cost more than they cost it."""
    start(world, limits='[limits]\nfailures = 3\nfailures_period = "1h"\n')
    with world.caller() as caller:
        wrong = form(good(by=signer("mallory")))
        assert [ask(caller, wrong)[0] for _ in range(3)] == [400, 400, 400]
        assert [ask(caller, body)[0] for body in (wrong, form(good()))] == [429, 429]
    with world.caller(source="127.0.0.2") as caller:
        assert ask(caller, form(good()))[0] == 200


def test_all_addresses_together_cannot_keep_a_worker_busy(
    vouched: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many refused assertions are looked into within a period, and no more; then it goes on."""
    monkeypatch.setattr(granting, "FORGED_MOST", 4)
    monkeypatch.setattr(granting, "FORGED_PERIOD", 3600.0)
    statuses = []
    for number in range(2, 9):
        with vouched.caller(source=f"127.0.0.{number}") as caller:
            statuses.append(ask(caller, form(good(by=signer("mallory"))))[0])
    assert statuses == [400] * 4 + [503] * 3


def test_an_assertion_whose_use_cannot_be_noted_is_not_exchanged(vouched: World) -> None:
    """The state directory is gone: nobody gets a token, and it says so."""
    shutil.rmtree(vouched.state / "once")
    with vouched.caller() as caller:
        status, said = ask(caller, form(good()))
        assert (status, said["error"]) == (503, "temporarily_unavailable")
        (vouched.state / "once").mkdir()
        assert ask(caller, form(good()))[0] == 200
    vouched.closes(2)
    closed = vouched.records("close")[0]
    assert closed["reason"] == "auth.unavailable" and "cannot be noted" in closed["detail"]


def test_another_worker_knows_what_was_used(vouched: World) -> None:
    """The notes are files in the state directory."""
    with vouched.caller() as caller:
        ask(caller, form(good()))
    (note,) = (vouched.state / "once").iterdir()
    other = Once(vouched.state / "once")
    other.begin()
    assert not other.use(note.name, time.time() + 300, time.time())


def test_a_changed_saml_token_is_refused(vouched: World) -> None:
    """As any that this gate did not make."""
    with vouched.caller() as caller:
        token = ask(caller, form(good()))[1]["access_token"]
    assert [used(vouched, text) for text in (token, token + "x", token[:-1])] == [200, 401, 401]


def test_a_saml_token_ends_by_its_time(vouched: World) -> None:
    """By the clock of the gate."""
    with vouched.caller() as caller:
        token = ask(caller, form(good()))[1]["access_token"]
    vouched.gate.serving.force.wall = lambda: time.time() + 901  # type: ignore[union-attr]
    with vouched.caller() as caller:
        assert use(caller, token, "get_x")[0] == 401
    vouched.wait_for(lambda: "auth.expired" in written(vouched))


def test_a_saml_token_is_revoked_by_its_id(vouched: World) -> None:
    """As the record shows it."""
    with vouched.caller() as caller:
        token = ask(caller, form(good()))[1]["access_token"]
        assert use(caller, token, "get_x")[0] == 200
        vouched.closes(2)
        id = vouched.records("open")[0]["proof"]
        now = time.time()
        vouched.issued_file.deny(Denied(now, now + 3600, id=id))
        assert vouched.gate is not None
        vouched.loop.call(vouched.gate.take_up_tokens)
        assert use(caller, token, "get_x")[0] == 401


def test_a_subject_that_was_revoked_gets_no_token(vouched: World) -> None:
    """Nor is it on record that it did; others do."""
    now = time.time()
    vouched.issued_file.deny(Denied(now, now + 3600, issuer="corp", subject="alice@example.org"))
    vouched.look()
    with vouched.caller() as caller:
        status, said = ask(caller, form(good()))
        assert (status, said["error"]) == (400, "invalid_grant")
        assert ask(caller, form(good(subject="bob@example.org")))[0] == 200
    assert [each["reason"] for each in vouched.closes(2)] == ["auth.revoked", None]


def test_the_gate_says_where_its_token_endpoint_is(vouched: World) -> None:
    """RFC 8414, at the one place that the name of its issuer has."""
    with vouched.caller() as caller:
        caller.send(b"GET /.well-known/oauth-authorization-server HTTP/1.1\r\nHost: localhost\r\n\r\n")
        status, _, body = caller.answer()
        assert status == 200
        assert json.loads(body) == {
            "issuer": URL,
            "token_endpoint": TOKEN,
            "grant_types_supported": [SAML_GRANT],
            "token_endpoint_auth_methods_supported": ["none"],
            "response_types_supported": [],
            "scopes_supported": ["mcp", "tools:write"],
        }
        caller.send(b"GET /.well-known/oauth-protected-resource/mcp HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert json.loads(caller.answer()[2])["authorization_servers"] == [URL]
        caller.post({"jsonrpc": "2.0", "id": 1, "method": "ping"}, token=False)
        challenge = caller.answer()[1][b"www-authenticate"]
        assert quote(f"{URL}/.well-known/oauth-protected-resource/mcp", safe=":/").encode() in challenge


def test_a_gate_without_saml_has_no_token_endpoint(world: World) -> None:
    """There is nothing at its path."""
    world.start(world.config(listener=LISTENER))
    with world.caller() as caller:
        for path in ("/token", "/.well-known/oauth-authorization-server"):
            caller.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            status, _, body = caller.answer()
            assert status == 404 and json.loads(body)["error"]["data"]["reason"] == Reason.ROUTE_UNKNOWN


def test_a_gate_says_who_vouches_and_what_is_wrong_with_that(world: World) -> None:
    """By status: the certificates that count, and what an operator should look at."""
    start(world)
    (shown,) = world.status()["saml"]
    assert (shown["name"], shown["entity_id"], shown["warnings"]) == ("corp", ENTITY, [])
    assert shown["certificates"][0]["sha256"] == signer().certificate.fingerprint(SHA256()).hex()
    (world.directory / "corp.xml").write_bytes(metadata(signer("ended", ended=True)))
    world.look()
    (shown,) = world.status()["saml"]
    assert "ended on 2020-12-31" in shown["warnings"][0]


@pytest.mark.parametrize("lost", ["signxml", "lxml"])
def test_a_gate_without_the_packages_for_saml_says_what_to_install(world: World, lost: str) -> None:
    """It does not start with half of what it was told to do."""
    path = world.directory / "corp.xml"
    path.write_bytes(metadata(signer()))
    config = world.directory / "gate.toml"
    config.write_text(world.config(listener=LISTENER, more=SAML.format(metadata=path)))
    program = f"import sys; sys.modules[{lost!r}] = None; from mcpgate.cli import main; main()"
    command = [sys.executable, "-c", program, "check", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == os.EX_CONFIG and "mcpgate's extra [saml]" in done.stderr


def test_two_saml_tables_cannot_be_of_one_identity_provider(world: World) -> None:
    """Nobody could say whose word an assertion is."""
    path = world.directory / "corp.xml"
    with pytest.raises(ConfigError, match="is of the same identity provider as saml.corp.metadata"):
        start(world, more=f'[[saml]]\nname = "other"\nmetadata = "{path}"\n')


def test_metadata_that_are_none_are_told_with_their_file(world: World) -> None:
    """As any file of a configuration."""
    path = world.directory / "broken.xml"
    path.write_bytes(b"<html/>")
    with pytest.raises(ConfigError, match="broken.xml: it begins with html; wanted is the EntityDescriptor"):
        start(world, more=f'[[saml]]\nname = "other"\nmetadata = "{path}"\n')


def test_no_token_is_granted_off_the_record(vouched: World) -> None:
    """While the journal cannot be written nobody gets one; with the next assertion, after that, again."""
    with vouched.caller() as caller:
        assert ask(caller, form(good()))[0] == 200
        vouched.closes(1)
        (journal,) = (vouched.state / "journal").glob("*.jsonl")
        raw = good()
        with file_size_limit(journal.stat().st_size):
            status, said = ask(caller, form(raw))
            assert (status, said["error"]["data"]["reason"]) == (503, "gate.journal")
            # By now the gate knows, so what comes is not used up.
            later = good()
            assert ask(caller, form(later))[0] == 503
        assert ask(caller, form(later))[0] == 200
    reasons = [line.get("reason") for line in vouched.closes(4)]
    assert reasons == [None, "gate.journal", "gate.journal", None]
