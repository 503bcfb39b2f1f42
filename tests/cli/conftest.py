"""The installed command, and a directory in which a gate can start."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from mcpgate.cli import main
from mcpgate.cli.init import command as init
from mcpgate.ops.control import NoGate, ask

_SCRIPT = Path(sys.executable).with_name("mcpgate")
#: As it was installed; where it was built only, as packages are, the module.
COMMAND: Sequence[str] = [str(_SCRIPT)] if _SCRIPT.exists() else [sys.executable, "-m", "mcpgate"]

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def run() -> Run:
    """Run the installed C{mcpgate} to its end."""

    def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, cwd="/", timeout=60)
        assert "Traceback" not in done.stderr + done.stdout
        return done

    return run


def within(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run C{mcpgate} to its end within this process: a process for each takes a second."""

    def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["mcpgate", *map(str, words)])
        capsys.readouterr()
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        else:
            code = 0
        return subprocess.CompletedProcess(words, code, *capsys.readouterr())

    return run


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration file made by C{mcpgate init}, on a port that the system chooses."""
    # One process less to start; where the dashboard is tested, it has an address of its own.
    options = ["--listen", "tcp:0:interface=127.0.0.1", "--dashboard", "none"]
    made = CliRunner().invoke(init, [str(tmp_path / "gate"), *options])
    assert made.exit_code == 0, made.output
    file = tmp_path / "gate" / "mcpgate.toml"
    # The machine's own authorities are many, and reading them is not what is tested here.
    text = file.read_text(encoding="utf-8").replace('trust = "system"', 'trust = "ca.pem"')
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture
def start(config: Path) -> Iterator[Start]:
    """Start a gate with that configuration, and return once it answers; it is ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str | Path) -> subprocess.Popen[str]:
        gate = subprocess.Popen(
            words or [*COMMAND, "run", "--config", config],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
        )
        started.append(gate)
        wait_for(lambda: gate.poll() is not None or answers(config))
        assert gate.poll() is None, gate.communicate()[0]
        return gate

    yield start
    for gate in started:
        gate.kill()
        gate.communicate()


def answers(config: Path) -> bool:
    """Whether a gate with that configuration runs."""
    try:
        ask(control(config), "status")
    except NoGate:
        return False
    return True


def control(config: Path) -> Path:
    """The control socket of the gate with that configuration."""
    return config.parent / "state" / "control.sock"


def wait_for(condition: Callable[[], bool]) -> None:
    """Return when it is true; half a minute is for machines that do much else."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)
