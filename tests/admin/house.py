"""An admin process's inside in this process: its service, on a reactor in a thread, before a made-up gate."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mcpgate._version import __version__
from mcpgate.admin.service import Admin
from mcpgate.evidence.record import timestamp
from mcpgate.tls.localca import LocalCA, certificate_pem, write_pair
from mcpgate.workers.channel import Channel, ChannelError, attach
from tests.admin.browser import Browser
from tests.running import Loop
from tests.waiting import PATIENCE

#: What a small gate says of itself.
STATUS: Mapping[str, Any] = {
    "running": True,
    "draining": False,
    "generation": 1,
    "problem": None,
    "journal": {"failure": None},
    "listeners": [
        {
            "name": "public",
            "address": "127.0.0.1:8443",
            "profile": "modern",
            "connections": 0,
            "certificates": [{"not_after": "2199-01-01T00:00:00+00:00"}],
        }
    ],
    "upstreams": [],
    "refused": {},
}


class House:
    """A directory with a CA and a configuration, and the service that runs on it."""

    def __init__(self, loop: Loop, directory: Path) -> None:
        self.loop = loop
        self.directory = directory
        now = datetime.now(UTC)
        self.ca = LocalCA.create("house", now)
        self.authority = directory / "ca.pem"
        self.authority.write_bytes(certificate_pem(self.ca.certificate))
        (directory / "tls").mkdir()
        (directory / "state" / "journal").mkdir(parents=True)
        self.pair = self.ca.server(["localhost", "dashboard.test"], now)
        write_pair(self.pair, directory / "tls" / "gate.crt", directory / "tls" / "gate.key")
        self.admin: Any = None
        self.port = 0
        #: What the gate was asked, and what it answers: facts, or words of a refusal.
        self.asked: list[tuple[str, str, Mapping[str, Any]]] = []
        self.answers: dict[str, Mapping[str, Any] | str] = {"status": STATUS, "held": {"held": []}}
        self._gate: Any = None
        self._listening: list[socket.socket] = []
        self.ended = 0

    def config(self, admin: str = "", more: str = "", listen: str = "tcp:0:interface=127.0.0.1") -> str:
        """A configuration with a dashboard."""
        at = self.directory
        tls = "" if listen.startswith("unix:") else f'certificates = "{at}/tls"'
        return f"""
[gate]
state = "{at}/state"
watch = "1h"
[evidence]
index = "off"
[admin]
listen = "{listen}"
{tls}
{admin}
[[listener]]
name = "public"
listen = "tcp:8443"
public_url = "https://gate.example.com"
certificates = "{at}/tls"
[[upstream]]
name = "server"
url = "https://server.example.com/mcp"
[[route]]
path = "/mcp"
upstream = "server"
{more}
"""

    def start(self, text: str | None = None) -> House:
        """Run the service on a configuration."""
        self.loop.call(self._start)
        self.adopt(text or self.config(), self.bind())
        return self

    def bind(self) -> socket.socket:
        """A listening socket, as the gate's process makes one."""
        sock = socket.create_server(("127.0.0.1", 0))
        self._listening.append(sock)
        self.port = sock.getsockname()[1]
        return sock

    def _start(self) -> None:
        self.admin = Admin(self.loop.reactor, self._has_ended)
        ours, theirs = socket.socketpair()
        channel = self.admin.channel = Channel(self.loop.reactor, self.admin.verbs, self.admin.leave)
        attach(self.loop.reactor, channel, theirs)
        self._gate = Channel(self.loop.reactor, {"gate": self._answer}, lambda: None)
        attach(self.loop.reactor, self._gate, ours)

    def _has_ended(self) -> None:
        self.ended += 1

    def _answer(self, *, what: str, by: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append((what, by, arguments))
        answer = self.answers[what]
        if isinstance(answer, str):
            raise ChannelError(answer)
        return answer

    def adopt(self, text: str, sock: socket.socket | None, address: str | None = None, **more: Any) -> None:
        """Tell the service a configuration."""
        given: dict[str, Any] = {
            "version": __version__,
            "text": text,
            "source": str(self.directory / "mcpgate.toml"),
            "address": address if address is not None else f"127.0.0.1:{self.port}",
            "descriptors": [sock.fileno()] if sock is not None else [],
            **more,
        }
        self.tell("adopt", **given)

    def tell(self, verb: str, **given: Any) -> Any:
        """What the gate's process asks of the service."""
        return self.loop.call(lambda: self._gate.ask(verb, within=PATIENCE, **given))

    def link(self, role: str = "approver") -> str:
        """The secret of a one-time link."""
        url = self.tell("link", role=role, by="root (uid 0)")["url"]
        path = urlsplit(url).path
        assert path.startswith("/login/link/"), url
        return str(path.rpartition("/")[2])

    def browser(self, **more: Any) -> Browser:
        """Somebody's."""
        return Browser(self.authority, self.port, **more)

    def logged_in(self, role: str = "approver") -> Browser:
        """That of somebody who has used a link."""
        return self.browser().redeem(self.link(role))

    def client(self, name: str) -> tuple[Path, Path]:
        """A client certificate of the house's CA, and its key."""
        stem = name.replace("/", "-")
        place = self.directory / f"{stem}.crt", self.directory / f"{stem}.key"
        write_pair(self.ca.client(name, datetime.now(UTC)), *place)
        return place

    def write(self, *records: bytes) -> None:
        """Add lines to the journal."""
        path = self.directory / "state" / "journal" / "journal-0-00000001.jsonl"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
            file.write(b"".join(records))

    def stop(self) -> None:
        """End it."""
        if self.admin is not None:
            self.loop.call(self.admin.leave)
            self.loop.call(self._gate.close)
        self.unbind()

    def unbind(self) -> None:
        """Give the addresses back."""
        for sock in self._listening:
            sock.close()


def line(kind: str, **facts: object) -> bytes:
    """A line of a journal."""
    usual = {"v": 2, "type": kind, "id": "x", "time": timestamp(time.time())}
    return json.dumps({**usual, **facts}).encode() + b"\n"
