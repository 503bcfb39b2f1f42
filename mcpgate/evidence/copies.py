"""Copies of checkpoints: what somebody holds who does not have this host.

A checkpoint that has left the host cannot be taken back by anybody who takes the host over, key and all:
what they make of the past differs from it. So copies are what a chain and a key cannot do without.

Each target has a thread of its own, as a directory on another host may hang, and so may a name that is
looked up. What cannot be sent waits, in order, and is told; nothing waits for it.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import closing
from threading import Condition, Thread
from typing import Any

from twisted.logger import Logger

from mcpgate.evidence.record import timestamp
from mcpgate.evidence.targets import Directory, LocalSyslog, RemoteSyslog, Target

#: Checkpoints that wait for one target: a day's, at one a minute. Then the oldest are dropped, and counted;
#: the newest say of them what there is to say.
WAITING_MOST = 1440
#: Seconds until a target that failed is tried again, and that the end waits for one.
AGAIN = 10.0
LAST = 2.0

#: authpriv (10), notice (5): kept by all, and readable for few.
_PRIORITY = 10 * 8 + 5
_LOCAL = "/dev/log"


class Copies:
    """Copies to one target. It neither blocks nor raises; C{failure} is why it cannot send, if so."""

    log = Logger()

    def __init__(self, target: Target, *, local: str = _LOCAL, again: float = AGAIN) -> None:
        """
        @param local: the socket of this host's syslog.
        @param again: seconds until a target that failed is tried again.
        """
        self.target = target
        self.failure: str | None = None
        self.dropped = 0
        self._deliver = _delivery(target, local)
        self._again = again
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._changed = Condition()
        self._closed = False
        self._thread: Thread | None = None
        self._told: str | None = None

    def send(self, name: str, note: bytes) -> None:
        """
        Have it sent, after all that waits.

        @param name: of the file that it is in.
        """
        self._tell()
        with self._changed:
            if self._closed:
                return
            if len(self._waiting) >= WAITING_MOST:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append((name, note))
            self._changed.notify()
        if self._thread is None:
            self._thread = Thread(target=self._run, name=f"copies to {self.target}", daemon=True)
            self._thread.start()

    def facts(self) -> dict[str, Any]:
        """Where that is, and what is wrong with it, if anything."""
        return {
            "to": str(self.target),
            "waiting": len(self._waiting),
            "dropped": self.dropped,
            "failure": self.failure,
        }

    def close(self) -> None:
        """Send what waits, if that is possible within a moment. Closing twice does nothing."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(LAST)
            self._thread = None
        self._tell()

    def _tell(self) -> None:
        """Log what has changed; here and not in the thread, which the log is not made for."""
        failure = self.failure
        if failure is not None and failure != self._told:
            self.log.error("checkpoints are not copied to {to}: {why}", to=str(self.target), why=failure)
        elif failure is None and self._told is not None:
            self.log.info("checkpoints are copied to {to} again", to=str(self.target))
        self._told = failure

    # In the thread.

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if not self._waiting:
                    return
                name, note = self._waiting[0]
            try:
                self._deliver(name, note)
            except OSError as error:
                self.failure = error.strerror or str(error)
                with self._changed:
                    if self._closed:
                        return
                    self._changed.wait(self._again)
                continue
            self.failure = None
            with self._changed:
                # It may have been dropped meanwhile, as too many waited.
                if self._waiting and self._waiting[0] == (name, note):
                    self._waiting.popleft()


def copies_to(targets: Iterable[Target]) -> tuple[Copies, ...]:
    """Copies to all of these."""
    return tuple(map(Copies, targets))


def _delivery(target: Target, local: str) -> Callable[[str, bytes], None]:
    match target:
        case LocalSyslog():
            return lambda name, note: _to_local(local, note)
        case RemoteSyslog():
            return lambda name, note: _to_remote(target, note)
        case Directory():
            return lambda name, note: _to_directory(target, name, note)


def one_line(note: bytes) -> str:
    """A note in one line of a log, from which C{evidence verify --checkpoints} reads it again."""
    return json.dumps({"checkpoint": note.decode()}, separators=(",", ":"))


def _to_local(path: str, note: bytes) -> None:
    # RFC 3164, as the C library writes it: what listens there may know nothing else (journald).
    stamp = time.strftime("%b %e %H:%M:%S")
    raw = f"<{_PRIORITY}>{stamp} mcpgate[{os.getpid()}]: {one_line(note)}".encode()
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as sock:
        sock.settimeout(AGAIN)
        try:
            sock.connect(path)
            sock.send(raw)
        except OSError as error:
            # Without a name: whoever reads of it should not have to know where it is.
            raise OSError(error.errno, f"{path}: {error.strerror or error}") from error


def _to_remote(target: RemoteSyslog, note: bytes) -> None:
    # RFC 5424; the length of the message is far below what every receiver has to take.
    host = "".join(c for c in socket.gethostname() if 32 < ord(c) < 127)[:255] or "-"
    stamp = timestamp(time.time())
    raw = f"<{_PRIORITY}>1 {stamp} {host} mcpgate {os.getpid()} checkpoint - {one_line(note)}".encode()
    places = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_DGRAM)
    family, kind, proto, _, address = places[0]
    with closing(socket.socket(family, kind, proto)) as sock:
        sock.connect(address)
        sock.send(raw)


def _to_directory(target: Directory, name: str, note: bytes) -> None:
    """Into a directory for the gate, as several may share the target; whole or not at all."""
    gate = note.partition(b"/")[0].decode()
    directory = target.path / gate
    # Not its parents: where a disk is not mounted, nothing is written into the place for it.
    directory.mkdir(mode=0o700, exist_ok=True)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    fd = os.open(directory / name, flags, 0o600)
    try:
        end = os.fstat(fd).st_size
        raw = note + b"\n"
        try:
            if os.write(fd, raw) != len(raw):
                raise OSError(errno.ENOSPC, "the disk is full")
            os.fsync(fd)
        except OSError:
            os.ftruncate(fd, end)
            raise
    finally:
        os.close(fd)
