"""Runs a command as the unit lets it run: with its system calls and socket families alone, without a way up.

C{python -m tests.cli.sandboxed UNIT COMMAND...}, in a process of its own: a filter cannot be taken off again.
What systemd does with mounts and users is left out; it needs to be the first process for that.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_EQUAL = 4


class _Compare(ctypes.Structure):
    """C{struct scmp_arg_cmp} of seccomp.h."""

    _fields_ = [
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    ]


def settings(unit: Path, key: str) -> list[str]:
    """The values of a key of a unit, in their order."""
    return re.findall(rf"^{key}=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)


def group(name: str) -> Iterator[str]:
    """The calls of a set such as C{@system-service}, as this machine's systemd has it."""
    # It would tell a service manager of itself, and wait when nobody reads that (since systemd 258 or so).
    environ = {key: value for key, value in os.environ.items() if key != "NOTIFY_SOCKET"}
    command = ["systemd-analyze", "syscall-filter", name]
    told = subprocess.run(command, capture_output=True, text=True, check=True, env=environ)
    for line in told.stdout.splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            yield from group(word)
        elif word and not word.startswith("#"):
            yield word


def allowed(unit: Path) -> set[str]:
    """The calls that a unit allows: what is named, and then taken away and given back in order."""
    calls: set[str] = set()
    for line in settings(unit, "SystemCallFilter"):
        names = line.removeprefix("~").split()
        named = {call for name in names for call in (group(name) if name.startswith("@") else (name,))}
        calls = calls - named if line.startswith("~") else calls | named
    return calls


def confine(calls: set[str], families: list[str]) -> None:
    """From here on nothing else: what is not allowed fails with EPERM."""
    library = ctypes.CDLL(ctypes.util.find_library("seccomp") or "libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(_ERRNO | errno.EPERM))
    assert context.value

    def rule(action: int, name: str, *compared: _Compare) -> None:
        number = library.seccomp_syscall_resolve_name(name.encode())
        # Those of other processors, and of other times.
        if number >= 0:
            how = ctypes.c_uint32(action)
            done = library.seccomp_rule_add(context, how, number, len(compared), *compared)
            assert done == 0, (name, done)

    for name in calls - {"socket"}:
        rule(_ALLOW, name)
    for family in families:
        rule(_ALLOW, "socket", _Compare(0, _EQUAL, getattr(socket, family), 0))
    assert library.seccomp_load(context) == 0


if __name__ == "__main__":
    file, *command = sys.argv[1:]
    calls = allowed(Path(file))
    # Only root gives files to others, and the unit does not run as root.
    calls |= {"fchown"} if os.geteuid() == 0 else set()
    confine(calls, settings(Path(file), "RestrictAddressFamilies")[0].split())
    os.execvp(command[0], command)
