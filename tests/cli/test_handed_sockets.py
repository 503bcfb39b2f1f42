"""A gate on sockets that are not its own: systemd binds them, before it starts and after it has ended."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, Run, Start, control
from tests.cli.test_process import with_workers
from tests.waiting import eventually

REQUEST = b"POST /example HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@pytest.fixture
def handed(config: Path) -> socket.socket:
    """A socket for a gate, whose configuration names it."""
    text = config.read_text()
    assert 'listen = "tcp:0:interface=127.0.0.1"' in text
    config.write_text(text.replace('"tcp:0:interface=127.0.0.1"', '"systemd:name=mcp"'))
    return socket.create_server(("127.0.0.1", 0))


def handing(sock: socket.socket, *command: str | Path) -> list[str | Path]:
    """A command that is given a socket as systemd does: as descriptor 3, for that very process."""
    os.set_inheritable(sock.fileno(), True)
    own = f'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=mcp exec "$@" 3<&{sock.fileno()} {sock.fileno()}<&-'
    return ["bash", "-c", own, "bash", *command]


def asked(config: Path, there: socket.socket) -> bytes:
    """The first line of an answer, over TLS, on a connection that was made before."""
    context = ssl.create_default_context(cafile=config.parent / "ca.pem")
    with context.wrap_socket(there, server_hostname="localhost") as caller:
        caller.sendall(REQUEST)
        return caller.recv(4096).split(b"\r\n")[0]


def test_nobody_is_refused_while_the_gate_is_restarted(
    config: Path, handed: socket.socket, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Whoever comes meanwhile waits for the next one; a reload on the way changes nothing of it.

    Once by workers, who are handed the socket on, and once by the process itself.
    """
    commands: list[list[str | Path]] = [[sys.executable, "-m", "twisted", "mcpgate"], [*COMMAND, "run"]]
    good = config.read_text()
    # The shell that hands it over must inherit it.
    monkeypatch.setattr(subprocess, "Popen", _Inheriting)
    with handed:
        for workers in (2, 1):
            waiting = socket.create_connection(handed.getsockname(), timeout=30)
            config.write_text(good)
            with_workers(config, workers)
            gate = start(*handing(handed, *commands.pop(), "--config", config))
            assert asked(config, waiting) == b"HTTP/1.1 401 Unauthorized"
            gate.send_signal(signal.SIGHUP)
            if workers > 1:
                below = Path(f"/proc/{gate.pid}/task/{gate.pid}/children").read_text().split()
                assert below
                # One that was forked just now has still what its parent was started with.
                eventually(lambda below=below: not any(map(_knows_sockets, below)), "none is told of sockets")
            there = socket.create_connection(handed.getsockname(), timeout=30)
            assert asked(config, there) == b"HTTP/1.1 401 Unauthorized"
            gate.send_signal(signal.SIGTERM)
            assert gate.wait(60) == os.EX_OK


def _knows_sockets(process: str) -> bool:
    return b"LISTEN_" in Path(f"/proc/{process}/environ").read_bytes()


class _Inheriting(subprocess.Popen):  # type: ignore[type-arg]
    def __init__(self, *words: object, **how: object) -> None:
        super().__init__(*words, close_fds=False, **how)  # type: ignore[arg-type, call-overload]


def test_systemds_own_program_hands_it_over(config: Path, handed: socket.socket) -> None:
    """It starts the gate when the first caller comes, who is served."""
    port = handed.getsockname()[1]
    handed.close()
    # It keeps nothing of our environment; where the gate is found is ours to say.
    found = f"PYTHONPATH={os.pathsep.join(filter(None, sys.path))}"
    words = ["systemd-socket-activate", "-l", f"127.0.0.1:{port}", "--fdname=mcp", "-E", found]
    gate = subprocess.Popen([*words, *COMMAND, "run", "--config", config], stderr=subprocess.PIPE)
    try:

        def connected() -> socket.socket | None:
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=30)
            except ConnectionRefusedError:
                return None

        there = eventually(connected, "it listens")
        assert there is not None and asked(config, there) == b"HTTP/1.1 401 Unauthorized"
        assert control(config).exists()
        gate.send_signal(signal.SIGTERM)
        assert gate.wait(60) == os.EX_OK
    finally:
        gate.kill()
        gate.communicate()


def test_the_dashboard_does_not_take_callers_from_a_listener(
    config: Path, handed: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One socket, by its name and by its place: each of them would be given callers of the other's."""
    with config.open("a") as file:
        file.write('\n[admin]\nlisten = "systemd:index=0"\ncertificates = "tls"\n')
    monkeypatch.setattr(subprocess, "Popen", _Inheriting)
    with handed:
        said = subprocess.run(
            handing(handed, *COMMAND, "run", "--config", config), capture_output=True, text=True, timeout=60
        )
    assert said.returncode == os.EX_UNAVAILABLE
    assert "admin: cannot listen on systemd:index=0: listener main has that socket" in said.stderr


def test_without_its_socket_it_says_what_is_missing(run: Run, config: Path, handed: socket.socket) -> None:
    """As where an address cannot be listened on; to check it needs none."""
    handed.close()
    said = run("run", "--config", config)
    assert said.returncode == os.EX_UNAVAILABLE
    assert "listener main: cannot listen on systemd:name=mcp: systemd has handed over no" in said.stderr
    assert run("check", "--config", config).returncode == os.EX_OK
