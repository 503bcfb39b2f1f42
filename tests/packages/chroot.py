"""Fresh Debian systems to install packages in: made once, unpacked for each use, removed after it.

A command in a L{Chroot} has a mount namespace of its own, with C{/proc} and C{/dev/shm} in it: however it
ends, nothing stays mounted, and removing the directory removes all there was. It shares the machine's
network, so that a gate in it can be called, and call, across loopback. Only root can do this.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

#: The project's own.
ROOT = Path(__file__).resolve().parents[2]
BASES = ROOT / "build" / "chroots"
MIRROR = "http://deb.debian.org/debian"

#: What a service's package expects of any system, however small.
SYSTEM = ("adduser", "ca-certificates", "man-db", "passwd", "systemd")

# Installing what Twisted wants takes a minute, and several on a busy machine.
COMMAND_MOST = 900.0
# What was the newest a week ago says little about what is installed today.
BASE_AGE_MOST = 7 * 24 * 3600.0

#: What programs in there may know of the outside.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}
_INSIDE = 'mount -t proc proc "$0/proc" && mount -t tmpfs -o mode=1777 none "$0/dev/shm" && exec chroot "$@"'


def missing() -> str | None:
    """What keeps this machine from making any, in a sentence."""
    if os.geteuid() != 0:
        return "only root can make chroots"
    lacks = [name for name in ("mmdebstrap", "unshare", "chroot") if shutil.which(name) is None]
    return f"missing: {', '.join(lacks)}; apt install mmdebstrap util-linux" if lacks else None


def base(suite: str) -> Path:
    """The archive of a system that has C{SYSTEM} and nothing more."""
    BASES.mkdir(parents=True, exist_ok=True)
    archive = BASES / f"{suite}.tar"
    if archive.exists() and time.time() - archive.stat().st_mtime < BASE_AGE_MOST:
        return archive
    part = archive.with_suffix(".part.tar")
    done = subprocess.run(
        [
            "mmdebstrap", "--quiet", "--variant=apt", "--mode=root", f"--include={','.join(SYSTEM)}",
            # A mirror whose Release file is some days old is as good.
            "--aptopt=Acquire::Check-Valid-Until \"false\"",
            suite, str(part), MIRROR,
        ],
        capture_output=True, text=True, timeout=COMMAND_MOST, env=ENVIRONMENT,
    )  # fmt: skip
    if done.returncode != 0:
        part.unlink(missing_ok=True)
        raise RuntimeError(f"mmdebstrap {suite} ended with {done.returncode}:\n{done.stderr}")
    part.rename(archive)
    return archive


class Chroot:
    """One such system, from C{with} until its end."""

    def __init__(self, suite: str, directory: Path) -> None:
        self.suite = suite
        self.root = directory

    def __enter__(self) -> Self:
        archive = base(self.suite)
        self.root.mkdir(parents=True)
        try:
            subprocess.run(["tar", "--numeric-owner", "-xf", archive, "-C", self.root], check=True)
            # No package starts anything in here.
            policy = self.path("/usr/sbin/policy-rc.d")
            policy.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
            policy.chmod(0o755)
            # What is thrown away need not be safe on the disk, nor have an index of its manual.
            self.path("/etc/dpkg/dpkg.cfg.d/unsafe").write_text("force-unsafe-io\n", encoding="ascii")
            self.path("/var/lib/man-db/auto-update").unlink(missing_ok=True)
            # As any installer writes it: without it, older releases ask the network who localhost is.
            self.path("/etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n", encoding="ascii")
            self.path("/etc/resolv.conf").unlink(missing_ok=True)
            shutil.copy("/etc/resolv.conf", self.path("/etc/resolv.conf"))
        except BaseException:
            shutil.rmtree(self.root)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self.root)

    def path(self, inside: str | Path) -> Path:
        """Where a path of the chroot is outside. Links are not followed: theirs lead elsewhere here."""
        return self.root / str(inside).lstrip("/")

    def command(
        self, *words: str | Path, user: str = "root", env: Mapping[str, str] | None = None
    ) -> list[str]:
        """The words to start a command in it by; the process that they start becomes the command's."""
        settings = {**ENVIRONMENT, **(env or {})}
        inside = ["env", "-i", *(f"{name}={value}" for name, value in settings.items()), *map(str, words)]
        userspec = f"--userspec={user}:{user}" if user != "root" else "--userspec=0:0"
        return ["unshare", "--mount", "sh", "-c", _INSIDE, str(self.root), userspec, str(self.root), *inside]

    def run(
        self,
        *words: str | Path,
        user: str = "root",
        env: Mapping[str, str] | None = None,
        good: Sequence[int] = (0,),
        **more: Any,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in it to its end, with all that it started; fails with what it wrote if that is not
        with an exit code of C{good}."""
        words = ("unshare", "--pid", "--fork", "--kill-child", *self.command(*words, user=user, env=env))
        done = subprocess.run(
            [str(word) for word in words],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_MOST, **more,
        )  # fmt: skip
        if done.returncode not in good:
            raise AssertionError(
                f"in {self.suite}: {' '.join(map(str, words[-8:]))} ended with {done.returncode}\n"
                f"{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
            )
        return done

    def install(self, *packages: str | Path) -> str:
        """Install packages by their names, or files that are copied into it; what was said of it."""
        names = []
        for one in packages:
            if isinstance(one, Path):
                shutil.copy(one, self.path("/tmp"))
                names.append(f"/tmp/{one.name}")
            else:
                names.append(one)
        self.run("apt-get", "-q", "update")
        done = self.run("apt-get", "-q", "install", "-y", "--no-install-recommends", *names)
        return done.stdout + done.stderr

    def files(self) -> set[str]:
        """The paths of all there is in it, but for what any package changes: logs, and lists of packages."""
        found = set()
        for here, directories, names in os.walk(self.root):
            inside = "/" + str(Path(here).relative_to(self.root)) if here != str(self.root) else ""
            directories[:] = [one for one in directories if f"{inside}/{one}" not in UNSTEADY]
            found.update(f"{inside}/{name}" for name in (*directories, *names))
        return found


#: Directories whose files come and go with any package.
UNSTEADY = frozenset(
    ("/dev", "/proc", "/run", "/sys", "/tmp", "/var/cache", "/var/lib/apt", "/var/lib/dpkg", "/var/log")
)
