"""One worker: what its end of the channel answers, and how it ends."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from mcpgate._version import __version__
from mcpgate.evidence.journal import Journal
from mcpgate.evidence.keyfile import KeyFile as EvidenceKeyFile
from mcpgate.evidence.segments import segment_name
from mcpgate.sessions.keyfile import KeyFile
from mcpgate.workers.channel import ChannelError
from mcpgate.workers.worker import Worker
from tests.running import World, call, held
from tests.waiting import eventually


class Desk:
    """A worker that is told what a supervisor would tell it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.loop = world.loop
        self.ended: list[bool] = []
        KeyFile(world.state).begin(0.0)
        EvidenceKeyFile(world.state).begin(0.0)
        self.worker = Worker(self.loop.reactor, lambda: self.ended.append(True))
        self.listening = socket.create_server(("127.0.0.1", 0))
        world.port = self.listening.getsockname()[1]

    def stage(self, number: int = 1, text: str | None = None, *names: str, **more: Any) -> Any:
        """Have it build a generation, with the listening socket for each name."""
        arguments = {
            "version": __version__,
            "worker": 5,
            "number": number,
            "text": text or self.world.config(),
            "source": str(self.world.directory / "gate.toml"),
            "names": list(names),
            "descriptors": [self.listening.dup().detach() for _ in names],
            **more,
        }
        return self.loop.call(lambda: self.worker.stage(**arguments))

    def adopt(self, number: int = 1) -> Any:
        """Have it serve by it."""
        tokens = self.world.issued_file.load().to_bytes().decode()
        return self.loop.call(lambda: self.worker.adopt(number=number, tokens=tokens))

    def status(self) -> Any:
        return self.loop.call(self.worker.status)

    def leave(self) -> None:
        """As when the supervisor is gone."""
        self.loop.call(self.worker.leave)


@pytest.fixture
def desk(world: World) -> Iterator[Desk]:
    desk = Desk(world)
    yield desk
    desk.leave()
    eventually(lambda: desk.ended == [True], "it ends")
    desk.listening.close()


def test_it_serves_what_it_staged_and_adopted(desk: Desk) -> None:
    """On the socket that it was given, with a journal of its number."""
    assert desk.status() == {"running": False}
    assert (desk.stage(7, None, "public"), desk.adopt(7)) == ({}, {})
    status = desk.status()
    assert (status["running"], status["generation"]) == (True, 7)
    with desk.world.caller() as caller:
        assert caller.post(call("get_x")).json()[0] == 200
        assert desk.status()["listeners"][0]["connections"] == 1
    assert [path.name for path in (desk.world.state / "journal").glob("*.jsonl")] == [segment_name(5, 1)]


def test_it_is_given_what_the_configuration_includes(desk: Desk) -> None:
    """It reads no policy by itself: all workers have the same."""
    text = 'include = "policies/*.toml"\n' + desk.world.config()
    more = '[[rule]]\nname = "more"\non = { name = "fetch_*" }\nverdict = "allow"\n'
    with pytest.raises(ChannelError, match="policies/a.toml, rule.more.verdict"):
        desk.stage(1, text, "public", included={"policies/a.toml": more.replace("allow", "alow")})
    desk.stage(1, text, "public", included={"policies/a.toml": more})
    desk.adopt()
    with desk.world.caller() as caller:
        assert caller.post(call("fetch_x")).json()[1]["result"] == {}


def test_what_it_has_staged_is_not_in_force(desk: Desk) -> None:
    """Dropped, it leaves nothing; and what was not staged cannot be adopted."""
    desk.stage(1, None, "public")
    desk.adopt()
    more = '[[rule]]\nname = "more"\non = { name = "fetch_*" }\nverdict = "allow"\n'
    desk.stage(2, desk.world.config(more=more))
    with desk.world.caller() as caller:
        assert b"Unknown tool" in caller.post(call("fetch_x")).answer()[2]
        desk.loop.call(desk.worker.drop)
        with pytest.raises(ChannelError, match="no generation 2"):
            desk.adopt(2)
        desk.stage(3, desk.world.config(more=more))
        desk.adopt(3)
        assert caller.post(call("fetch_x")).json()[1]["result"] == {}


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"text": "[gate]\nstate = 5"}, "gate.state"),
        ({"version": "0.0.0"}, "restart the gate"),
    ],
)
def test_what_it_cannot_serve_it_refuses(desk: Desk, what: dict[str, str], words: str) -> None:
    """With the reason; and the sockets that came along are closed."""
    before = _sockets_on(desk.world.port)
    with pytest.raises(ChannelError, match=words):
        desk.stage(1, what.get("text"), "public", **{key: what[key] for key in what if key != "text"})
    assert _sockets_on(desk.world.port) == before
    with pytest.raises(ChannelError):
        desk.adopt()


def _sockets_on(port: int) -> int:
    """How many descriptors of this process are the socket that listens there."""
    import os
    from pathlib import Path

    inodes = [line.split()[9] for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]
              if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"]  # fmt: skip
    links = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        except FileNotFoundError:
            continue
    return sum(link == f"socket:[{inode}]" for inode in inodes for link in links)


def test_a_journal_that_is_written_by_another_is_no_journal(desk: Desk) -> None:
    """Two processes never write one file."""
    other = Journal(desk.world.state / "journal", 5)
    try:
        with pytest.raises(ChannelError, match="already uses"):
            desk.stage(1, None, "public")
    finally:
        other.close()
    desk.stage(1, None, "public")


def test_tokens_count_from_the_moment_they_are_told(desk: Desk) -> None:
    """Also for a connection on which another one was good."""
    desk.stage(1, None, "public")
    desk.adopt()
    with desk.world.caller() as caller:
        assert caller.post(call("get_x")).json()[0] == 200
        desk.world.issued_file.revoke("ci", 1.0)
        tokens = desk.world.issued_file.load().to_bytes().decode()
        desk.loop.call(lambda: desk.worker.tokens(tokens=tokens))
        assert caller.post(call("get_x")).json()[0] == 401


def test_the_journal_goes_on_in_a_new_file_when_it_is_told_to(desk: Desk) -> None:
    """As the supervisor tells all of them at SIGHUP, if it was moved away; one that cannot says so."""
    desk.stage(1, None, "public")
    desk.adopt()
    directory = desk.world.state / "journal"
    desk.loop.call(desk.worker.reopen)
    (journal,) = directory.glob("*.jsonl")
    journal.rename(journal.with_suffix(".old"))
    desk.loop.call(desk.worker.reopen)
    journal = directory / segment_name(5, 2)
    assert journal.exists()
    journal.unlink()
    (directory / segment_name(5, 3)).mkdir()
    with pytest.raises(ChannelError, match="journal-5"):
        desk.loop.call(desk.worker.reopen)


def test_it_seals_its_journal_when_it_is_told_to(desk: Desk) -> None:
    """One that serves nothing yet has nothing to seal."""

    def seal() -> Mapping[str, Any]:
        facts: Mapping[str, Any] = desk.loop.call(lambda: Deferred.fromCoroutine(desk.worker.seal()))
        return facts

    assert seal() == {}
    desk.stage(1, None, "public")
    desk.adopt()
    facts = seal()["journal"]
    assert (facts["segment"], facts["unsealed"], facts["seals"]["failure"]) == (1, 0.0, None)
    assert len(list((desk.world.state / "checkpoints").iterdir())) == 1


def test_it_drains_when_it_is_told_to_and_says_how_that_went(desk: Desk) -> None:
    """Both ways."""
    desk.stage(1, None, "public")
    desk.adopt()
    with desk.world.caller() as busy, held(desk.world.upstream):
        busy.post(call("get_x"))
        desk.world.wait_for(lambda: desk.world.upstream.requests)
        drained = desk.loop.call(lambda: _as_deferred(desk.worker.drain(seconds=0.1)))
        assert drained == {"finished": False}
    assert desk.ended == []


def _as_deferred(coroutine: Any) -> Any:
    from twisted.internet.defer import Deferred

    return Deferred.fromCoroutine(coroutine)


def test_without_a_supervisor_it_finishes_what_it_has_and_ends(desk: Desk) -> None:
    """The call is answered, the address let go of at once."""
    desk.stage(1, None, "public")
    desk.adopt()
    with desk.world.caller() as busy, held(desk.world.upstream) as release:
        busy.post(call("get_x"))
        desk.world.wait_for(lambda: desk.world.upstream.requests)
        before = _sockets_on(desk.world.port)
        desk.leave()
        assert _sockets_on(desk.world.port) == before - 1
        assert desk.ended == []
        release()
        assert busy.json()[0] == 200
    eventually(lambda: desk.ended == [True], "it ends")
