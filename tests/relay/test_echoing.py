"""An upstream that shows the gate's credential, through a running gate: it never arrives, it is on record
and in the log that it was shown, and what holds none arrives in its own bytes."""

from __future__ import annotations

import base64
import itertools
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.logger import globalLogPublisher

from mcpgate.policy.echo import BEGINNING, Secrets
from mcpgate.relay.echoing import QUIET, Alarm
from tests.policy.test_echo import FORMS, mixed
from tests.running import STREAM, Caller, Loop, Request, World, call, chunked, sized, started, whole
from tests.waiting import PATIENCE

LATEST = "MCP-Protocol-Version: 2025-11-25"
SECRET = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
FIRST, REST = SECRET[:22], SECRET[22:]
CALL = call("get_x")


@pytest.fixture
def world(loop: Loop, tmp_path: Path) -> Iterator[World]:
    """A gate that shows its upstream a credential."""
    with started(loop, tmp_path, upstream=shown(tmp_path, SECRET)) as world:
        yield world


@pytest.fixture
def caller(world: World) -> Iterator[Caller]:
    with world.caller() as caller:
        yield caller


def shown(directory: Path, secret: str) -> str:
    """The line of a configuration by which an upstream is shown it."""
    file = directory / "secret"
    file.write_text(secret)
    file.chmod(0o600)
    return f'credential = {{ bearer = "file:{file}" }}'


def result(value: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": value}).encode()


def text(said: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": said}]}


def ask(world: World, caller: Caller, raw: bytes, message: Any = CALL) -> tuple[int, bytes, bytes]:
    """What the caller gets of an answer: its status, its head's lines and its body."""
    world.upstream.behave = lambda sock, request: sock.sendall(raw)
    status, headers, body = caller.post(message, LATEST).answer()
    return status, b"\n".join(b"%b: %b" % pair for pair in headers.items()), body


def events(*messages: bytes, around: bytes = b"") -> bytes:
    """A stream of messages."""
    pieces = [around + b"data: %b\n\n" % message for message in messages]
    return STREAM + b"".join(map(chunked, pieces)) + b"0\r\n\r\n"


def news(said: str, token: int = 1) -> bytes:
    params = {"progressToken": token, "progress": 1, "message": said}
    return json.dumps({"jsonrpc": "2.0", "method": "notifications/progress", "params": params}).encode()


def kept(world: World) -> list[dict[str, Any]]:
    """What is on record of it, once the exchange is closed."""
    world.wait_for(lambda: len(world.records("close")) >= len(world.records("open")))
    journal = b"".join(path.read_bytes() for path in (world.state / "journal").iterdir())
    assert not Secrets([SECRET.encode()]).holds(journal)
    return world.records("echo")


def test_the_upstream_gets_it_and_the_caller_does_not(world: World, caller: Caller) -> None:
    """Masked in its place; the rest of the message is as it was."""
    said = f"you sent: Bearer {SECRET}!"
    status, _, got = ask(world, caller, whole(result(text(said))))
    assert world.upstream.requests[0].headers[b"authorization"] == f"Bearer {SECRET}".encode()
    assert status == 200 and got == result(text("you sent: Bearer [credential]!"))
    (record,) = kept(world)
    assert (record["upstream"], record["what"], record["where"]) == ("server", "masked", "a message")
    (close,) = world.records("close")
    assert close["masked"] == {"credential": 1} and record["exchange"] == close["id"]
    assert [upstream["echoed"] for upstream in world.status()["upstreams"]] == [1]


def test_what_holds_none_passes_as_it_came(world: World, caller: Caller) -> None:
    said = b'"50%20 \\u0047 &#71;"'
    answer = b'{ "jsonrpc":"2.0","id": 1, "result":{"content":[{"text":%b,"type":"text"}]}}' % said
    status, _, got = ask(world, caller, whole(answer))
    assert (status, got) == (200, answer)
    assert kept(world) == []


@pytest.mark.parametrize("secret", ["tok/en+with=odd&signs<>%41", "c0rrect horse", "a" * 12, "Q-9_" * 15])
def test_no_secret_arrives_in_any_form_and_what_holds_none_is_the_same(
    loop: Loop, tmp_path: Path, secret: str
) -> None:
    """In texts, data, names, errors, base64, in a document or a stream, in a mix of all escapes."""
    secrets = Secrets([secret.encode()])
    seen = {True: 0, False: 0}

    @st.composite
    def results(draw: st.DrawFn) -> Any:
        plain = st.text("abc 019-%&\u00fc\"\\\n", max_size=8)
        form = st.sampled_from(sorted(FORMS)).map(lambda name: FORMS[name](secret.encode()))
        mix = st.randoms(use_true_random=False).map(lambda chance: mixed(secret.encode(), chance.choice))
        # Half of them hold none for certain, and the others mostly some.
        held = draw(st.booleans())
        some = st.one_of(plain, form, mix) if held else plain
        value = st.recursive(
            some | st.integers(-99, 99),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(some, inner, max_size=3),
            max_leaves=8,
        )
        # What base64 encodes is looked for as it is: not behind further escapes.
        inner = plain | st.sampled_from([secret, f"Authorization: Bearer {secret}"]) if held else plain
        block = some.map(lambda said: {"type": "text", "text": said}) | inner.map(
            lambda said: {
                "type": "resource",
                "resource": {"uri": "file:///x", "blob": base64.b64encode(said.encode()).decode()},
            }
        )
        content = draw(st.lists(block, min_size=int(held), max_size=3))
        return {"content": content, "structuredContent": draw(st.dictionaries(some, value, max_size=2))}

    with started(loop, tmp_path, upstream=shown(tmp_path, secret)) as world, world.caller() as caller:

        @given(results(), st.booleans(), st.booleans())
        @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
        def holds(value: Any, ascii: bool, stream: bool) -> None:
            answer = json.dumps({"jsonrpc": "2.0", "id": 1, "result": value}, ensure_ascii=ascii).encode()
            status, _, got = ask(world, caller, events(answer) if stream else whole(answer))
            assert status == 200
            body = got.removeprefix(b"data: ").removesuffix(b"\n\n") if stream else got
            assert not secrets.holds(body) and not any(map(secrets.find, said_in(json.loads(body))))
            clean = secrets.clear(answer)
            seen[clean] += 1
            if clean:
                assert body == answer

        holds()
    assert min(seen.values()) > 5


def said_in(value: Any) -> Iterator[str]:
    """All strings of a document, and what is in those that are base64."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield name
            yield from said_in(one)
            if name == "blob":
                yield base64.b64decode(one).decode("utf-8", "replace")
    elif isinstance(value, list):
        for one in value:
            yield from said_in(one)
    elif isinstance(value, str):
        yield value


def test_lines_of_the_head_that_show_it_do_not_pass(world: World, caller: Caller) -> None:
    body = result(text("fine"))
    lines = f"x-debug: Bearer {SECRET}\r\nx-b: {base64.b64encode(SECRET.encode()).decode()}\r\nx-c: c\r\n"
    raw = sized(len(body)).removesuffix(b"\r\n") + lines.encode() + b"\r\n" + body
    status, head, got = ask(world, caller, raw)
    assert (status, got) == (200, body)
    assert b"x-debug" not in head and b"x-b" not in head and b"x-c: c" in head
    assert [record["where"] for record in kept(world)] == ["headers"]


@pytest.mark.parametrize("status", [400, 403, 404, 500])
@pytest.mark.parametrize("content", ["application/json", "text/html", "json"])
def test_errors_of_http_do_not_show_it(world: World, caller: Caller, status: int, content: str) -> None:
    """A JSON-RPC error, a page, JSON that is no message: masked, and else as they were."""
    page = f"<p>bad token {SECRET}</p>"
    if content != "text/html":
        error = {"code": -1, "message": "bad token", "data": {"authorization": [f"Bearer {SECRET}"]}}
        known = {"jsonrpc": "2.0", "id": 1} if content != "json" else {}
        page = json.dumps(known | {"error": error})
    head = f"HTTP/1.1 {status} Oops\r\ncontent-type: {content}\r\ncontent-length: {len(page)}\r\n\r\n"
    got = ask(world, caller, head.encode() + page.encode())
    assert (got[0], got[2]) == (status, page.replace(SECRET, "[credential]").encode())
    assert [record["what"] for record in kept(world)] == ["masked"]


def test_a_challenge_that_shows_it_stays_there(world: World, caller: Caller) -> None:
    head = f'HTTP/1.1 401 No\r\nwww-authenticate: Bearer error="{SECRET}"\r\n'
    raw = f"{head}content-length: {len(SECRET)}\r\n\r\n{SECRET}"
    status, lines, body = ask(world, caller, raw.encode())
    assert status == 502 and SECRET.encode() not in lines + body
    assert json.loads(body)["error"]["data"]["reason"] == "upstream.unauthorized"
    kept(world)


def test_where_it_cannot_be_masked_the_answer_is_withheld(world: World, caller: Caller) -> None:
    """In a cursor, which the caller says again: the tool's result says why instead."""
    status, _, got = ask(world, caller, whole(result({"content": [], "requestState": SECRET})))
    assert status == 200 and SECRET.encode() not in got
    message = json.loads(got)
    assert message["result"]["isError"] is True and "upstream.echo" in message["result"]["content"][0]["text"]
    assert [record["what"] for record in kept(world)] == ["withheld"]
    (close,) = world.records("close")
    assert (close["outcome"], close["reason"]) == ("upstream_failed", "upstream.echo")
    assert world.status()["refused"]["upstream.echo"] == 1


def test_lists_do_not_show_it_nor_is_it_kept_of_them(world: World, caller: Caller) -> None:
    """A description is masked; what the gate remembers of a tool does not hold it either."""
    tool = {"name": "get_x", "description": f"use {SECRET}", "inputSchema": {"type": "object"}}
    listed = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    status, _, got = ask(world, caller, whole(result({"tools": [tool]})), listed)
    assert status == 200 and json.loads(got)["result"]["tools"][0]["description"] == "use [credential]"
    kept(world)
    for path in world.state.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()


def test_news_comments_ids_and_answers_of_a_stream_do_not_show_it(world: World, caller: Caller) -> None:
    around = f": debug {SECRET}\n\n".encode()
    log = {"method": "notifications/message", "params": {"level": "info", "data": {"auth": [SECRET]}}}
    raw = events(
        news(f"with {SECRET}"),
        json.dumps({"jsonrpc": "2.0", **log}).encode(),
        result(text(f"and {SECRET.encode().hex()}")),
        around=around,
    )
    status, _, got = ask(world, caller, raw)
    assert status == 200 and got.count(b"[credential]") == 2 and b": debug" not in got
    assert not Secrets([SECRET.encode()]).holds(got)
    assert sorted(record["where"] for record in kept(world)) == ["a message", "what stands around messages"]
    assert world.records("close")[0]["masked"] == {"credential": 3}


def test_an_id_of_an_event_that_shows_it_does_not_pass(world: World, caller: Caller) -> None:
    answer = result(text("fine"))
    status, _, got = ask(world, caller, events(answer, around=f"id: {SECRET}\n".encode()))
    assert status == 200 and SECRET.encode() not in got and answer in got
    assert [record["what"] for record in kept(world)] == ["withheld"]


def test_a_question_that_shows_it_is_masked(loop: Loop, tmp_path: Path) -> None:
    """What an upstream asks the caller is no other than what it answers."""
    rule = '[[rule]]\nname = "asks"\non = { method = "elicitation/create" }\nverdict = "allow"\n'
    asked = {"message": f"is it {SECRET}?", "requestedSchema": {"type": "object", "properties": {}}}
    question = {"jsonrpc": "2.0", "id": 7, "method": "elicitation/create", "params": asked}
    with (
        started(loop, tmp_path, upstream=shown(tmp_path, SECRET), more=rule) as world,
        world.caller() as caller,
    ):
        _, _, got = ask(world, caller, events(json.dumps(question).encode(), result(text("fine"))))
        assert b"is it [credential]?" in got and SECRET.encode() not in got
        kept(world)


@pytest.mark.parametrize("masks", ["", '[[rule]]\nname = "masks"\nmask = ["email"]\n'])
def test_what_is_said_over_two_events_does_not_pass(loop: Loop, tmp_path: Path, masks: str) -> None:
    """Half of it in each of two progress messages, with and without masks of a rule's."""
    with started(loop, tmp_path, upstream=shown(tmp_path, SECRET), more=masks) as world:
        with world.caller() as caller:
            said = (news("so " + FIRST), news(REST + "!"), result(text(".")))
            status, _, got = ask(world, caller, events(*said))
            assert status == 200 and FIRST.encode() not in got and REST.encode() not in got
            assert got.count(b"[credential]") == 2
            kept(world)
            assert world.records("close")[0]["masked"]["credential"] == 2


def test_a_slash_may_be_an_escape_in_what_is_said_over_two_events(world: World, caller: Caller) -> None:
    """As PHP writes JSON."""
    said = [news("so " + FIRST), news(REST + "!")]
    said = [each.replace(b"notifications/", rb"notifications\/") for each in said]
    _, _, got = ask(world, caller, events(*said, result(text("."))))
    assert FIRST.encode() not in got and REST.encode() not in got


@pytest.mark.parametrize("secret", [SECRET, f"eyJhbGciOiJFUzI1NiJ9.{'Zm9v' * 150}.{'a1B2' * 86}"])
def test_what_is_said_letter_by_letter_passes_in_part(loop: Loop, tmp_path: Path, secret: str) -> None:
    """Half of it, or of a JWT's signature, as less may not be told from a guess; but no more."""
    with started(loop, tmp_path, upstream=shown(tmp_path, secret)) as world, world.caller() as caller:
        said = [news(secret[at : at + 3]) for at in range(0, len(secret), 3)]
        _, _, got = ask(world, caller, events(news(f"it is {secret[:6]}"), *said, result(text("."))))
        heard = [json.loads(line[6:]) for line in got.split(b"\n") if line.startswith(b"data: ")]
        told = "".join(each["params"]["message"] for each in heard[1:-1])
        assert secret[: len(secret) // 3] in told and secret[: -len(secret) // 6] not in told
        kept(world)


def test_a_guess_at_its_beginning_passes_at_once(world: World, caller: Caller) -> None:
    """If it waited, or were masked, whoever calls a tool that logs its arguments could guess the next letter,
    and the next."""
    head, rest = events(news("for " + SECRET[:16]), result(text("."))).split(b"\n\n", 1)
    released = threading.Event()

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(head + b"\n\n\r\n")
        released.wait(PATIENCE)
        sock.sendall(rest.removeprefix(b"\r\n"))

    world.upstream.behave = behave
    caller.post(CALL, LATEST).read_head()
    assert SECRET[:16].encode() in caller.read_chunk()
    released.set()
    assert b'"result"' in caller.read_chunk()


@pytest.mark.parametrize("masks", ["", '[[rule]]\nname = "masks"\nmask = ["email"]\n'])
def test_however_it_is_said_bit_by_bit_it_does_not_pass(loop: Loop, tmp_path: Path, masks: str) -> None:
    """Letter by letter too, as models speak: of what passed no more than half can be put together."""
    inner = SECRET[4:-4]

    @given(st.lists(st.integers(1, 39), max_size=6), st.text("ab \u00fc", max_size=3), st.booleans())
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def holds(places: list[int], before: str, letters: bool) -> None:
        cuts = list(range(len(SECRET) + 1)) if letters else sorted({0, len(SECRET), *places})
        parts = [SECRET[a:b] for a, b in itertools.pairwise(cuts)]
        said = [before + parts[0], *parts[1:-1], parts[-1] + "!"] if len(parts) > 1 else [before + parts[0]]
        _, _, got = ask(world, caller, events(*map(news, said), result(text("."))))
        passed = "".join(
            message["params"]["message"]
            for message in (json.loads(one[6:]) for one in got.split(b"\n\n") if one)
            if "params" in message
        )
        shown_parts = passed.replace("[credential]", "")
        assert inner not in shown_parts
        assert len(shown_parts.removeprefix(before)) <= 22 + BEGINNING, passed

    with started(loop, tmp_path, upstream=shown(tmp_path, SECRET), more=masks) as world:
        with world.caller() as caller:
            holds()


def test_what_only_begins_like_it_passes(world: World, caller: Caller) -> None:
    """It waits for what comes next, and is nothing."""
    raw = events(news("so " + FIRST), news(" is the beginning of it"), result(text(".")))
    status, _, got = ask(world, caller, raw)
    assert status == 200 and FIRST.encode() in got and b"[credential]" not in got
    assert kept(world) == []


def test_the_log_is_told_once_a_minute(world: World) -> None:
    """With how often it happened, and never with what was shown."""
    now = 100.0
    assert world.gate is not None and world.gate.serving is not None
    alarm = Alarm(world.gate.serving.force.witness, lambda: now)
    told: list[dict[str, Any]] = []
    globalLogPublisher.addObserver(told.append)  # type: ignore[arg-type]
    try:
        for _ in range(3):
            world.loop.call(alarm.tell, "server", "x1", "masked", "a message")
        now += QUIET
        world.loop.call(alarm.tell, "server", "x2", "withheld", "headers")
        world.loop.call(alarm.tell, "other", "x3", "withheld", "headers")
    finally:
        globalLogPublisher.removeObserver(told.append)  # type: ignore[arg-type]
    said = [(one["upstream"], one["count"]) for one in told if "exchange" in one]
    assert said == [("server", 0), ("server", 2), ("other", 0)]


def test_an_upstream_without_a_credential_is_not_looked_at(loop: Loop, tmp_path: Path) -> None:
    with started(loop, tmp_path) as world, world.caller() as caller:
        answer = result(text(SECRET))
        assert ask(world, caller, whole(answer))[2] == answer
        assert world.gate is not None and world.gate.serving is not None
        assert all(terms.secrets is None for terms in world.gate.serving.force.generation.upstreams.values())


