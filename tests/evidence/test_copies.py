"""Copies: sent in order, whole, and waited for by nobody."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcpgate.evidence.checkpoint import FIRST, Checkpoint
from mcpgate.evidence.copies import WAITING_MOST, Copies, copies_to
from mcpgate.evidence.note import SigningKey
from mcpgate.evidence.targets import Directory, LocalSyslog, RemoteSyslog
from tests.waiting import eventually

KEY = SigningKey("gate-1", bytes(32))
NAME = "journal-0-00000001.checkpoints"


def note(size: int) -> bytes:
    one = Checkpoint(
        gate="gate-1",
        worker=0,
        segment=1,
        size=size,
        root=bytes(32),
        time="2026-11-26T09:30:00.123456Z",
        head=bytes(32),
        closed=False,
        previous=FIRST,
    )
    return KEY.sign(one.text())


def carried(message: bytes) -> bytes:
    """The note in a line of syslog."""
    found: str = json.loads(message[message.index(b"{") :])["checkpoint"]
    return found.encode()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[socket.socket]:
    """What stands for the syslog of this host."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "log"))
        sock.settimeout(10)
        yield sock


def test_a_directory_gets_each_gate_s_files_as_they_are(tmp_path: Path) -> None:
    """In one directory for each gate; for nobody else to read."""
    (copies,) = copies_to([Directory(tmp_path)])
    for size in (1, 2, 3):
        copies.send(NAME, note(size))
    copies.close()
    file = tmp_path / "gate-1" / NAME
    assert file.read_bytes() == b"".join(note(size) + b"\n" for size in (1, 2, 3))
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert copies.facts() == {"to": str(tmp_path), "waiting": 0, "dropped": 0, "failure": None}


def test_the_syslog_of_the_host_gets_a_line_for_each(tmp_path: Path, log: socket.socket) -> None:
    copies = Copies(LocalSyslog(), local=str(tmp_path / "log"))
    copies.send(NAME, note(1))
    message = log.recv(9000)
    copies.close()
    assert re.match(rb"<85>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d mcpgate\[\d+\]: \{", message)
    assert carried(message) == note(1) and b"\n" not in message and message.isascii()


def test_another_host_s_syslog_gets_a_line_for_each() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(10)
        copies = Copies(RemoteSyslog("127.0.0.1", sock.getsockname()[1]))
        copies.send(NAME, note(1))
        message = sock.recv(9000)
        copies.close()
    assert re.match(rb"<85>1 \d{4}-\d\d-\d\dT[\d:.]+Z \S+ mcpgate \d+ checkpoint - \{", message)
    assert carried(message) == note(1) and b"\n" not in message


def test_what_fails_waits_and_is_told_and_comes_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once: not every time that it fails again."""
    said: list[str] = []

    class Log:
        def error(self, text: str, **facts: Any) -> None:
            said.append(text.format(**facts))

        info = error

    monkeypatch.setattr(Copies, "log", Log())
    target = tmp_path / "mounted"
    copies = Copies(Directory(target), again=0.01)
    copies.send(NAME, note(1))
    eventually(lambda: copies.failure is not None, "it fails")
    copies.send(NAME, note(2))
    copies.send(NAME, note(3))
    facts = copies.facts()
    assert facts["waiting"] == 3 and facts["failure"] == "No such file or directory"
    target.mkdir()
    eventually(lambda: copies.facts()["waiting"] == 0, "it was sent")
    copies.close()
    assert (target / "gate-1" / NAME).read_bytes() == b"".join(note(size) + b"\n" for size in (1, 2, 3))
    assert said == [
        f"checkpoints are not copied to {target}: No such file or directory",
        f"checkpoints are copied to {target} again",
    ]


def test_no_more_waits_than_there_is_room_for(tmp_path: Path) -> None:
    copies = Copies(Directory(tmp_path / "gone"), again=60.0)
    for size in range(1, WAITING_MOST + 3):
        copies.send(NAME, b"gate-1/0/1\n%d\n" % size)
    assert copies.facts()["waiting"] == WAITING_MOST and copies.dropped == 2
    copies.close()
    copies.close()
    copies.send(NAME, note(1))
    assert copies.facts()["waiting"] == WAITING_MOST


def test_a_part_that_a_full_disk_took_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copies = Copies(Directory(tmp_path), again=0.01)
    copies.send(NAME, note(1))
    eventually(lambda: copies.facts()["waiting"] == 0, "it was sent")
    with monkeypatch.context() as patched:
        patched.setattr("mcpgate.evidence.copies.os.write", lambda fd, raw: _half(fd, raw))
        copies.send(NAME, note(2))
        eventually(lambda: copies.failure == "the disk is full", "the disk is full")
    eventually(lambda: copies.facts()["waiting"] == 0, "it was sent")
    copies.close()
    assert (tmp_path / "gate-1" / NAME).read_bytes() == note(1) + b"\n" + note(2) + b"\n"


def _half(fd: int, raw: bytes) -> int:
    with open(fd, "wb", closefd=False, buffering=0) as file:
        return file.write(raw[: len(raw) // 2])
