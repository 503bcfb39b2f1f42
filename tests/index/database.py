"""A PostgreSQL of the tests' own: Debian's, started as somebody without rights, on a socket of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from mcpgate.index.postgres import SCHEMA
from tests.pki import Authority, key_pem, pem
from tests.waiting import eventually

#: Where Debian has what is not for everybody's path, the latest first.
PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
PASSWORD = "never-to-be-seen-in-an-error"
NAME = "db.test"


def program(name: str) -> str:
    """
    One of PostgreSQL's programs.

    @raise RuntimeError: It is not installed; C{make test} does that where it may.
    """
    found = shutil.which(name, path=os.pathsep.join([*map(str, PLACES), os.environ.get("PATH", "")]))
    if found is None:
        raise RuntimeError("PostgreSQL is not installed: apt install postgresql")
    return found


def _rights() -> tuple[list[str], int | None]:
    """What runs a program as somebody whom PostgreSQL works for (not root), and who that is."""
    if os.geteuid() != 0:
        return [], None
    nobody = pwd.getpwnam("nobody")
    who = [f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    return ["setpriv", *who], nobody.pw_uid


class Database:
    """A running database, until C{stop}; C{start} goes on with what was in it."""

    def __init__(self) -> None:
        self._as, self._uid = _rights()
        # Not within pytest's directories, which only their owner may pass through.
        self.directory = Path(tempfile.mkdtemp(prefix="mcpgate-test-"))
        self._own(self.directory)
        self.data = self.directory / "data"
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        command = [program("initdb"), "--no-sync", "--auth=trust", "--username=owner", "--encoding=UTF8"]
        subprocess.run(
            [*self._as, *command, "--locale=C.UTF-8", f"--pgdata={self.data}"],
            check=True,
            cwd=self.directory,
            stdout=subprocess.DEVNULL,
        )
        self._write_certificate()
        (self.data / "pg_hba.conf").write_text(
            "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n", encoding="utf-8"
        )

    def _write_certificate(self) -> None:
        authority = Authority.root("database")
        pair = authority.issue(NAME)
        for name, octets in (("server.crt", pem(*pair.chain)), ("server.key", key_pem(pair.key))):
            path = self.data / name
            path.write_bytes(octets)
            path.chmod(0o600)
            self._own(path)
        self.authority = self.directory / "authority.pem"
        self.authority.write_bytes(pem(authority.certificate))

    def _own(self, path: Path) -> None:
        if self._uid is not None:
            os.chown(path, self._uid, -1)

    def url(self, base: str) -> str:
        """Of one of its databases, by the unix socket."""
        return f"postgresql://owner@/{base}?host={self.directory}&port={self.port}"

    def url_by_tls(self, base: str, *, password: str = PASSWORD, more: str = "") -> str:
        """Of one of its databases, by TCP and TLS."""
        where = f"{NAME}:{self.port}/{base}?hostaddr=127.0.0.1&sslrootcert={self.authority}"
        return f"postgresql://guest:{password}@{where}{more}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = (
            f"unix_socket_directories={self.directory}",
            f"port={self.port}",
            "listen_addresses=127.0.0.1",
            "ssl=on",
            # Nothing here has to outlive a power cut.
            "fsync=off",
            "max_wal_size=128MB",
        )
        options = [option for setting in settings for option in ("-c", setting)]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._as, program("postgres"), "-D", str(self.data), *options],
                cwd=self.directory,
                stdout=log,
                stderr=log,
            )
        eventually(self._answers, "the database answers")

    def _answers(self) -> bool:
        assert self._process is not None and self._process.poll() is None, (
            self.directory / "log"
        ).read_text()
        with suppress(psycopg.OperationalError), psycopg.connect(self.url("postgres")):
            return True
        return False

    def stop(self) -> None:
        """Stop it at once: whoever is connected is cut off, and it has to recover when it is started."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """All its processes stand still, and their connections stay open."""
        assert self._process is not None
        parent = self._process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
        everyone = [parent, *map(int, children)]
        for pid in everyone:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in everyone:
                os.kill(pid, signal.SIGCONT)

    def end(self) -> None:
        """Stop it, and take it away."""
        self.stop()
        shutil.rmtree(self.directory)

    def base(self) -> str:
        """The name of a database in which there is no index (any more)."""
        # A new one each time would take ten times as long.
        with psycopg.connect(self.url("postgres"), autocommit=True) as made:
            made.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE".encode())
        return "postgres"

    def guest(self, base: str) -> None:
        """Let somebody in by a password, who may do as the owner."""
        with psycopg.connect(self.url(base), autocommit=True) as made:
            made.execute(f"CREATE ROLE guest LOGIN SUPERUSER PASSWORD '{PASSWORD}'".encode())


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
