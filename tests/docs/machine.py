"""A fresh machine for each page, made of namespaces.

What runs on it sees the files of this one, but what it writes to F{/etc}, F{/home}, F{/var/lib}, F{/run},
F{/usr/local} and F{/usr/share} is its own and gone afterwards, and so are its network, in which there is
nothing but its world, its host name, and its processes, none of which outlives it. So pages say
C{https://files.example.com/mcp}, C{:8443} and F{/etc/mcpgate/mcpgate.toml} as their readers would, and any
number of them runs at once.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

#: Seconds for a page, on a machine that does much else; alone it takes some ten.
MOST = 600.0

HOST = "gate"
#: Where it can write; what is there already is seen below.
OWN = ("/etc", "/home", "/var/lib", "/run", "/usr/local", "/usr/share")
#: And further below these, where that has to be said.
BELOW = ("/etc/ssl", "/etc/ssl/certs", "/usr/local/bin")
#: What an installed mcpgate may have here, and a fresh machine has not.
OURS = ("/etc/mcpgate", "/var/lib/mcpgate", "/run/mcpgate", "/usr/share/mcpgate")
#: MS_BIND and MS_REC of mount(2).
_BIND = 4096 | 16384
#: Where a page begins.
HOME = Path("/home/you")


class NoMachine(Exception):
    """Namespaces are not to be had here."""


def on_a_machine(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module of ours on one, and wait for its end.

    @raise NoMachine: if there is none to be had.
    """
    make = [
        "unshare",
        "--mount",
        "--net",
        "--uts",
        "--ipc",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ]
    if os.getuid():
        make.append("--map-root-user")
    try:
        possible = subprocess.run([*make, "true"], capture_output=True, text=True)
    except FileNotFoundError:
        raise NoMachine("there is no unshare (util-linux), which the pages are run by") from None
    if possible.returncode:
        raise NoMachine(f"no namespaces are to be had here: {possible.stderr.strip()}")
    return subprocess.run(
        [*make, sys.executable, "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=MOST,
    )


def settle(scratch: Path) -> None:
    """Make this, which C{unshare} has started, the machine.

    @param scratch: an empty directory for all that is written to directories of its own.
    """
    socket.sethostname(HOST)
    _loopback_up()
    _mount("tmpfs", scratch, "tmpfs", "mode=755")
    if _all_users():
        for place in OWN:
            upper, work = (scratch / kind / place.strip("/").replace("/", "-") for kind in ("upper", "work"))
            upper.mkdir(parents=True)
            work.mkdir(parents=True)
            _mount("overlay", Path(place), "overlay", f"lowerdir={place},upperdir={upper},workdir={work}")
    else:
        for place in (*OWN, *BELOW):
            _link(Path(place), scratch / "below" / place.strip("/"))
    for place in map(Path, OURS):
        # On the layer above: what is there stays where it is.
        if place.is_symlink():
            place.unlink()
        else:
            shutil.rmtree(place, ignore_errors=True)
    HOME.mkdir()


def _all_users() -> bool:
    """Whether the users of this machine are known in its namespace, as they are to root alone."""
    return Path("/proc/self/uid_map").read_text().split()[2] == str(2**32 - 1)


def _link(place: Path, below: Path) -> None:
    """Without root, what others own could not be replaced on an overlay: so each entry is a link to it."""
    if place.is_symlink():
        there = place.resolve()
        place.unlink()
        place.mkdir()
    else:
        below.mkdir(parents=True)
        _mount(str(place), below, None, "", _BIND)
        _mount("tmpfs", place, "tmpfs", "mode=755")
        there = below
    for entry in there.iterdir():
        (place / entry.name).symlink_to(os.readlink(entry) if entry.is_symlink() else entry)


def _mount(source: str, target: Path, kind: str | None, options: str, flags: int = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    named = None if kind is None else kind.encode()
    if libc.mount(source.encode(), os.fsencode(target), named, ctypes.c_ulong(flags), options.encode()):
        number = ctypes.get_errno()
        raise OSError(number, f"no {kind} on {target}: {os.strerror(number)}")


def _loopback_up() -> None:
    """What C{ip link set lo up} does."""
    get_flags, set_flags, up = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(any_socket, get_flags, request))[1]
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sH14x", b"lo", flags | up))
