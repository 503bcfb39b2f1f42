"""Everything that an end-to-end test puts around a gate: files, peers, and the gate as a process.

A L{Lab} is a directory with a CA, the gate's certificate and a state directory. It writes a
configuration (L{Lab.config}) and runs the installed command on it (L{Lab.gate}), on a port that the
kernel chooses. L{McpServer} is a real MCP server in a process of its own, behind a
L{mcpgate.testing.TLSFront}. Nothing here is a stand-in for a part of the gate.

Every process is ended by its id, whatever happens; what the gate wrote is shown when a test fails
(C{conftest.py}).
"""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from mcpgate.identity.issued import TokenFile
from mcpgate.ops.control import ControlError, ask
from mcpgate.testing import LocalCA, TLSFront, write_pair
from tests.e2e.node import PACKAGES, node
from tests.journals import records_by_worker, records_in
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
SERVERS = Path(__file__).with_name("servers")

#: The command, of the interpreter that runs the tests.
MCPGATE = (sys.executable, "-m", "mcpgate")

#: The two ways to run a gate.
RUN = (*MCPGATE, "run")
TWIST = (sys.executable, "-m", "twisted", "mcpgate")

#: The names that the gate's and the upstream's certificates are for.
HOSTS = ("localhost", "127.0.0.1")

# A start takes half a second on an idle machine; a test machine is not idle.
START_MOST = 20.0
VERB_MOST = 60.0

Table = Mapping[str, Any]


def allow_descriptors(count: int) -> None:
    """Let this process, and what it starts, open so many files and sockets; the default is often 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


def free_port() -> int:
    """A loopback port that nobody had a moment ago. Port 0 is better wherever it can be asked for."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


class Lab:
    """A directory with a CA (C{ca.pem}), the gate's pair (C{tls/}) and its state (C{state/})."""

    def __init__(self, directory: Path, ca: LocalCA | None = None) -> None:
        self.directory = directory
        self.state = directory / "state"
        self.certificates = directory / "tls"
        self.ca_file = directory / "ca.pem"
        self.now = datetime.now(UTC)
        self.ca = ca or LocalCA.create("mcpgate tests", self.now)
        self.state.mkdir(mode=0o700)
        self.certificates.mkdir()
        self.ca.save(self.ca_file, directory / "ca.key")
        pair = self.ca.server(HOSTS, self.now)
        write_pair(pair, self.certificates / "gate.crt", self.certificates / "gate.key")

    def token(self, name: str = "test", lifetime: float = 3600.0) -> str:
        """A new bearer token of the gate's own; one that runs takes it up at its next look."""
        _, text = TokenFile(self.state / "tokens.json").issue(name, lifetime, time.time())
        return text

    def config(
        self,
        *,
        upstream: Table | Sequence[Table] = (),
        listener: Table | Sequence[Table] = (),
        route: Table | Sequence[Table] = (),
        rules: Sequence[Table] | None = None,
        gate: Table | None = None,
        limits: Table | None = None,
        admin: Table | None = None,
        evidence: Table | None = None,
        more: Mapping[str, Sequence[Table]] | None = None,
        file: str = "gate.toml",
    ) -> Path:
        """Write a configuration: one listener, upstream C{weather}, route C{/mcp}, and rules that
        allow everything but C{delete_*}.

        A table changes keys of that default (C{None} takes one away); a sequence of tables is several,
        each made from the default. C{upstream} needs a C{url}, or a C{port} of this machine.

        @param more: tables of other kinds, such as C{{"issuer": [...]}}.
        """
        tables: dict[str, list[Table]] = {
            "listener": _several(
                listener,
                {
                    "name": "public",
                    "listen": "tcp:0:interface=127.0.0.1",
                    "certificates": str(self.certificates),
                },
            ),
            "upstream": [
                _addressed(one)
                for one in _several(upstream, {"name": "weather", "trust": str(self.ca_file)})
            ],
            "route": _several(route, {"path": "/mcp", "upstream": "weather"}),
            "rule": list(EVERYTHING_BUT_DELETE if rules is None else rules),
            **{kind: list(several) for kind, several in (more or {}).items()},
        }
        # Looking every 200 ms: tests change files and wait for it.
        head = {"gate": {"state": str(self.state), "watch": "200ms", "drain": "5s", **(gate or {})}}
        if limits:
            head["limits"] = dict(limits)
        if admin:
            head["admin"] = dict(admin)
        if evidence:
            head["evidence"] = dict(evidence)
        lines = [line for name, table in head.items() for line in (f"[{name}]", *_lines(table), "")]
        for name, several in tables.items():
            lines += [line for table in several for line in (f"[[{name}]]", *_lines(table), "")]
        path = self.directory / file
        path.write_text("\n".join(lines), encoding="utf-8")
        return path

    def command(self, *arguments: str | Path, env: Table | None = None) -> subprocess.CompletedProcess[str]:
        """Run a verb of C{mcpgate} to its end; code, stdout and stderr are the test's to judge."""
        return subprocess.run(
            [*MCPGATE, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=VERB_MOST,
            env={**os.environ, **(env or {})},
        )

    def gate(
        self,
        config: Path | None = None,
        *,
        env: Table | None = None,
        program: Sequence[str] = RUN,
        descriptors: int | None = None,
        **tables: Any,
    ) -> "GateProcess":
        """A gate, not yet started, for a configuration or for what L{config} makes of C{tables}."""
        made = config or self.config(**tables)
        return GateProcess(self, made, env=env, program=program, descriptors=descriptors)


#: What upstreams ask of callers has to be named.
QUESTIONS: Table = {
    "name": "questions",
    "on": {"method": ["sampling/createMessage", "elicitation/create", "roots/list"]},
    "verdict": "allow",
}

#: The rules of a default configuration.
EVERYTHING_BUT_DELETE: Sequence[Table] = (
    {"name": "all", "verdict": "allow"},
    QUESTIONS,
    {"name": "never-delete", "on": {"method": "tools/call", "name": "delete_*"}, "verdict": "block"},
)


class GateProcess:
    """C{mcpgate run} (or C{twist mcpgate}) on a configuration, from C{with} (or L{start}) until its end
    (or L{terminate})."""

    #: Those that run now, for the report of a failed test.
    running: "list[GateProcess]" = []

    def __init__(
        self,
        lab: Lab,
        config: Path,
        *,
        env: Table | None = None,
        program: Sequence[str] = RUN,
        descriptors: int | None = None,
    ) -> None:
        """
        @param descriptors: how many it may have open, where that is not what the tests may have.
        """
        self.lab = lab
        self._program = program
        self.config = config
        self.log_file = lab.directory / "gate.log"
        self.port = 0
        self.token = ""
        self._env = {**os.environ, **(env or {})}
        self._descriptors = descriptors
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Run the command and wait until it serves; fails with its log if it does not."""
        self.token = self.token or self.lab.token()
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._program, "--config", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._env,
                preexec_fn=self._limit if self._descriptors else None,
            )
        self.running.append(self)
        try:
            eventually(self._serves, "the gate answers on its control socket", START_MOST)
        except BaseException as error:
            self.kill()
            error.add_note(f"what the gate wrote:\n{self.log()}")
            raise
        self.port = self.port_of(self.status()["listeners"][0]["name"])
        return self

    def _limit(self) -> None:
        most = self._descriptors or 0
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    def _serves(self) -> bool:
        assert self._process is not None
        code = self._process.poll()
        if code is not None:
            raise AssertionError(f"the gate ended with exit code {code} before it served")
        try:
            status = self.status()
        except ControlError:
            return False
        return bool(status["running"]) and all(
            worker["state"] == "serves" for worker in status.get("workers", ())
        )

    def port_of(self, listener: str) -> int:
        """The port that a listener is bound to."""
        for one in self.status()["listeners"]:
            if one["name"] == listener:
                return int(one["address"].rpartition(":")[2])
        raise AssertionError(f"no listener {listener} is bound")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def url(self) -> str:
        """The URL of the default route."""
        return f"https://localhost:{self.port}/mcp"

    def status(self) -> dict[str, Any]:
        """What C{mcpgate status} would show."""
        return ask(self.lab.state / "control.sock", "status")

    def workers(self) -> list[dict[str, Any]]:
        """What C{status} shows of each worker."""
        rows: list[dict[str, Any]] = self.status()["workers"]
        return rows

    def workers_of(self, peer: str) -> list[int]:
        """The worker that has accepted the connection from that address, by its journal; none yet is
        an empty list."""
        return [
            worker
            for worker, records in self.by_worker().items()
            if any(one["type"] == "handshake" and one["peer"] == peer for one in records)
        ]

    def issue(self, name: str) -> str:
        """A token for somebody else, taken up at once; its name is how their records are found."""
        text = self.lab.token(name)
        ask(self.lab.state / "control.sock", "tokens")
        return text

    def hangup(self) -> None:
        """SIGHUP: reload, and reopen the journal. It is not waited for; C{generation} in L{status} tells."""
        os.kill(self.pid, signal.SIGHUP)

    def terminate(self, seconds: float = 15.0) -> int:
        """SIGTERM; the exit code."""
        os.kill(self.pid, signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds: float = 15.0) -> int:
        """The exit code, once there is one."""
        assert self._process is not None
        code = self._process.wait(seconds)
        self._forget()
        return code

    def kill(self) -> None:
        """End it now, if it still runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._forget()

    def _forget(self) -> None:
        if self in self.running:
            self.running.remove(self)

    def log(self) -> str:
        """What it wrote so far."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def events(self) -> list[dict[str, Any]]:
        """What it logged so far, as events; what else was written is left out."""
        lines = (line.lstrip("\x1e") for line in self.log().splitlines())
        return [json.loads(line) for line in lines if line.startswith("{")]

    def journal(self, kind: str | None = None) -> list[Mapping[str, Any]]:
        """The records so far, in order, of one type if C{kind} is given; a line that is being written
        at this moment is left out."""
        records = records_in(self.lab.state)
        return [record for record in records if kind is None or record["type"] == kind]

    def handshakes(self, leg: str) -> list[Mapping[str, Any]]:
        """The handshake records of one leg, C{inbound} or C{outbound}."""
        return [record for record in self.journal("handshake") if record["leg"] == leg]

    def by_worker(self) -> dict[int, list[Mapping[str, Any]]]:
        """The records of each worker."""
        return records_by_worker(self.lab.state)

    def begun(self, **facts: object) -> list[Mapping[str, Any]]:
        """The open records that have all these facts."""
        return [one for one in self.journal("open") if all(one[key] == value for key, value in facts.items())]

    def exchanges(self, **facts: object) -> list[dict[str, Any]]:
        """Finished exchanges: each open record with its close record's facts over it, of those that
        have all these C{facts}, such as C{method="tools/call"}."""
        # Read once: an exchange may begin and end between two looks.
        journal = self.journal()
        begun = {record["id"]: record for record in journal if record["type"] == "open"}
        whole = [{**begun[record["id"]], **record} for record in journal if record["type"] == "close"]
        return [one for one in whole if all(one[key] == value for key, value in facts.items())]

    def settled(self, **facts: object) -> list[dict[str, Any]]:
        """Like L{exchanges}, when none that has these facts is open any more."""

        def look() -> bool:
            journal = self.journal()
            closed = {record["id"] for record in journal if record["type"] == "close"}
            return all(
                record["id"] in closed
                for record in journal
                if record["type"] == "open" and all(record[key] == value for key, value in facts.items())
            )

        eventually(look, f"every exchange with {facts} ends")
        return self.exchanges(**facts)

    def exchange(self, **facts: object) -> dict[str, Any]:
        """The latest finished exchange with these facts, waited for: its close record is written when
        the last byte is, and its caller may be faster."""
        return eventually(lambda: self.exchanges(**facts), f"an exchange with {facts}")[-1]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                pass
        self.kill()


class McpServer:
    """A program of C{servers/} on a unix socket, behind a TLS front with a certificate of the lab's CA."""

    def __init__(self, directory: Path, ca: LocalCA, program: str = "weather.py", *arguments: str) -> None:
        self.directory = directory
        self.ca = ca
        self.socket = directory / "mcp.sock"
        self.pair = ca.server(HOSTS, datetime.now(UTC))
        self.front = TLSFront(self.pair, self.socket)
        self._log = directory / "server.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*interpreter(program), str(SERVERS / program), str(self.socket), *arguments],
                stdout=log,
                stderr=log,
                env={**os.environ, "NODE_PACKAGES": str(PACKAGES)},
            )

    @property
    def url(self) -> str:
        return self.at("/mcp")

    def at(self, path: str) -> str:
        """The URL of another path."""
        return f"https://localhost:{self.front.port}{path}"

    @property
    def pin(self) -> str:
        """The pin of the front's certificate."""
        return self.pair.facts.spki_pin

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def __enter__(self) -> Self:
        try:
            eventually(lambda: _serves(self.socket), f"somebody serves on {self.socket}", START_MOST)
        except AssertionError as error:
            self.__exit__()
            error.add_note(f"what the server wrote:\n{self.log()}")
            raise
        self.front.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.front.stop()
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def interpreter(program: str) -> tuple[str, ...]:
    """What runs a program: node for one in JavaScript, else our own Python."""
    return (node(),) if program.endswith(".mjs") else (sys.executable,)


def _serves(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0


def _several(given: Table | Sequence[Table], default: Table) -> list[Table]:
    tables = [given] if isinstance(given, Mapping) else list(given) or [{}]
    merged = [{**default, **table} for table in tables]
    return [{key: value for key, value in table.items() if value is not None} for table in merged]


def _addressed(upstream: Table) -> Table:
    rest = dict(upstream)
    port = rest.pop("port", None)
    return rest if port is None else {"url": f"https://localhost:{port}/mcp", **rest}


def _lines(table: Table) -> list[str]:
    # A dot would make a table of it.
    named = {json.dumps(key) if "." in key else key: value for key, value in table.items()}
    return [f"{key} = {_toml(value)}" for key, value in named.items()]


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(_lines(value))} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(one) for one in value)}]"
    if isinstance(value, Path):
        value = str(value)
    # JSON's strings, numbers and booleans are TOML's, too.
    return json.dumps(value)
