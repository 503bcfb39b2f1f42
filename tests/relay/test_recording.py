"""Where a rule says so, bodies are on record: as they passed, and for the auditor alone."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcpgate.evidence.journal import JournalError
from mcpgate.evidence.payload import Auditor, Reader, new_pair
from mcpgate.ops.control import SOCKET, ask
from mcpgate.relay import recording
from mcpgate.wire.forward import LAST_CHUNK, chunk
from tests.relay.test_answering import LATEST, NOTE, bare, event, opened, opening, result, streams, told
from tests.running import STREAM, Behaviour, Loop, Request, World, answer_json, call

RULES = """
[[rule]]
name = "on-record"
on = { method = "tools/call", name = ["get_x*", "rm"] }
record = "masked"
[[rule]]
name = "no-mail"
on = { direction = ["request", "answer"] }
mask = ["email"]
"""
MAIL = "someone@example.com"


def streaming(*events: bytes) -> Behaviour:
    """Answers with a stream of these."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM + b"".join(map(chunk, events)) + LAST_CHUNK)

    return behave


class Recorded:
    """A gate that records, and the auditor's key, which it has not."""

    def __init__(self, world: World) -> None:
        self.world = world
        private, public = new_pair()
        self.reader = Reader.of(private)
        self.key = world.directory / "auditor.pem"
        self.key.write_bytes(public)

    def start(self, *, evidence: str = "", more: str = RULES) -> Recorded:
        tables = f'[evidence]\nauditor = "{self.key}"\n{evidence}\n{more}'
        self.world.start(self.world.config(more=tables))
        return self

    def bodies(self, exchange: str) -> dict[str, tuple[bytes, int]]:
        """What is on record of an exchange: each part, and how much of it is not."""
        found: dict[str, tuple[bytes, int]] = {}
        for part in ("request", "answer"):
            pieces = [
                one
                for one in self.world.records("payload")
                if (one["exchange"], one["part"]) == (exchange, part)
            ]
            if pieces:
                assert [one["number"] for one in pieces] == list(range(len(pieces)))
                assert [one["last"] for one in pieces] == [False] * (len(pieces) - 1) + [True]
                opened = (self.reader.open(one["sealed"], exchange, part, one["number"]) for one in pieces)
                found[part] = b"".join(opened), pieces[-1]["cut"]
        return found

    def journal(self) -> bytes:
        return b"".join(path.read_bytes() for path in (self.world.state / "journal").glob("*.jsonl"))


@pytest.fixture
def recorded(loop: Loop, tmp_path: Path) -> Iterator[Recorded]:
    world = World(loop, tmp_path)
    yield Recorded(world)
    world.stop()


def test_both_bodies_are_recorded_as_they_passed(recorded: Recorded) -> None:
    """The request before it is forwarded; what is masked is not even there for the auditor."""
    world = recorded.start().world
    kinds: list[str] = []

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        kinds.extend(one["type"] for one in world.records())
        answer_json(sock, request)

    world.upstream.behave = behave
    with world.caller() as caller:
        got = caller.post(call("get_x", note=f"canary of {MAIL}")).answer()[2]
        caller.post(call("get_y", note="not of interest")).answer()
    (closed, _) = world.closes(2)
    assert kinds[:4] == ["handshake", "handshake", "open", "payload"]
    (first, _) = world.upstream.requests
    bodies = recorded.bodies(closed["id"])
    assert bodies == {"request": (first.body, 0), "answer": (got, 0)}
    assert b"canary of" in first.body and MAIL.encode() not in first.body
    assert {one["exchange"] for one in world.records("payload")} == {closed["id"]}
    seen = recorded.journal()
    assert b"canary" not in seen and MAIL.encode() not in seen
    assert {one["key"] for one in world.records("payload")} == {recorded.reader.name}


def test_each_event_of_a_stream_is_recorded_when_it_passes(recorded: Recorded) -> None:
    world = recorded.start().world
    answer = {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": f"to {MAIL}"}]}}
    params = {"level": "info", "data": "canary"}
    told = {"jsonrpc": "2.0", "method": "notifications/message", "params": params}
    events = [b"event: message\ndata: " + json.dumps(one).encode() + b"\n\n" for one in (told, answer)]
    world.upstream.behave = streaming(*events)
    with world.caller() as caller:
        got = caller.post(call("get_x"), "Accept: application/json, text/event-stream").answer()[2]
    (closed,) = world.closes(1)
    assert b"canary" in got and MAIL.encode() not in got
    assert recorded.bodies(closed["id"])["answer"] == (got, 0)
    assert b"canary" not in recorded.journal()


def test_a_call_that_is_refused_is_recorded_as_it_would_have_been_masked(recorded: Recorded) -> None:
    """With what its caller was told."""
    world = recorded.start().world
    with world.caller() as caller:
        got = caller.post(call("rm", note=f"canary {MAIL}")).answer()[2]
    (closed,) = world.closes(1)
    bodies = recorded.bodies(closed["id"])
    assert bodies["answer"] == (got, 0)
    asked = bodies["request"][0]
    assert b"canary" in asked and MAIL.encode() not in asked
    assert world.upstream.requests == []


def test_what_is_too_large_is_cut_and_counted(recorded: Recorded) -> None:
    world = recorded.start(evidence='record_size = "1KiB"').world
    with world.caller() as caller:
        got = caller.post(call("get_x", note="x" * 5000)).answer()[2]
    (closed,) = world.closes(1)
    (first,) = world.upstream.requests
    bodies = recorded.bodies(closed["id"])
    assert bodies["request"] == (first.body[:1024], len(first.body) - 1024)
    assert bodies["answer"] == (got, 0)


def test_a_body_of_several_pieces_is_whole(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "PIECE", 100)
    world = recorded.start().world
    with world.caller() as caller:
        caller.post(call("get_x", note="x" * 1000)).answer()
    (closed,) = world.closes(1)
    (first,) = world.upstream.requests
    assert recorded.bodies(closed["id"])["request"] == (first.body, 0)
    assert len(world.records("payload")) > 10


def test_what_cannot_be_encrypted_is_not_forwarded(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = recorded.start().world

    def fail(*_: object) -> bytes:
        raise RuntimeError("out of entropy, and here is the body: canary")

    monkeypatch.setattr(Auditor, "seal", fail)
    with world.caller() as caller:
        status, answer = caller.post(call("get_x", note="canary")).json()
        assert (status, answer["error"]["data"]["reason"]) == (503, "gate.journal")
        # Everything else is served.
        assert caller.post(call("get_y")).json()[0] == 200
    assert len(world.upstream.requests) == 1
    assert b"canary" not in recorded.journal()


def test_an_answer_that_cannot_be_encrypted_does_not_pass(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = recorded.start().world
    original = Auditor.seal

    def fail(self: Auditor, piece: bytes, exchange: str, part: Any, number: int) -> bytes:
        if part == "answer":
            raise RuntimeError("no")
        return original(self, piece, exchange, part, number)

    monkeypatch.setattr(Auditor, "seal", fail)
    with world.caller() as caller:
        status, answer = caller.post(call("get_x")).json()
        assert (status, answer["error"]["data"]["reason"]) == (503, "gate.journal")
        world.upstream.behave = streaming(b'data: {"jsonrpc":"2.0","id":1,"result":{"content":[]}}\n\n')
        status, answer = caller.post(call("get_x"), "Accept: application/json, text/event-stream").json()
        assert (status, answer["error"]["data"]["reason"]) == (503, "gate.journal")


def test_nothing_that_is_to_be_recorded_passes_while_the_journal_fails(recorded: Recorded) -> None:
    """And it is not kept in memory until it does not."""
    world = recorded.start().world
    assert world.gate is not None and world.gate.force is not None
    witness = world.gate.force.witness
    journal: Any = witness.journal
    append = journal.append
    with world.caller() as caller:
        assert caller.post(call("get_x")).json()[0] == 200

        def full(*_: object) -> None:
            raise JournalError("the disk is full")

        journal.append = full
        for _ in range(5):
            assert caller.post(call("get_x", note="x" * 10_000)).json()[0] == 503
        owed = sum(map(len, witness._owed))
        assert owed < 30_000
        journal.append = append
        world.loop.call(witness.settle)
        assert caller.post(call("get_x")).json()[0] == 200
    assert len(world.upstream.requests) == 2


def test_where_the_operator_has_chosen_that_it_passes_off_the_record_and_is_counted(
    recorded: Recorded,
) -> None:
    """Only while the journal fails: what cannot be encrypted does not pass then either."""
    world = recorded.start(evidence='on_journal_failure = "unsafe-continue"').world
    assert world.gate is not None and world.gate.force is not None
    journal: Any = world.gate.force.witness.journal
    append = journal.append

    def full(*_: object) -> None:
        raise JournalError("the disk is full")

    with world.caller() as caller:
        assert caller.post(call("get_x")).json()[0] == 200
        world.closes(1)
        journal.append = full
        for _ in range(3):
            assert caller.post(call("get_x", note="x" * 10_000)).json()[0] == 200
        assert sum(map(len, world.gate.force.witness._owed)) < 30_000
        journal.append = append
        assert caller.post(call("get_y")).json()[0] == 200
        assert caller.post(call("get_x", note="again")).json()[0] == 200
    world.wait_for(lambda: b"again" in world.upstream.requests[-1].body and world.records("gap"))
    (gap,) = world.records("gap")
    assert gap["exchanges"] == 3
    whole = [one for one in world.records("payload") if one["part"] == "request" and not one["cut"]]
    # The first, the last, and the one by which the failure was found: what is owed is written in the end.
    assert len(whole) == 3


def test_a_rule_that_records_needs_an_auditor(recorded: Recorded) -> None:
    world = recorded.world
    with pytest.raises(Exception, match="auditor"):
        world.start(world.config(more=RULES))
    recorded.key.write_bytes(new_pair()[0])
    with pytest.raises(Exception, match="is a private key"):
        recorded.start()


def test_an_answer_by_another_stream_is_recorded_there(recorded: Recorded) -> None:
    """By itself: what else that stream brings is nobody's to record."""
    world = recorded.start().world
    with world.caller() as caller:
        world.upstream.behave = opening()
        held = f"Mcp-Session-Id: {opened(caller)}"
        world.upstream.behave = streams(event(b"", b"id: 5\n"))
        caller.post(call("get_x", id=9), held, LATEST).answer()
        world.upstream.behave = streams(event(NOTE), event(result(9), b"id: 6\n"))
        resume = bare(world, "GET", held, "Last-Event-ID: 5", LATEST)
        assert told(caller.send(resume).answer()[2]) == [NOTE, result(9)]
    world.closes(3)
    _, asked, resumed = (line["id"] for line in world.records("open"))
    assert recorded.bodies(asked)["answer"][0] == event(b"", b"id: 5\n")
    (piece, end) = [one for one in world.records("payload") if one["exchange"] == resumed]
    assert end["last"] and not end["sealed"]
    assert recorded.reader.open(piece["sealed"], resumed, "answer", 0) == result(9) + b"\n"
    assert world.records("answered")[0]["request"] == asked


def test_a_held_call_is_recorded_once_it_is_decided(recorded: Recorded) -> None:
    """As it was forwarded; of one that is denied, as it would have been."""
    more = RULES + '[[rule]]\nname = "people"\nverdict = "hold"\non = { name = "get_x*" }'
    world = recorded.start(more=more).world
    for verb, status in (("approve", b"result"), ("deny", b"policy.denied")):
        with world.caller() as caller:
            caller.post(call("get_x", note=f"canary {MAIL}"))
            (waiting,) = world.wait_for(lambda: ask(world.state / SOCKET, "held", id="")["held"])
            ask(world.state / SOCKET, verb, id=waiting["id"], reason="")
            got = caller.answer()[2]
        assert status in got
        bodies = recorded.bodies(waiting["exchange"])
        assert bodies["answer"] == (got, 0)
        assert b"canary" in bodies["request"][0] and MAIL.encode() not in bodies["request"][0]


NOTHING_ALLOWED = """
[[rule]]
name = "record"
record = "masked"
[[rule]]
name = "mail"
mask = ["email"]
on.direction = ["request"]
"""


@pytest.mark.parametrize(
    "message",
    [
        {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": {"note": f"canary {MAIL}"}}},
        {"jsonrpc": "2.0", "id": 7, "result": {"action": "accept", "content": {"note": f"canary {MAIL}"}}},
    ],
)
def test_what_nothing_allows_is_recorded_masked(recorded: Recorded, message: dict[str, Any]) -> None:
    """A list, and an answer of the caller's, of which no rule's verdict is asked."""
    world = recorded.world
    gate = world.config().partition("[[rule]]")[0]
    world.start(f'{gate}{NOTHING_ALLOWED}[evidence]\nauditor = "{recorded.key}"\n')
    with world.caller() as caller:
        caller.post(json.dumps(message).encode()).answer()
    (closed,) = world.closes(1)
    asked = recorded.bodies(closed["id"])["request"][0]
    assert b"canary" in asked and MAIL.encode() not in asked
    assert world.upstream.requests == []
