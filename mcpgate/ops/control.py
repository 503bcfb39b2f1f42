"""The control socket: how C{mcpgate status} and other verbs speak to a gate that runs.

One JSON object a line each way: C{{"verb": "status"}} is answered C{{"ok": true, ...}} or
C{{"ok": false, "error": "..."}}. Whoever may connect may do everything, so the socket is 0600 from
the moment it exists: its mode is set before it is bound (Linux takes the file's mode from the
socket), it is bound under another name, and the name people know is moved onto it at the end. The
same step replaces the socket that a killed gate left behind; one that still answers is never touched.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pwd
import socket
import stat
import struct
from collections.abc import Awaitable, Callable, Mapping
from inspect import signature
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import LineReceiver
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure
from zope.interface import implementer

#: The socket's name in the state directory.
SOCKET = "control.sock"

# A request is a verb and a few words.
REQUEST_MOST = 64 * 1024
# An answer may list tokens or held calls, some hundred bytes each.
ANSWER_MOST = 16 * 1024 * 1024
# A client that says nothing is a mistake; it should not hold a descriptor for ever.
SILENCE_MOST = 60.0
# A verb that takes longer than this has something to say meanwhile, which this protocol cannot.
ANSWER_TIMEOUT = 30.0
# unix(7): sun_path is 108 bytes, the last of them zero.
PATH_MOST = 107

# Linux, socket(7): struct ucred is process, user and group.
_CREDENTIALS = struct.Struct("3i")

#: What a verb is: named arguments in, a JSON object out, at once or later. One with a parameter C{peer} gets
#: there who asks (L{peer_of}); no request can say that itself.
Verb = Callable[..., Mapping[str, object] | Awaitable[Mapping[str, object]]]


class ControlError(Exception):
    """What went wrong, in words for whoever asked."""


class NoGate(ControlError):
    """No gate runs there."""


class ControlSocket:
    """The listening side. A verb refuses by raising L{ControlError} with words for the caller."""

    def __init__(self, reactor: Any, path: Path, verbs: Mapping[str, Verb]) -> None:
        self._reactor = reactor
        self._path = path
        self._factory = _Factory(reactor, verbs)
        self._door: Door | None = None

    def start(self) -> None:
        """Listen. Raises L{ControlError} if a gate already does, or if it cannot be."""
        try:
            taken = f"a gate is already running with the state directory {self._path.parent}"
            listening, inode = private_socket(self._path, taken)
        except OSError as error:
            raise ControlError(f"the control socket {self._path} cannot be made: {_reason(error)}") from None
        self._door = Door(self._reactor, listening, self._factory, inode)
        self._door.start()

    def stop(self) -> None:
        """Stop listening, hang up, and take the socket away if it is still ours."""
        door, self._door = self._door, None
        if door is None:
            return
        door.close()
        with contextlib.suppress(OSError):
            if self._path.lstat().st_ino == door.inode:
                self._path.unlink()
        self._factory.hang_up()


def private_socket(path: Path, taken: str) -> tuple[socket.socket, int]:
    """
    A unix socket that listens and that only its owner may open, at no moment anybody else; with its inode.

    @param taken: what to say where somebody listens there.
    @raise ControlError: somebody does, or something else is in the way.
    @raise OSError: it cannot be made.
    """
    _refuse_if_taken(path, taken)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        os.fchmod(listening.fileno(), stat.S_IRUSR | stat.S_IWUSR)
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
        listening.bind(os.fsencode(fresh))
        # Should the system have ignored fchmod: closed rather than open.
        fresh.chmod(stat.S_IRUSR | stat.S_IWUSR)
        listening.listen()
        inode = fresh.stat().st_ino
        fresh.replace(path)
    except OSError:
        listening.close()
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise
    return listening, inode


@implementer(IReadDescriptor)
class Door:
    """Accepts connections. Not C{reactor.listenUNIX}, which opens the socket to all and then narrows."""

    def __init__(self, reactor: Any, listening: socket.socket, factory: Any, inode: int = 0) -> None:
        self._reactor = reactor
        self._listening = listening
        self._factory = factory
        self._again: Any = None
        #: Of the socket's file, for whoever takes it away.
        self.inode = inode

    def start(self) -> None:
        """Begin to accept."""
        self._reactor.addReader(self)

    def fileno(self) -> int:
        return self._listening.fileno()

    def logPrefix(self) -> str:
        return "control"

    def doRead(self) -> None:
        try:
            accepted, _ = self._listening.accept()
            with accepted:
                accepted.setblocking(False)
                # Takes a descriptor of its own.
                self._reactor.adoptStreamConnection(accepted.fileno(), socket.AF_UNIX, self._factory)
        except (BlockingIOError, ConnectionAbortedError, InterruptedError):
            return
        except OSError:
            # Out of descriptors: the socket stays readable, so look again in a second, not at once.
            self._reactor.removeReader(self)
            self._again = self._reactor.callLater(1.0, self._resume)

    def _resume(self) -> None:
        self._again = None
        self._reactor.addReader(self)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor is going away."""
        self._listening.close()

    def close(self) -> None:
        """Accept no more; the listening socket is closed."""
        if self._again is not None:
            self._again.cancel()
        self._reactor.removeReader(self)
        self._listening.close()


class _Factory(Factory):
    noisy = False

    def __init__(self, reactor: Any, verbs: Mapping[str, Verb]) -> None:
        self.reactor = reactor
        self.verbs = verbs
        self.open: set[_Conversation] = set()  # to hang up on

    def buildProtocol(self, addr: object) -> _Conversation:
        return _Conversation(self)

    def hang_up(self) -> None:
        for conversation in tuple(self.open):
            conversation.transport.abortConnection()


class _Conversation(LineReceiver, TimeoutMixin):
    """One client. Requests are answered in order, the next one only after the last."""

    _log = Logger()
    transport: Any
    delimiter = b"\n"
    MAX_LENGTH = REQUEST_MOST

    def __init__(self, factory: _Factory) -> None:
        self._ours = factory

    def callLater(self, period: float, call: Callable[[], None]) -> Any:
        """L{TimeoutMixin} asks for this, so that the clock is ours and not the global one."""
        return self._ours.reactor.callLater(period, call)

    def connectionMade(self) -> None:
        self._ours.open.add(self)
        self.setTimeout(SILENCE_MOST)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._ours.open.discard(self)
        self.setTimeout(None)

    def lineLengthExceeded(self, line: bytes) -> None:
        self._answer({"ok": False, "error": f"a request is at most {REQUEST_MOST} bytes"})
        self.transport.loseConnection()

    def lineReceived(self, line: bytes) -> None:
        self.setTimeout(None)
        self.pauseProducing()
        answered = maybeDeferred(self._do, line)
        answered.addCallbacks(self._answer, self._failed)
        answered.addErrback(self._failed)
        answered.addBoth(self._listen_again)

    def _do(self, line: bytes) -> Deferred[Mapping[str, object]]:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            raise ControlError("the request is not JSON") from None
        if not isinstance(request, dict) or not isinstance(request.get("verb"), str):
            raise ControlError("the request names no verb")
        name = request.pop("verb")
        verb = self._ours.verbs.get(name)
        if verb is None:
            known = ", ".join(sorted(self._ours.verbs))
            raise ControlError(f"this gate knows no such verb; it knows {known}")
        if "peer" in signature(verb).parameters:
            request["peer"] = peer_of(self.transport.getHandle())
        try:
            signature(verb).bind(**request)
        except TypeError as error:
            raise ControlError(f"{name}: {error}") from None

        async def run() -> Mapping[str, object]:
            result = verb(**request)
            return {"ok": True, **(await result if isinstance(result, Awaitable) else result)}

        return Deferred.fromCoroutine(run())

    def _failed(self, failure: Failure) -> None:
        if failure.check(ControlError):
            self._answer({"ok": False, "error": str(failure.value)})
        else:
            self._log.failure("a verb of the control socket failed", failure=failure)
            self._answer({"ok": False, "error": "the gate failed at this; its log says why"})

    def _answer(self, answer: Mapping[str, object]) -> None:
        # Encoded before anything is written: what isn't JSON becomes a failure, not half a line.
        self.sendLine(json.dumps(answer).encode())

    def _listen_again(self, _: object) -> None:
        if self in self._ours.open:
            self.setTimeout(SILENCE_MOST)
            self.resumeProducing()


def peer_of(connected: socket.socket) -> str:
    """Who is at the other end of a unix socket, by the kernel's word: C{alice (uid 1000)}."""
    raw = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(raw)
    try:
        return f"{pwd.getpwuid(user).pw_name} (uid {user})"
    except KeyError:
        # A container has often no name for it.
        return f"uid {user}"


def ask(path: Path, verb: str, /, **arguments: object) -> dict[str, Any]:
    """Ask the gate whose control socket this is; waits for the answer, without its C{ok}.

    Raises L{NoGate} when none runs there, L{ControlError} with the gate's words when it refuses.
    """
    request = json.dumps({**arguments, "verb": verb}).encode() + b"\n"
    if len(request) > REQUEST_MOST:
        raise ControlError(f"a request is at most {REQUEST_MOST} bytes")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(ANSWER_TIMEOUT)
        try:
            client.connect(os.fsencode(path))
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            raise NoGate(f"no gate is running with the state directory {path.parent}") from None
        except PermissionError:
            raise ControlError(f"{path} is somebody else's; ask as the user that runs the gate") from None
        except OSError as error:
            raise ControlError(f"{path}: {_reason(error)}") from None
        try:
            client.sendall(request)
            line = _one_line(client)
        except TimeoutError:
            raise ControlError(f"the gate did not answer within {ANSWER_TIMEOUT:.0f} seconds") from None
        except OSError as error:
            raise ControlError(f"the gate hung up: {_reason(error)}") from None
    return _understood(line)


def _one_line(client: socket.socket) -> bytes:
    line = bytearray()
    while not line.endswith(b"\n"):
        more = client.recv(1 << 16)
        if not more:
            raise ControlError("the gate hung up before it answered")
        line += more
        if len(line) > ANSWER_MOST:
            raise ControlError("the gate's answer is too long")
    return bytes(line)


def _understood(line: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(line)
        ok = answer.pop("ok")
    except (ValueError, KeyError, AttributeError, TypeError):
        raise ControlError("the answer makes no sense; is that a gate's control socket?") from None
    if ok is not True:
        raise ControlError(str(answer.get("error", "the gate refused without a word")))
    return dict(answer)


def _refuse_if_taken(path: Path, taken: str) -> None:
    """Raise L{ControlError} unless C{path} is free or a socket that nobody listens on any more."""
    if len(os.fsencode(path)) > PATH_MOST - len(f".{os.getpid()}"):
        raise ControlError(f"{path} is too long for a unix socket; choose a shorter state directory")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as client:
        try:
            if not stat.S_ISSOCK(path.lstat().st_mode):
                raise ControlError(f"{path} is in the way: it is not a socket")
            client.connect(os.fsencode(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return
        except BlockingIOError:
            # A full queue is a listener too.
            pass
        except OSError as error:
            raise ControlError(f"{path}: {_reason(error)}") from None
    raise ControlError(taken)


def _reason(error: OSError) -> str:
    return error.strerror or errno.errorcode.get(error.errno or 0, str(error))
