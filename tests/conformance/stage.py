"""What stands around one run: a server of the SDK's, the gate before it, and the shim before the gate."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from attrs import frozen

from mcpgate.testing import LocalCA, TLSFront
from tests.conformance.shim import Shim
from tests.conformance.suite import PACKAGES, node
from tests.e2e.lab import HOSTS, QUESTIONS, ROOT, START_MOST, GateProcess, Lab, free_port
from tests.waiting import eventually

SERVERS = Path(__file__).with_name("servers")

Table = Mapping[str, Any]

#: Everything is allowed: it is the gate that is looked at, not somebody's rules.
OPEN: Sequence[Table] = ({"name": "all", "verdict": "allow"}, QUESTIONS)

#: Rules that make the gate look at every call and filter every list, and are about nothing in the suite.
STRICT: Sequence[Table] = (
    *OPEN,
    {"name": "no-deletion", "on": {"method": "tools/call", "name": "delete_*"}, "verdict": "block"},
    {"name": "no-secrets", "on": {"method": "resources/read", "name": "secret://*"}, "verdict": "block"},
    {"name": "no-orders", "on": {"method": "prompts/get", "name": "order_*"}, "verdict": "block"},
    {"name": "nobody", "on": {"name": ["*_of_nobody", "nobody://*"]}, "verdict": "block"},
)


@frozen
class Setting:
    """What is different from one stage to another; C{suffix} is what its rows are called by."""

    suffix: str = ""
    server: str = "python"
    rules: Sequence[Table] = OPEN
    workers: int = 1


class Server:
    """A server of C{servers/} in clear on a loopback port, and behind a TLS front."""

    def __init__(self, name: str, directory: Path, ca: LocalCA) -> None:
        socket_path = directory / "mcp.sock"
        self.port = free_port()
        self.log_file = directory / "server.log"
        self.front = TLSFront(ca.server(HOSTS, datetime.now(UTC)), socket_path)
        self._socket = socket_path
        self._name = name
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is in clear."""
        return f"http://localhost:{self.port}/mcp"

    def __enter__(self) -> Self:
        self.front.start()
        command = {
            "python": [sys.executable, "-m", "tests.conformance.servers.everything"],
            "typescript": [node(), str(SERVERS / "everything.mjs"), str(PACKAGES)],
        }[self._name]
        where = [str(self._socket), str(self.port), f"localhost:{self.front.port}"]
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, *where], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT
            )
        try:
            eventually(self._serves, f"the {self._name} server serves", START_MOST)
        except BaseException as error:
            self.__exit__()
            error.add_note(self.log_file.read_text(encoding="utf-8", errors="replace")[-2000:])
            raise
        return self

    def _serves(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the {self._name} server ended with {self._process.returncode}")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            return probe.connect_ex(str(self._socket)) == 0

    def __exit__(self, *_: object) -> None:
        self.front.stop()
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(3)
            except subprocess.TimeoutExpired:
                # It waits for streams that the suite has left open.
                self._process.kill()
                self._process.wait()


class Stage:
    """One setting, from C{with} until its end."""

    def __init__(self, setting: Setting, directory: Path, ca: LocalCA) -> None:
        self.setting = setting
        self.directory = directory
        self._ca = ca
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True)
        lab = Lab(self.directory, self._ca)
        with contextlib.ExitStack() as stack:
            self.server = stack.enter_context(Server(self.setting.server, self.directory, self._ca))
            self.gate: GateProcess = stack.enter_context(
                gate_before(
                    lab,
                    upstream={"url": f"https://localhost:{self.server.front.port}/mcp"},
                    rules=self.setting.rules,
                    gate={"workers": self.setting.workers},
                )
            )
            self.shim = stack.enter_context(Shim(self.gate.port, self.gate.token, lab.ca_file))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        """Where the gate is, for the suite."""
        return f"http://localhost:{self.shim.port}/mcp"


def gate_before(lab: Lab, **tables: Any) -> GateProcess:
    """A gate that knows by which URL its callers reach it, as a public one does."""
    port = free_port()
    listener = {"listen": f"tcp:{port}:interface=127.0.0.1", "public_url": f"https://localhost:{port}"}
    return lab.gate(listener=listener, **tables)
