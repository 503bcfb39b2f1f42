"""A rule has bodies recorded: whoever has the gate's host cannot read them, and the auditor cannot read
what was masked."""

import json
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest
from attrs import frozen

from mcpgate.testing import LocalCA, TLSPeer
from tests.e2e.caller import Caller, call
from tests.e2e.lab import HOSTS, GateProcess, Lab
from tests.e2e.recording import Received, RecordingUpstream, answer

ASKED, SAID, STREAMED = (f"canary-{what}-{token_hex(8)}" for what in ("asked", "said", "streamed"))
MAIL = f"{token_hex(8)}@example.com"
LARGE = 20_000
RULES = (
    {"name": "all", "verdict": "allow"},
    {"name": "on-record", "on": {"method": "tools/call", "name": "get_*"}, "record": "masked"},
    {"name": "no-mail", "on": {"direction": ["request", "answer"]}, "mask": ["email"]},
)


def reply(peer: TLSPeer, request: Received) -> None:
    """What was asked comes back, with more; as a stream where that is asked for, and much where that is."""
    asked = json.loads(request.body)
    name = asked["params"]["name"]
    text = f"{SAID} {MAIL} " + "x" * (LARGE if name == "get_much" else 0)
    result = {"jsonrpc": "2.0", "id": asked["id"], "result": {"content": [{"type": "text", "text": text}]}}
    if name != "get_stream":
        return peer.send(answer(json.dumps(result).encode()))
    told = {"jsonrpc": "2.0", "method": "notifications/message"}
    told |= {"params": {"level": "info", "data": f"{STREAMED} {MAIL}"}}
    events = b"".join(b"data: %b\n\n" % json.dumps(one).encode() for one in (told, result))
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    peer.send(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(events), events))


@frozen
class Scene:
    """A gate of two workers that records, with the files of its auditor, who is somewhere else."""

    gate: GateProcess
    upstream: RecordingUpstream
    key: Path

    def call(self, name: str, **arguments: str) -> tuple[str, bytes]:
        """Have something called; the id of the exchange, and what its caller got."""
        before = {one["id"] for one in self.gate.journal("close")}
        with Caller(self.gate) as caller:
            got = caller.post(call(name, arguments)).read()
        (id,) = {one["id"] for one in self.gate.settled(name=name)} - before
        return str(id), got

    def bodies(self, id: str, *words: str | Path) -> dict[str, dict[str, object]]:
        """What C{evidence show} says of the bodies of an exchange."""
        done = self.gate.lab.command(
            "evidence", "show", id, "--config", self.gate.config, "--format", "json", *words
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, dict[str, object]] = json.loads(done.stdout)["bodies"]
        return found


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, ca: LocalCA) -> Iterator[Scene]:
    lab = Lab(tmp_path_factory.mktemp("recorded"), ca)
    key = tmp_path_factory.mktemp("auditor") / "auditor.key"
    done = lab.command("evidence", "auditor", "new", "--out", key)
    assert done.returncode == 0, done.stderr
    public = lab.directory / "auditor.pem"
    public.write_bytes(key.with_name("auditor.key.pub.pem").read_bytes())
    evidence = {"auditor": str(public), "record_size": "8KiB"}
    with (
        RecordingUpstream(ca.server(HOSTS, lab.now), reply) as upstream,
        lab.gate(
            upstream={"port": upstream.port}, rules=RULES, evidence=evidence, gate={"workers": 2}
        ) as gate,
    ):
        yield Scene(gate, upstream, key)


def test_with_the_auditors_key_a_call_is_read_as_it_passed(scene: Scene) -> None:
    id, got = scene.call("get_weather", note=f"{ASKED} {MAIL}")
    bodies = scene.bodies(id, "--key", scene.key)
    (request,) = [one for one in scene.upstream.requests if b"get_weather" in one.body]
    assert bodies["request"]["text"] == request.body.decode() and ASKED in request.body.decode()
    assert bodies["answer"]["text"] == got.decode() and SAID in got.decode()
    assert MAIL not in json.dumps(bodies)


def test_a_stream_is_recorded_event_by_event(scene: Scene) -> None:
    id, got = scene.call("get_stream")
    assert STREAMED in got.decode() and SAID in got.decode()
    assert scene.bodies(id, "--key", scene.key)["answer"]["text"] == got.decode()


def test_much_is_cut_and_what_is_missing_counted(scene: Scene) -> None:
    id, got = scene.call("get_much")
    answered = scene.bodies(id, "--key", scene.key)["answer"]
    assert answered["text"] == got[:8192].decode() and answered["cut"] == len(got) - 8192


def test_what_no_rule_records_is_not_recorded(scene: Scene) -> None:
    id, _ = scene.call("set_weather", note=ASKED)
    assert scene.bodies(id, "--key", scene.key) == {}


def test_nothing_of_it_is_anywhere_on_the_gates_host(scene: Scene) -> None:
    """Not in any file of it, not in its log, not in what it shows without the key."""
    id, _ = scene.call("get_weather", note=ASKED)
    shown = json.dumps(scene.bodies(id))
    files = [path for path in scene.gate.lab.directory.rglob("*") if path.is_file()]
    assert any("journal-" in path.name for path in files)
    seen = [shown.encode(), scene.gate.log().encode(), *(path.read_bytes() for path in files)]
    for canary in (ASKED, SAID, STREAMED, MAIL):
        assert not [each for each in seen if canary.encode() in each]
