"""The gate as a process: exit codes, signals, status, started by either command."""

import json
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from mcpgate.ops.control import ask
from tests.cli.conftest import COMMAND, Run, Start, answers, control, wait_for


@pytest.mark.parametrize("command", ["mcpgate run", "twist mcpgate", "twist --reactor=epoll mcpgate"])
def test_it_runs_until_it_is_told_to_stop(command: str, config: Path, start: Start) -> None:
    """SIGTERM ends it in order, of that signal, with nothing left behind but its records."""
    program, *words = command.split()
    first = [COMMAND] if program == "mcpgate" else [sys.executable, "-m", "twisted"]
    gate = start(*first, *words, "--config", config)
    gate.send_signal(signal.SIGTERM)
    said, _ = gate.communicate(timeout=60)
    assert gate.returncode == -signal.SIGTERM
    assert "Traceback" not in said
    assert not control(config).exists()


def test_status_says_what_runs(run: Run, config: Path, start: Start) -> None:
    """For people and for programs."""
    gate = start()
    facts = json.loads(run("status", "--config", config, "--format", "json").stdout)
    assert (facts["process"], facts["generation"]) == (gate.pid, 1)
    assert "127.0.0.1:" in run("status", "--config", config).stdout


def test_status_without_a_gate_is_69(run: Run, config: Path) -> None:
    """It says that none runs, and where it looked."""
    said = run("status", "--config", config)
    assert said.returncode == os.EX_UNAVAILABLE
    assert str(config.parent / "state") in said.stderr


def test_a_reload_takes_a_good_configuration_only(config: Path, start: Start) -> None:
    """SIGHUP with a good file is a new generation; with a bad one the old stays and status says why."""
    gate = start()
    path = control(config)
    gate.send_signal(signal.SIGHUP)
    wait_for(lambda: ask(path, "status")["generation"] == 2)
    good = config.read_text()
    config.write_text(good.replace('"modern"', '"moderm"'))
    gate.send_signal(signal.SIGHUP)
    wait_for(lambda: "moderm" in (ask(path, "status")["problem"] or ""))
    assert ask(path, "status")["generation"] == 2
    config.write_text(good)
    gate.send_signal(signal.SIGHUP)
    wait_for(lambda: ask(path, "status")["problem"] is None)
    assert ask(path, "status")["generation"] == 3


def test_sighup_goes_on_in_a_new_journal_file(config: Path, start: Start) -> None:
    """The journal can be rotated by renaming it, also while the configuration is broken."""
    gate = start()
    (journal,) = (config.parent / "state" / "journal").glob("*.jsonl")
    journal.rename(journal.with_suffix(".old"))
    config.write_text("broken")
    gate.send_signal(signal.SIGHUP)
    wait_for(journal.exists)


def test_a_port_that_is_taken_is_69_and_one_line(run: Run, config: Path) -> None:
    """Nothing runs without its listener, and the message names the listener and the address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
        config.write_text(config.read_text().replace("tcp:0:interface=127.0.0.1", address))
        said = run("run", "--config", config)
    assert said.returncode == os.EX_UNAVAILABLE
    (line,) = said.stderr.splitlines()
    assert line.startswith("mcpgate: listener main: ") and address in line
    assert not answers(config)


def test_two_gates_cannot_share_a_state_directory(run: Run, config: Path, start: Start) -> None:
    """The second one ends with 73 and names the first; the first goes on."""
    gate = start()
    said = run("run", "--config", config)
    assert said.returncode == os.EX_CANTCREAT
    assert str(gate.pid) in said.stderr
    assert answers(config)


def test_run_judges_as_check_does(run: Run, config: Path) -> None:
    """A bad configuration starts nothing: 78, with the same words."""
    config.write_text(config.read_text().replace('"modern"', '"moderm"'))
    said = run("run", "--config", config)
    assert said.returncode == os.EX_CONFIG
    assert said.stderr == run("check", "--config", config).stderr


def test_usage_is_64(run: Run) -> None:
    """A verb or an option that does not exist."""
    for words in (["fly"], ["run", "--fast"], ["token"]):
        said = run(*words)
        assert (said.returncode, said.stdout) == (os.EX_USAGE, ""), words
