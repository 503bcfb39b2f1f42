"""A fresh machine for each page, made of namespaces.

What runs on it sees the files of this one, but what it writes to F{/etc}, F{/var/lib}, F{/run},
F{/usr/local} and F{/usr/share} is its own and gone afterwards, and so are F{/home}, its network, in which
there is nothing but its world, its host name, and its processes, none of which outlives it. So pages say
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
OWN = ("/etc", "/var/lib", "/run", "/usr/local", "/usr/share")
#: What an installed mcpgate may have here, and a fresh machine has not.
OURS = ("/etc/mcpgate", "/var/lib/mcpgate", "/run/mcpgate", "/usr/share/mcpgate")
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
    _mount("tmpfs", Path("/home"), "tmpfs", "mode=755")
    HOME.mkdir()
    for place in OWN:
        upper, work = (scratch / kind / place.strip("/").replace("/", "-") for kind in ("upper", "work"))
        upper.mkdir(parents=True)
        work.mkdir(parents=True)
        _mount("overlay", Path(place), "overlay", f"lowerdir={place},upperdir={upper},workdir={work}")
    for place in OURS:
        # On the layer above: what is there stays where it is.
        shutil.rmtree(place, ignore_errors=True)


def _mount(source: str, target: Path, kind: str, options: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), os.fsencode(target), kind.encode(), 0, options.encode()):
        number = ctypes.get_errno()
        raise OSError(number, f"no {kind} on {target}: {os.strerror(number)}")


def _loopback_up() -> None:
    """What C{ip link set lo up} does."""
    get_flags, set_flags, up = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(any_socket, get_flags, request))[1]
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sH14x", b"lo", flags | up))
