"""The gate as a process: exit codes, signals, status, started by either command."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mcpgate.ops.control import ask
from tests.cli.conftest import COMMAND, Run, Start, answers, control, wait_for


@pytest.mark.parametrize("command", ["mcpgate run", "twist mcpgate", "twist --reactor=epoll mcpgate"])
def test_it_runs_until_it_is_told_to_stop(command: str, config: Path, start: Start) -> None:
    """SIGTERM ends it in order, with nothing left behind but its records."""
    program, *words = command.split()
    first = COMMAND if program == "mcpgate" else [sys.executable, "-m", "twisted"]
    gate = start(*first, *words, "--config", config)
    gate.send_signal(signal.SIGTERM)
    said, _ = gate.communicate(timeout=60)
    assert gate.returncode == os.EX_OK
    assert "Traceback" not in said
    assert not control(config).exists()


def with_workers(config: Path, workers: int | str) -> None:
    """Have the configuration ask for so many."""
    text = config.read_text()
    config.write_text(text.replace("[gate]\n", f"[gate]\nworkers = {json.dumps(workers)}\n", 1))


def test_as_many_workers_as_there_are_cores(run: Run, config: Path, start: Start) -> None:
    """On a machine with one, the process that was started serves by itself."""
    with_workers(config, "auto")
    assert run("check", "--config", config).returncode == os.EX_OK
    start()
    cores = len(os.sched_getaffinity(0))
    shown = ask(control(config), "status").get("workers", [])
    assert len(shown) == (cores if cores > 1 else 0)


def test_status_says_what_runs(run: Run, config: Path, start: Start) -> None:
    """For people and for programs."""
    gate = start()
    facts = json.loads(run("status", "--config", config, "--format", "json").stdout)
    assert (facts["process"], facts["generation"]) == (gate.pid, 1)
    assert "127.0.0.1:" in run("status", "--config", config).stdout


def test_status_is_had_while_the_configuration_is_broken(run: Run, config: Path, start: Start) -> None:
    """By the file, of which the rest does not matter, or by the state directory itself."""
    start()
    config.write_text(config.read_text() + "\n[nonsense\n")
    for words in (("--config", config), ("--state", config.parent / "state")):
        said = run("status", *words)
        assert (said.returncode, said.stderr) == (os.EX_OK, "")
    assert re.search(r"^  head timeout +10s$", said.stdout, re.MULTILINE)
    assert re.search(r"^  head size +32KiB$", said.stdout, re.MULTILINE)


def test_status_without_a_gate_is_69(run: Run, config: Path) -> None:
    """It says that none runs, and where it looked."""
    said = run("status", "--config", config)
    assert said.returncode == os.EX_UNAVAILABLE
    assert str(config.parent / "state") in said.stderr


def test_a_reload_takes_a_good_configuration_only(config: Path, start: Start) -> None:
    """SIGHUP with a good file is a new generation; with a bad one the old stays and status says why."""
    log = config.parent / "log"
    gate = start(*COMMAND, "run", "--config", config, "--log-file", log)
    path = control(config)
    gate.send_signal(signal.SIGHUP)
    wait_for(lambda: ask(path, "status")["generation"] == 2)
    good = config.read_text()
    config.write_text(good.replace('"modern"', '"moderm"'))
    gate.send_signal(signal.SIGHUP)
    wait_for(lambda: "moderm" in (ask(path, "status")["problem"] or ""))
    assert ask(path, "status")["generation"] == 2
    gate.send_signal(signal.SIGHUP)
    # Told each time it is asked for; why, once.
    wait_for(lambda: log.read_text().count("not reloaded") == 2)
    config.write_text(good)
    gate.send_signal(signal.SIGHUP)
    wait_for(lambda: ask(path, "status")["problem"] is None)
    assert ask(path, "status")["generation"] == 3


def test_sighup_goes_on_in_a_new_journal_file(config: Path, start: Start) -> None:
    """A segment can be moved away, also while the configuration is broken."""
    gate = start()
    (journal,) = (config.parent / "state" / "journal").glob("*.jsonl")
    journal.rename(journal.with_suffix(".old"))
    config.write_text("broken")
    gate.send_signal(signal.SIGHUP)
    wait_for(journal.with_name(journal.name.replace("00000001", "00000002")).exists)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_port_that_is_taken_is_69_and_one_line(run: Run, config: Path, workers: int) -> None:
    """Nothing runs without its listener, and the message names the listener and the address."""
    with_workers(config, workers)
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


def test_two_gates_that_do_not_share_a_journal_cannot_share_a_socket(run: Run, config: Path) -> None:
    """The control socket is the second thing that keeps them apart, with the same code as the first."""
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(control(config)))
        other.listen()
        said = run("run", "--config", config)
    assert said.returncode == os.EX_CANTCREAT
    (line,) = said.stderr.splitlines()
    assert line.startswith("mcpgate: ") and "already running" in line


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--reactor", "bogus"), os.EX_USAGE, "epoll"),
        (("--log-level", "bogus"), os.EX_USAGE, "debug"),
        (
            ("--log-file", "/absent/log"),
            os.EX_CANTCREAT,
            "mcpgate: the log file /absent/log cannot be opened",
        ),
    ],
)
def test_options_of_run_are_judged_in_our_words(
    run: Run, config: Path, words: tuple[str, str], code: int, told: str
) -> None:
    """The usage of twist is nothing that somebody who typed mcpgate should have to read."""
    said = run("run", *words, "--config", config)
    assert (said.returncode, said.stdout) == (code, "")
    assert told in said.stderr and "twist" not in said.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_the_log_speaks_of_the_gate_only(config: Path, start: Start, workers: int) -> None:
    """Of Twisted there is nothing below a warning, whichever process it is in."""
    with_workers(config, workers)
    gate = start(*COMMAND, "run", "--config", config, "--log-format", "json")
    gate.send_signal(signal.SIGTERM)
    said, _ = gate.communicate(timeout=60)
    events = [json.loads(line.lstrip("\x1e")) for line in said.strip().split("\n")]
    assert events
    assert [event for event in events if not event["log_namespace"].startswith("mcpgate.")] == []


def test_run_judges_as_check_does(run: Run, config: Path) -> None:
    """A bad configuration starts nothing: 78, with the same words."""
    config.write_text(config.read_text().replace('"modern"', '"moderm"'))
    said = run("run", "--config", config)
    assert said.returncode == os.EX_CONFIG
    assert said.stderr == run("check", "--config", config).stderr


def test_usage_is_64(run: Run) -> None:
    """A verb or an option that does not exist."""
    for words in (["fly"], ["run", "--fast"], ["token"], ["session"]):
        said = run(*words)
        assert (said.returncode, said.stdout) == (os.EX_USAGE, ""), words


def test_the_summary_of_no_verb_is_cut(run: Run) -> None:
    """On a terminal of usual width."""
    for words in (["--help"], ["token", "--help"], ["session", "--help"]):
        assert not [line for line in run(*words).stdout.splitlines()[1:] if line.endswith("...")]


def test_running_a_gate_loads_nothing_that_looks_at_servers() -> None:
    """What only C{check --online} and C{probe} need is not in the process that serves."""
    code = (
        "import sys, mcpgate.cli.tap\n"
        "print([name for name in sys.modules if name in ('mcpgate.cli.online', 'mcpgate.upstream.probe')])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"
