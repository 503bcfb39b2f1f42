"""The image, built by buildah from the Containerfile, and run by what the image itself says of how.

No registry is asked: the base is made of Debian's packages, and the wheels were fetched before. A container
is what the kernel has for it: namespaces of mounts and processes of its own, a root that nobody can write to,
the user of the image, no capabilities. Its network is the machine's, or none at all.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
STORE = ROOT / "build" / "container"
WHEELS = ROOT / "build" / "wheels" / "3.13"
MIRROR = "http://deb.debian.org/debian"
#: As the Containerfile's default: Debian trixie, with Python 3.13.
SUITE = "trixie"
BUILD_MOST = 900.0

# Arguments: the root, what /etc/mcpgate, /run/secrets/mcpgate and /var/lib/mcpgate are, then the command.
_INSIDE = """\
set -e
root=$1 config=$2 secrets=$3 state=$4
shift 4
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount -t tmpfs -o mode=1777 none "$root/dev/shm"
mkdir -p "$root/run/secrets/mcpgate"
mount --bind "$config" "$root/etc/mcpgate"
mount --bind "$secrets" "$root/run/secrets/mcpgate"
mount --bind "$state" "$root/var/lib/mcpgate"
mount -o remount,bind,ro "$root/etc/mcpgate"
mount -o remount,bind,ro "$root/run/secrets/mcpgate"
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs --bounding-set=-all,+setuid,+setgid,+sys_chroot "$@"
"""


def buildah(*words: str | Path) -> str:
    """Ask buildah, which keeps all of it in the build directory."""
    where = ["--root", STORE / "root", "--runroot", STORE / "run", "--storage-driver", "vfs"]
    done = subprocess.run(
        [str(word) for word in ("buildah", *where, *words)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=BUILD_MOST,
    )  # fmt: skip
    assert done.returncode == 0, f"buildah {words[0]}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout.strip()


def base() -> str:
    """The name of the base image; it is made once, and then kept."""
    name = f"localhost/{SUITE}-python"
    if name in buildah("images", "--format", "{{.Name}}").splitlines():
        return name
    STORE.mkdir(parents=True, exist_ok=True)
    archive = STORE / "base.tar"
    subprocess.run(
        [
            "mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", "--include=python3,ca-certificates",
            SUITE, archive, MIRROR,
        ],
        check=True, timeout=BUILD_MOST, env=os.environ | {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )  # fmt: skip
    made = buildah("from", "scratch")
    buildah("add", "--quiet", made, archive, "/")
    buildah("commit", "--quiet", made, name)
    buildah("rm", made)
    archive.unlink()
    return name


class Image:
    """What came of a build. C{config}: what it says of how it is run."""

    def __init__(self, name: str) -> None:
        self.name = name
        told = json.loads(buildah("inspect", "--type", "image", name))
        self.config: dict[str, Any] = told["Docker"]["config"]
        self._container = buildah("from", name)
        self.root = Path(buildah("mount", self._container))

    @classmethod
    def build(cls) -> Image:
        """Build it."""
        buildah(
            "build", "--quiet", "--isolation", "chroot", "--format", "docker", "--tag", "mcpgate",
            "--file", ROOT / "etc/container/Containerfile", "--build-arg", f"BASE={base()}",
            "--build-arg", "PIP_NO_INDEX=1", "--build-arg", "PIP_FIND_LINKS=/wheels",
            "--volume", f"{WHEELS}:/wheels:ro", ROOT,
        )  # fmt: skip
        return cls("localhost/mcpgate")

    def remove(self) -> None:
        """Give back what it takes, but for what the next build begins with."""
        buildah("rm", self._container)
        buildah("rmi", "--force", self.name)

    @property
    def command(self) -> list[str]:
        """What runs in it when nobody says anything else."""
        return [*self.config["Entrypoint"], *self.config["Cmd"]]

    def words(self, volumes: Volumes, command: Sequence[str], *, network: bool = True) -> list[str]:
        """The words to start a container by; what they start is a parent of its first process."""
        apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", *([] if network else ["--net"])]
        mounts = [str(one) for one in (self.root, volumes.config, volumes.secrets, volumes.state)]
        return [*apart, "sh", "-c", _INSIDE, "sh", *mounts, *self._within(command)]

    def run(
        self, volumes: Volumes, *command: str, network: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in a container of its own, to its end; without a network unless told."""
        return subprocess.run(
            self.words(volumes, command, network=network), stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=120,
        )  # fmt: skip

    @contextmanager
    def serving(self, volumes: Volumes) -> Iterator[Running]:
        """Run what the image is for; told to end well at the end."""
        log = volumes.directory / "gate.log"
        with log.open("ab") as file:
            parent = subprocess.Popen(
                self.words(volumes, self.command), stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )
        running = Running(self, parent, log)
        try:
            yield running
            running.stop()
        except BaseException as error:
            error.add_note(f"what the gate wrote:\n{log.read_text(encoding='utf-8')[-4000:]}")
            raise
        finally:
            if parent.poll() is None:
                parent.kill()
                parent.wait()

    def _within(self, command: Sequence[str]) -> list[str]:
        user = self.config["User"]
        group = user.partition(":")[2]
        settings = [*self.config["Env"], "HOME=/"]
        return [
            "chroot", f"--userspec={user}", f"--groups={group}", str(self.root), "env", "-i", *settings,
            *command,
        ]  # fmt: skip


class Running:
    """A container that runs."""

    def __init__(self, image: Image, parent: subprocess.Popen[bytes], log: Path) -> None:
        self._image = image
        self._parent = parent
        self.log = log

    @property
    def first(self) -> int:
        """The first process of the container, by its number outside."""
        children = Path(f"/proc/{self._parent.pid}/task/{self._parent.pid}/children")

        def child() -> list[str]:
            assert self._parent.poll() is None, f"the container ended with {self._parent.returncode}"
            return children.read_text(encoding="ascii").split()

        return int(eventually(child, "the container's first process")[0])

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run one more command in it."""
        inside = ["nsenter", "--target", str(self.first), "--mount", "--pid"]
        return subprocess.run(
            [*inside, *self._image._within(command)], stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=60,
        )  # fmt: skip

    def serves(self) -> bool:
        """Whether the image's own check is content."""
        kind, *command = self._image.config["Healthcheck"]["Test"]
        assert kind == "CMD", "a check by a shell needs one"
        return self.execute(*command).returncode == 0

    def stop(self) -> None:
        """As whoever runs containers does it: the signal of the image to the first process."""
        os.kill(self.first, getattr(signal, self._image.config.get("StopSignal", "SIGTERM")))
        assert self._parent.wait(60) == 0


class Volumes:
    """What is mounted, as Kubernetes has it: the group of the pod may read what nobody else may."""

    def __init__(self, directory: Path, group: int) -> None:
        self.directory = directory
        self.group = group
        # A mounted directory can be entered by the container's user; pytest's own cannot.
        for name in ("config", "secrets", "state"):
            (directory / name).mkdir()
        self.config, self.secrets, self.state = (directory / one for one in ("config", "secrets", "state"))
        # An emptyDir of a pod with an fsGroup.
        os.chown(self.state, 0, group)
        self.state.chmod(0o2777)
        self.secrets.chmod(0o755)

    def secret(self, name: str, files: dict[str, bytes], *, mode: int = 0o440) -> None:
        """A mounted secret, or the next version of it: all of it is swapped by one link."""
        where = self.secrets / name
        self._swap(where, files, mode)
        where.chmod(0o3777)

    def configure(self, text: str) -> None:
        """A mounted ConfigMap."""
        self._swap(self.config, {"mcpgate.toml": text.encode()}, 0o644)
        self.config.chmod(0o755)

    def _swap(self, where: Path, files: dict[str, bytes], mode: int) -> None:
        where.mkdir(exist_ok=True)
        version = where / f"..{len(list(where.iterdir()))}"
        version.mkdir(mode=0o755)
        for name, octets in files.items():
            (version / name).write_bytes(octets)
            (version / name).chmod(mode)
            os.chown(version / name, 0, self.group)
            if not (where / name).is_symlink():
                (where / name).symlink_to(f"..data/{name}")
        os.chown(version, 0, self.group)
        (where / "..tmp").symlink_to(version.name)
        old = os.readlink(where / "..data") if (where / "..data").is_symlink() else None
        (where / "..tmp").rename(where / "..data")
        if old is not None:
            shutil.rmtree(where / old)
