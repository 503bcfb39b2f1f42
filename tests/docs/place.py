"""What a world is built of: names on the network, a CA that everybody believes, files, a gate."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

from mcpgate.ops.control import ControlError, ask
from mcpgate.testing import LocalCA, certificate_pem, write_pair
from tests.docs.hosts import Host, Respond
from tests.docs.machine import HOME, HOST
from tests.docs.mcp_server import McpServer, Tool

ROOT = Path(__file__).resolve().parents[2]

#: Where whatever asks the system whom to believe looks.
SYSTEM = Path("/etc/ssl/certs/ca-certificates.crt")

#: Seconds for a gate to serve, on a busy machine.
_PATIENCE = 40.0


class Place:
    """The machine on which a page is run, and the network around it.

    C{home}: where the page begins. C{config}: the configuration that pieces are put into, once a world has
    written it. C{environment}: the page's; C{ca}: the authority of the world's hosts, one of the system's.
    """

    def __init__(self, notes: Path) -> None:
        """
        @param notes: a directory for what nobody is to see.
        """
        self.home = HOME
        self.notes = notes
        self.config: Path | None = None
        self.stack = ExitStack()
        self.environment = _environment()
        self.now = datetime.now(UTC)
        self.ca = LocalCA.create("Example Root CA", self.now)
        self._hosts = 0
        self._names: dict[str, str] = {}
        self._gates: list[subprocess.Popen[bytes]] = []
        self._believe()
        self.name("localhost", "127.0.0.1")
        self.name(HOST, "127.0.0.1")

    def name(self, name: str, address: str = "") -> str:
        """Make a name known, at an address of its own; without one, at the next that is free."""
        if not address:
            self._hosts += 1
            address = f"127.0.1.{self._hosts}"
        self._names[name] = address
        lines = [f"{where} {who}\n" for who, where in self._names.items()]
        hosts = Path("/etc/hosts")
        hosts.unlink(missing_ok=True)
        hosts.write_text("".join(lines))
        return address

    def serve(self, name: str, respond: Respond, *, port: int = 443, ca: LocalCA | None = None) -> Host:
        """An HTTPS server of that name."""
        address = self._names.get(name) or self.name(name)
        pair = (ca or self.ca).server([name], self.now)
        return self.stack.enter_context(Host(address, port, pair, respond))

    def mcp(self, name: str, tools: Mapping[str, Tool], *, port: int = 443) -> McpServer:
        """An MCP server of that name, at any path of it."""
        server = McpServer.of(name.partition(".")[0], tools)
        self.serve(name, server.respond, port=port)
        return server

    def file(self, path: str | Path, text: str | bytes = "", mode: int = 0o644) -> Path:
        """Write a file, with the directories above it; a relative path is the page's."""
        full = self.home / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(text.encode() if isinstance(text, str) else text)
        full.chmod(mode)
        return full

    def pair(self, names: Sequence[str], certificate: str | Path, key: str | Path) -> None:
        """Write a server's certificate and key of the world's CA."""
        for path in (self.home / certificate, self.home / key):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_pair(self.ca.server(names, self.now), self.home / certificate, self.home / key)

    def authority(self, path: str | Path) -> None:
        """Write the certificate of the world's CA."""
        self.file(path, certificate_pem(self.ca.certificate))

    def command(self, *arguments: str | Path) -> str:
        """Run C{mcpgate} to its end; what it has printed."""
        done = subprocess.run(
            [sys.executable, "-m", "mcpgate", *map(str, arguments)],
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"mcpgate {' '.join(map(str, arguments))}: {done.stdout}{done.stderr}")
        return done.stdout

    def gate(self, config: Path, state: Path) -> None:
        """Run a gate, until the page ends or L{no_gate}."""
        with (self.notes / "gate.log").open("ab") as log:
            gate = subprocess.Popen(
                [sys.executable, "-m", "mcpgate", "run", "--config", str(config)],
                cwd=self.home,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._gates.append(gate)
        self.stack.callback(gate.wait)
        self.stack.callback(gate.kill)
        end = time.monotonic() + _PATIENCE
        while not _running(state / "control.sock"):
            if gate.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"no gate: {(self.notes / 'gate.log').read_text()}")
            time.sleep(0.05)

    def call(self, path: str, token: str, message: Mapping[str, object], **headers: str) -> Any:
        """Call the gate, as a client does; the answer's message, or its status where it has none."""
        context = ssl.create_default_context(cafile=str(SYSTEM))
        connection = HTTPSConnection("gate.example.com", 8443, context=context, timeout=_PATIENCE)
        lines = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        connection.request("POST", path, json.dumps({"jsonrpc": "2.0", **message}), lines)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return json.loads(body) if body else answer.status

    def tool(self, route: str, token: str, tool: str, /, **arguments: object) -> Any:
        """Call a tool through the gate."""
        params = {"name": tool, "arguments": arguments}
        return self.call(route, token, {"id": 1, "method": "tools/call", "params": params})

    def no_gate(self) -> None:
        """End the gates that run."""
        while self._gates:
            gate = self._gates.pop()
            gate.terminate()
            gate.wait()

    def _believe(self) -> None:
        bundle = SYSTEM.read_bytes() if SYSTEM.exists() else b""
        SYSTEM.parent.mkdir(parents=True, exist_ok=True)
        SYSTEM.unlink(missing_ok=True)
        SYSTEM.write_bytes(bundle + certificate_pem(self.ca.certificate))


def _environment() -> dict[str, str]:
    path = os.environ.get("PATH", "/usr/bin:/bin")
    return {
        "PATH": f"{Path(sys.executable).parent}:{path}",
        "HOME": str(HOME),
        "USER": "you",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "TERM": "dumb",
        # Clients with authorities of their own believe those of the system instead, with the world's.
        "SSL_CERT_FILE": str(SYSTEM),
        # What is run is this clone, wherever the package is installed.
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _running(control: Path) -> bool:
    try:
        return ask(control, "status")["running"] is True
    except ControlError:
        return False
