"""The admin process as the gate's process sees it; the process itself is made up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.python.failure import Failure

from mcpgate.admin import beside as module
from mcpgate.admin.beside import ASKED, END_MOST, WAIT_MOST, YOUNG, Beside
from mcpgate.config.load import parse_config
from mcpgate.config.problem import ConfigError
from mcpgate.config.schema import Config
from mcpgate.ops.control import ControlError
from mcpgate.relay.bound import ListenError
from mcpgate.workers.channel import ChannelError, Silent
from mcpgate.workers.child import Child
from tests.admin.house import House


class Channel:
    """Our end: what was asked of the process, and its answers when the test gives them."""

    def __init__(self) -> None:
        self.open = True
        self.asked: list[tuple[str, dict[str, Any], Deferred[Any]]] = []

    def ask(self, verb: str, *, within: float, descriptors: Any = (), **given: Any) -> Deferred[Any]:
        answered: Deferred[Any] = Deferred()
        self.asked.append((verb, {**given, "descriptors": list(descriptors)}, answered))
        return answered

    def answer(self, outcome: object) -> None:
        """To what was asked last."""
        *_, answered = self.asked[-1]
        answered.callback(outcome) if isinstance(outcome, dict) else answered.errback(Failure(outcome))  # type: ignore[arg-type]

    def close(self) -> None:
        self.open = False


class Scene:
    """A clock, and the processes that were started."""

    def __init__(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        self.house = house
        self.clock = Clock()
        self.children: list[Child] = []
        self.killed: list[int] = []
        self.refuses = False
        self._ended: dict[int, Any] = {}
        self.verbs: Mapping[str, Any] = {}
        monkeypatch.setattr(module, "monotonic", self.clock.seconds)
        self.beside = Beside(self.clock, self._spawn)

    def _spawn(self, verbs: Mapping[str, Any], ended: Any) -> Child:
        if self.refuses:
            raise OSError(11, "Resource temporarily unavailable")
        pid = len(self.children) + 1
        child = Child(Channel(), pid, lambda: self.killed.append(pid))  # type: ignore[arg-type]
        self.children.append(child)
        self._ended[pid] = ended
        self.verbs = verbs
        return child

    def config(self, listen: str = "", admin: str = "") -> Config:
        """One with a dashboard on a socket; or without one."""
        text = self.house.config(admin, listen=listen or f"unix:{self.house.directory}/admin.sock")
        if listen == "none":
            text = self.house.config(listen="unix:/x").replace('listen = "unix:/x"\n', "", 1)
        return parse_config(text.encode(), self.house.directory / "mcpgate.toml")

    def begin(self, config: Config | None = None, **verbs: Any) -> Scene:
        self.beside.take(self.beside.prepare(config or self.config()))
        self.beside.begin(verbs)
        return self

    @property
    def channel(self) -> Any:
        """That of the process that was started last."""
        return self.children[-1].channel

    def dies(self, how: str = "was ended by signal 9") -> None:
        child = self.children[-1]
        child.channel.open = False
        self._ended[child.pid](how, False)


@pytest.fixture
def scene(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    scene = Scene(house, monkeypatch)
    yield scene
    scene.beside.end()


def result(waited: Any) -> Any:
    found: list[Any] = []
    Deferred.fromCoroutine(waited).addBoth(found.append)
    return found[0] if found else None


def test_it_is_told_what_stands_and_given_the_socket(scene: Scene) -> None:
    """It reads no configuration by itself, which might be half edited."""
    scene.begin()
    ((verb, given, _),) = scene.channel.asked
    assert verb == "adopt" and given["text"] == scene.config().text.decode()
    assert given["address"] == f"unix:{scene.house.directory}/admin.sock" and len(given["descriptors"]) == 1
    facts = scene.beside.facts()
    assert facts is not None and (facts["state"], facts["process"], facts["problem"]) == ("starts", 1, None)
    scene.channel.answer({})
    assert (scene.beside.facts() or {})["state"] == "serves"


def test_a_successor_goes_on_reading_where_it_was(scene: Scene) -> None:
    """So nothing that needs a person is missed while it is replaced; unless that is what it dies of."""
    scene.begin()
    scene.channel.answer({})
    assert scene.channel.asked[0][1]["read"] == {}
    scene.clock.advance(YOUNG)
    scene.verbs["read"](positions={"0": [3, 4711, 12]})
    scene.dies()
    scene.clock.advance(0)
    assert scene.channel.asked[0][1]["read"] == {"0": [3, 4711, 12]}
    scene.dies()
    scene.clock.advance(WAIT_MOST)
    assert len(scene.children) == 3 and scene.channel.asked[0][1]["read"] == {}


def test_what_happened_while_it_was_not_wanted_is_not_told_later(scene: Scene) -> None:
    """Alerts begin when they are asked for."""
    scene.begin()
    scene.channel.answer({})
    scene.verbs["read"](positions={"0": [3, 4711, 12]})
    scene.beside.take(scene.beside.prepare(scene.config("none")))
    scene.beside.take(scene.beside.prepare(scene.config()))
    assert len(scene.children) == 2 and scene.channel.asked[0][1]["read"] == {}


def test_it_is_replaced_when_it_dies_less_and_less_often(scene: Scene) -> None:
    """At once the first time, if it has lived; and its successor is told the same."""
    scene.begin()
    scene.channel.answer({})
    scene.clock.advance(YOUNG)
    with capturedLogs() as logged:
        scene.dies()
        assert (scene.beside.facts() or {})["state"] == "is gone"
        scene.clock.advance(0)
    assert len(scene.children) == 2 and scene.channel.asked[0][0] == "adopt"
    assert [event["problem"] for event in logged if "problem" in event] == [
        "process 1 was ended by signal 9"
    ]
    waits = []
    for _ in range(9):
        scene.dies("ended with exit code 1")
        before, count = scene.clock.seconds(), len(scene.children)
        while len(scene.children) == count:
            scene.clock.advance(0.5)
        waits.append(scene.clock.seconds() - before)
    assert waits == [0.5, 1, 2, 4, 8, 16, WAIT_MOST, WAIT_MOST, WAIT_MOST]
    assert (scene.beside.facts() or {})["restarts"] == 10


def test_a_machine_without_processes_is_tried_again(scene: Scene) -> None:
    """And the gate has started all the same."""
    scene.refuses = True
    scene.begin()
    assert "no process can be started" in str((scene.beside.facts() or {})["problem"])
    scene.refuses = False
    scene.clock.advance(1.0)
    assert len(scene.children) == 1


def test_what_it_cannot_do_is_told_and_it_is_ended(scene: Scene) -> None:
    """Another one may."""
    scene.begin()
    scene.channel.answer(ChannelError("is mcpgate 0.6, and not 0.7: restart the gate"))
    assert scene.killed == [1]
    assert "restart the gate" in str((scene.beside.facts() or {})["problem"])


def test_a_configuration_is_judged_before_anything_changes(scene: Scene, tmp_path: Path) -> None:
    """A bad file or an address that is taken: the old one stays, and its process is told nothing."""
    scene.begin()
    (tmp_path / "tls" / "gate.key").unlink()
    with pytest.raises(ConfigError):
        scene.beside.prepare(scene.config("tcp:0:interface=127.0.0.1"))
    taken = tmp_path / "taken.sock"
    taken.write_text("in the way", encoding="ascii")
    with pytest.raises(ListenError):
        scene.beside.prepare(scene.config(f"unix:{taken}"))
    assert len(scene.channel.asked) == 1
    prepared = scene.beside.prepare(scene.config(f"unix:{tmp_path}/new.sock"))
    assert (tmp_path / "new.sock").exists()
    scene.beside.drop(prepared)
    assert not (tmp_path / "new.sock").exists() and (tmp_path / "admin.sock").exists()


def test_it_and_a_listener_do_not_take_callers_from_each_other(scene: Scene, tmp_path: Path) -> None:
    """Which may come to the socket of the dashboard later; that one stays as it is."""
    scene.begin()
    prepared = scene.beside.prepare(scene.config(admin="unsafe_open_metrics = true"), {1: "mcp"})
    scene.beside.take(prepared)
    assert scene.beside._bound is not None
    with pytest.raises(ListenError, match="admin: cannot listen on unix:.*: listener mcp has that socket"):
        scene.beside.prepare(scene.config(), {scene.beside._bound.inode: "mcp"})
    assert (tmp_path / "admin.sock").exists()


def test_it_is_moved_by_being_given_another_socket(scene: Scene, tmp_path: Path) -> None:
    """The old one is closed; with the same address it keeps what it has."""
    scene.begin()
    scene.channel.answer({})
    scene.beside.take(scene.beside.prepare(scene.config(admin="unsafe_open_metrics = true")))
    assert (tmp_path / "admin.sock").exists() and len(scene.children) == 1
    scene.beside.take(scene.beside.prepare(scene.config(f"unix:{tmp_path}/new.sock")))
    assert scene.channel.asked[-1][1]["address"] == f"unix:{tmp_path}/new.sock"
    assert not (tmp_path / "admin.sock").exists() and (tmp_path / "new.sock").exists()


def test_a_configuration_without_a_dashboard_ends_it(scene: Scene) -> None:
    """And one with it begins it again."""
    scene.begin(scene.config("none"))
    assert scene.children == [] and scene.beside.facts() is None
    scene.beside.take(scene.beside.prepare(scene.config()))
    assert len(scene.children) == 1
    scene.beside.take(scene.beside.prepare(scene.config("none")))
    assert not scene.channel.open and scene.beside.facts() is None
    scene.dies()
    scene.clock.advance(100)
    assert len(scene.children) == 1


@pytest.mark.parametrize(("ready", "seconds"), [(True, END_MOST), (False, 0.0)])
def test_it_ends_with_the_gate(scene: Scene, ready: bool, seconds: float) -> None:
    """By its channel's end; one that does not see that is killed, soon or at once."""
    scene.begin()
    if ready:
        scene.verbs["ready"]()
    ended: list[object] = []
    scene.beside.end().addBoth(ended.append)
    assert not scene.channel.open and scene.killed == [] and ended == []
    scene.clock.advance(seconds)
    assert scene.killed == [1]
    scene.dies()
    assert len(ended) == 1 and len(scene.children) == 1
    assert not (scene.house.directory / "admin.sock").exists()


def test_it_may_ask_what_pages_need_and_nothing_else(scene: Scene) -> None:
    """Whoever decides is named by the process, as no socket's peer could say that."""
    calls: list[Any] = []

    def approve(id: str, peer: str, reason: str = "") -> Mapping[str, object]:
        calls.append((id, peer, reason))
        if id == "over":
            raise ControlError("no call waits as over; it may be over by now")
        return {"decided": "approved"}

    async def status() -> Mapping[str, object]:
        return {"running": True}

    scene.begin(approve=approve, status=status, tokens=lambda: pytest.fail("it was asked"))
    ask = scene.verbs["gate"]
    given = {"id": "h1", "reason": "", "peer": "root"}
    assert result(ask(what="approve", by="alice (oidc)", arguments=given)) == {"decided": "approved"}
    assert calls == [("h1", "alice (oidc)", "")]
    assert result(ask(what="status", by="x", arguments={})) == {"running": True}
    refused = result(ask(what="approve", by="alice", arguments={"id": "over"}))
    assert refused.check(ChannelError) and "it may be over" in str(refused.value)
    assert "tokens" not in ASKED
    assert result(ask(what="tokens", by="x", arguments={})).check(ChannelError)
    assert result(ask(what="held", by="x", arguments={})).check(ChannelError)


def test_a_link_is_asked_of_it(scene: Scene) -> None:
    """In the name of who asks; where there is nobody to ask, that is said."""
    assert "has no dashboard" in str(result(scene.beside.link("root")).value)
    scene.begin()
    found: list[Any] = []
    Deferred.fromCoroutine(scene.beside.link("root (uid 0)", role="viewer")).addBoth(found.append)
    verb, given, _ = scene.channel.asked[-1]
    assert (verb, given["role"], given["by"]) == ("link", "viewer", "root (uid 0)")
    scene.channel.answer({"url": "https://localhost/login/link/x"})
    assert found == [{"url": "https://localhost/login/link/x"}]
    Deferred.fromCoroutine(scene.beside.link("root")).addBoth(found.append)
    scene.channel.answer(Silent("did not answer within 5 seconds"))
    assert "the dashboard: did not answer" in str(found[1].value)
    scene.dies()
    assert "does not run" in str(result(scene.beside.link("root")).value)


def test_what_it_logs_is_in_the_gates_log(scene: Scene) -> None:
    """There is one writer of it."""
    scene.begin()
    with capturedLogs() as logged:
        scene.verbs["log"](level="warn", namespace="mcpgate.admin.service", text="something")
    assert [(event["log_format"], event["text"]) for event in logged] == [("admin: {text}", "something")]
    assert logged[0]["log_namespace"] == "mcpgate.admin.service"
