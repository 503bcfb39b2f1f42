"""The control socket over real sockets: a reactor of our own in a thread, the blocking client here."""

import errno
import json
import os
import pwd
import socket
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.epollreactor import EPollReactor
from twisted.logger import globalLogPublisher

from mcpgate.ops.control import REQUEST_MOST, SOCKET, ControlError, ControlSocket, NoGate, Verb, ask, peer_of


class Running:
    """A reactor in a thread, with which a control socket is started and stopped."""

    def __init__(self) -> None:
        self.reactor: Any = EPollReactor()
        self._thread = threading.Thread(target=self.reactor.run, kwargs={"installSignalHandlers": False})
        started = threading.Event()
        self.reactor.callWhenRunning(started.set)
        self._thread.start()
        started.wait()

    def do(self, call: Callable[[], None]) -> None:
        """Call in the reactor's thread, wait, and raise here what it raised."""
        done = threading.Event()
        raised: list[BaseException] = []

        def run() -> None:
            try:
                call()
            except BaseException as error:
                raised.append(error)
            done.set()

        self.reactor.callFromThread(run)
        done.wait()
        if raised:
            raise raised[0]

    def stop(self) -> None:
        """End the reactor."""
        self.reactor.callFromThread(self.reactor.stop)
        self._thread.join()


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """One reactor for all tests."""
    running = Running()
    yield running
    running.stop()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the socket is, in a state directory."""
    return tmp_path / SOCKET


@contextmanager
def gate(running: Running, path: Path, **verbs: Verb) -> Iterator[ControlSocket]:
    """A control socket that listens."""
    control = ControlSocket(running.reactor, path, verbs)
    running.do(control.start)
    try:
        yield control
    finally:
        running.do(control.stop)


def nothing() -> Mapping[str, object]:
    """A verb that has nothing to say."""
    return {}


def raw(path: Path, sent: bytes, answers: int = 1) -> list[Any]:
    """Send bytes as they are, and read that many answers."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(sent)
        with client.makefile("rb") as lines:
            return [json.loads(lines.readline()) for _ in range(answers)]


def test_a_verb_is_answered(running: Running, path: Path) -> None:
    """With its result; the arguments arrive by name."""
    with gate(running, path, add=lambda left, right: {"sum": left + right}):
        assert ask(path, "add", left=2, right=3) == {"sum": 5}


def test_a_verb_may_take_its_time(running: Running, path: Path) -> None:
    """A coroutine or a Deferred is waited for."""

    async def slow() -> Mapping[str, object]:
        waiting: Deferred[str] = Deferred()
        running.reactor.callLater(0, waiting.callback, "done")
        return {"said": await waiting}

    def later() -> Deferred[Mapping[str, object]]:
        waiting: Deferred[Mapping[str, object]] = Deferred()
        running.reactor.callLater(0, waiting.callback, {"said": "later"})
        return waiting

    with gate(running, path, slow=slow, later=later):
        assert ask(path, "slow") == {"said": "done"}
        assert ask(path, "later") == {"said": "later"}


def test_a_verb_may_know_who_asks(running: Running, path: Path) -> None:
    """By the kernel's word, and not by that of whoever asks."""
    me = f"{pwd.getpwuid(os.getuid()).pw_name} (uid {os.getuid()})"
    with gate(running, path, who=lambda peer, word="": {"peer": peer, "word": word}):
        assert ask(path, "who", word="hello") == {"peer": me, "word": "hello"}
        assert ask(path, "who", peer="root (uid 0)")["peer"] == me


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container."""

    def nobody(user: int) -> None:
        raise KeyError(user)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    left, right = socket.socketpair()
    with left, right:
        assert peer_of(left) == f"uid {os.getuid()}"


def test_requests_on_one_connection_are_answered_in_order(running: Running, path: Path) -> None:
    """Even when they came in one piece and the first takes longer."""

    async def first() -> Mapping[str, object]:
        waiting: Deferred[None] = Deferred()
        running.reactor.callLater(0, waiting.callback, None)
        await waiting
        return {"n": 1}

    with gate(running, path, first=first, second=lambda: {"n": 2}):
        sent = b'{"verb": "first"}\n{"verb": "second"}\n{"verb": "first"}\n'
        assert [answer["n"] for answer in raw(path, sent, 3)] == [1, 2, 1]


def test_a_refusal_comes_in_the_words_of_the_verb(running: Running, path: Path) -> None:
    """As an exception here."""

    def refuse() -> Mapping[str, object]:
        raise ControlError("no token is named ci")

    with gate(running, path, revoke=refuse):
        with pytest.raises(ControlError, match="^no token is named ci$"):
            ask(path, "revoke")


@pytest.mark.parametrize("fault", [{"unspeakable": object()}, None, ValueError("hunter2")])
def test_a_fault_of_the_gate_is_logged_and_not_told(running: Running, path: Path, fault: object) -> None:
    """No traceback and no inner words reach the client; the gate goes on."""
    logged: list[Any] = []

    def fail() -> Any:
        if isinstance(fault, Exception):
            raise fault
        return fault

    globalLogPublisher.addObserver(logged.append)
    try:
        with gate(running, path, fail=fail, status=lambda: {"up": True}):
            answer, after = raw(path, b'{"verb": "fail"}\n{"verb": "status"}\n', 2)
    finally:
        globalLogPublisher.removeObserver(logged.append)
    assert answer == {"ok": False, "error": "the gate failed at this; its log says why"}
    assert after == {"ok": True, "up": True}
    assert [event["log_failure"].type for event in logged if "log_failure" in event] != []


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"status\n", "the request is not JSON"),
        (b"\xff\n", "the request is not JSON"),
        (b"[" * 20_000 + b"\n", "the request is not JSON"),
        (b"\n", "the request is not JSON"),
        (b"[]\n", "the request names no verb"),
        (b"{}\n", "the request names no verb"),
        (b'{"verb": 5}\n', "the request names no verb"),
        (b'{"verb": "stauts"}\n', "this gate knows no such verb; it knows status"),
        (b'{"verb": "status", "more": 1}\n', "status: got an unexpected keyword argument 'more'"),
        (b"{" + b" " * REQUEST_MOST + b"}\n", "a request is at most 65536 bytes"),
        (b" " * (REQUEST_MOST + 2), "a request is at most 65536 bytes"),
    ],
)
def test_what_is_no_request_is_refused_in_words(
    running: Running, path: Path, sent: bytes, words: str
) -> None:
    """And does no harm to the next one."""
    with gate(running, path, status=nothing):
        assert raw(path, sent) == [{"ok": False, "error": words}]
        assert ask(path, "status") == {}


def test_only_the_owner_can_connect_from_the_first_moment(running: Running, path: Path) -> None:
    """Whatever the umask, which belongs to the whole process and is left as it was."""
    before = os.umask(0)
    try:
        with gate(running, path):
            mode = path.stat().st_mode
            assert os.umask(0) == 0
    finally:
        os.umask(before)
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


def test_the_socket_goes_with_the_gate(running: Running, path: Path) -> None:
    """Nothing else is left behind either."""
    with gate(running, path):
        assert [entry.name for entry in path.parent.iterdir()] == [SOCKET]
    assert list(path.parent.iterdir()) == []


def test_a_socket_that_somebody_removed_does_not_keep_the_gate_from_stopping(
    running: Running, path: Path
) -> None:
    """And one that another gate has put there since is left alone."""
    with gate(running, path):
        path.unlink()
    with gate(running, path):
        path.unlink()
        path.write_text("somebody else's")
    assert path.read_text() == "somebody else's"


def test_the_last_descriptor_costs_one_conversation_only(
    running: Running, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection takes two for a moment; where there is one left, the socket stays for who asks later."""

    def none_left(*_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with gate(running, path, nothing=nothing):
        with monkeypatch.context() as patched:
            patched.setattr(running.reactor, "adoptStreamConnection", none_left)
            with pytest.raises(ControlError, match="hung up"):
                ask(path, "nothing")
        assert ask(path, "nothing") == {}


def test_a_connection_that_is_open_ends_with_the_gate(running: Running, path: Path) -> None:
    """A client that only listens does not hold up the end."""
    with socket.socket(socket.AF_UNIX) as client:
        with gate(running, path, status=nothing):
            client.connect(str(path))
            client.sendall(b'{"verb": "status"}\n')
            assert client.recv(100) == b'{"ok": true}\n'
        try:
            assert client.recv(100) == b""
        except ConnectionResetError:
            pass


def test_a_socket_that_a_killed_gate_left_is_replaced(running: Running, path: Path) -> None:
    """A restart needs no cleaning up."""
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
        killed.listen()
    with pytest.raises(NoGate):
        ask(path, "status")
    with gate(running, path, status=lambda: {"new": True}):
        assert ask(path, "status") == {"new": True}


def test_a_second_gate_is_refused_and_the_first_goes_on(running: Running, path: Path) -> None:
    """Two gates never share a state directory."""
    with gate(running, path, status=lambda: {"first": True}):
        with pytest.raises(ControlError, match="a gate is already running with the state directory"):
            running.do(ControlSocket(running.reactor, path, {}).start)
        assert ask(path, "status") == {"first": True}


def test_a_file_in_the_way_is_left_alone(running: Running, path: Path) -> None:
    """It is not ours to delete."""
    path.write_text("mine")
    with pytest.raises(ControlError, match="is in the way: it is not a socket"):
        running.do(ControlSocket(running.reactor, path, {}).start)
    assert path.read_text() == "mine"


def test_a_socket_that_cannot_be_made_is_told_in_words(running: Running, tmp_path: Path) -> None:
    """A directory that is not there, or a path beyond what the system can name."""
    for place, words in (
        (tmp_path / "none" / SOCKET, "cannot be made"),
        (tmp_path / ("x" * 120) / SOCKET, "too long"),
    ):
        with pytest.raises(ControlError, match=words):
            running.do(ControlSocket(running.reactor, place, {}).start)


def test_asking_where_no_gate_runs_says_so(tmp_path: Path) -> None:
    """With the state directory, as that is what people know."""
    with pytest.raises(NoGate, match=f"^no gate is running with the state directory {tmp_path}$"):
        ask(tmp_path / SOCKET, "status")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "hung up before it answered"),
        (b'{"ok": true', "hung up before it answered"),
        (b"HTTP/1.1 400 Bad Request\n", "the answer makes no sense"),
        (b"[]\n", "the answer makes no sense"),
        (b"{}\n", "the answer makes no sense"),
        (b'{"ok": "yes"}\n', "the gate refused without a word"),
    ],
)
def test_an_answer_that_is_none_is_told_in_words(path: Path, answer: bytes, words: str) -> None:
    """Something else may listen there."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            with listening.accept()[0] as accepted:
                accepted.recv(1000)
                accepted.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(ControlError, match=words):
            ask(path, "status")
        thread.join()


def test_a_request_that_is_too_long_is_not_sent(path: Path) -> None:
    """The gate would not read it."""
    with pytest.raises(ControlError, match="at most 65536 bytes"):
        ask(path, "status", padding="x" * REQUEST_MOST)
