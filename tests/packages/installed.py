"""A package that is installed in a chroot, and a gate that is run from it as its service would be."""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.packages.chroot import Chroot
from tests.packages.kinds import Kind
from tests.waiting import eventually

#: The user that the package makes.
USER = "mcpgate"
CONFIG = "/etc/mcpgate/mcpgate.toml"
STATE = "/var/lib/mcpgate"
# A start in a fresh chroot reads everything from the disk for the first time.
START_MOST = 60.0


class Installed:
    """The package of a kind in a chroot, with what was there before it."""

    def __init__(self, chroot: Chroot, kind: Kind) -> None:
        self.chroot = chroot
        self.kind = kind
        deb = kind.file()
        self.name = _field(deb, "Package")
        # What it depends on first, so that what comes and goes after that is its own.
        chroot.run("apt-get", "-q", "update")
        chroot.run("apt-get", "-q", "satisfy", "-y", "--no-install-recommends", _field(deb, "Depends"))
        if kind.tested_with:
            chroot.run("apt-get", "-q", "install", "-y", "--no-install-recommends", *kind.tested_with)
        self.before = chroot.files()
        self.said = chroot.install(deb)

    def mcpgate(self, *words: str, user: str = "root", good: tuple[int, ...] = (0,)) -> str:
        """Run a verb as somebody; what it said, on both streams."""
        done = self.chroot.run("mcpgate", *words, user=user, good=good)
        return done.stdout + done.stderr

    def token(self, config: str) -> str:
        """A new one, issued as the gate's user; what is said of it is not in it."""
        words = ("mcpgate", "token", "issue", "test", "--config", config)
        return self.chroot.run(*words, user=USER).stdout.strip()

    def owner_and_mode(self, path: str) -> str:
        """Such as C{root:mcpgate 750}, by the names of the chroot."""
        return self.chroot.run("stat", "-c", "%U:%G %a", path).stdout.strip()

    def left(self) -> set[str]:
        """What is there and was not before it came."""
        return self.chroot.files() - self.before

    @contextmanager
    def serving(self, config: str) -> Iterator[int]:
        """The gate runs as its user, and ends well; the port of its first listener."""
        with self.chroot.path("/tmp/gate.log").open("ab") as log:
            gate = subprocess.Popen(
                self.chroot.command("mcpgate", "run", "--config", config, user=USER, env={"HOME": "/"}),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        try:

            def serves() -> dict[str, Any] | None:
                assert gate.poll() is None, f"the gate ended with {gate.returncode}"
                done = self.chroot.run(
                    "mcpgate", "status", "--format", "json", "--config", config, good=(0, 69)
                )
                status: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
                return status if status.get("running") else None

            status = eventually(serves, "the gate serves", START_MOST)
            assert status is not None
            yield int(status["listeners"][0]["address"].rpartition(":")[2])
            gate.send_signal(signal.SIGTERM)
            assert gate.wait(START_MOST) == 0
        except BaseException as error:
            error.add_note(f"what the gate wrote:\n{self.chroot.path('/tmp/gate.log').read_text()[-4000:]}")
            raise
        finally:
            if gate.poll() is None:
                gate.kill()
                gate.wait()


def call(url: str, ca_file: Path, token: str) -> str:
    """The answer of a tool to the official client, over TLS that trusts that CA alone."""

    async def ask() -> str:
        trust = ssl.create_default_context(cafile=ca_file)
        async with (
            httpx2.AsyncClient(verify=trust, headers={"Authorization": f"Bearer {token}"}) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            answer = await client.call_tool("get_weather", {"city": "Oslo"})
            return str(answer.content[0].text)

    return asyncio.run(ask())


def _field(deb: Path, name: str) -> str:
    done = subprocess.run(["dpkg-deb", "-f", deb, name], check=True, capture_output=True, text=True)
    return " ".join(done.stdout.split())
