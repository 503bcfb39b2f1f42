"""C{mcpgate evidence key}: what signs is shown, and replaced while a gate runs."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from mcpgate.evidence.keyfile import MEND, KeyFile
from mcpgate.evidence.note import notes_in, read_note
from mcpgate.evidence.trusted import read_keys
from mcpgate.ops.control import ask
from tests.cli.conftest import Run, Start, control, within


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Without a process for each."""
    return within(monkeypatch, capsys)


def keys(run: Run, config: Path) -> dict[str, Any]:
    """What is told to programs."""
    return json.loads(run("evidence", "key", "--config", config, "--format", "json").stdout)  # type: ignore[no-any-return]


def test_before_the_first_start_there_is_none(run: Run, config: Path) -> None:
    """A gate makes it; no command does."""
    for words in ((), ("--rotate",)):
        said = run("evidence", "key", *words, "--config", config)
        assert said.returncode == os.EX_NOINPUT and "at its first start" in said.stderr
    assert not (config.parent / "state" / "evidence-key.json").exists()


def test_the_public_half_is_shown_and_the_other_is_not(run: Run, tmp_path: Path) -> None:
    file = KeyFile(tmp_path)
    first, _ = file.begin(0.0)
    said = run("evidence", "key", "--state", tmp_path)
    assert said.returncode == os.EX_OK and str(first.signing.verifier) in said.stdout
    said = run("evidence", "key", "--rotate", "--state", tmp_path)
    second = file.load()
    assert second is not None
    assert "signs from now on" in said.stderr and str(second.signing.verifier) in said.stdout
    assert json.loads(file.path.read_text())["key"] not in said.stdout + said.stderr
    facts = json.loads(run("evidence", "key", "--state", tmp_path, "--format", "json").stdout)
    assert [row["use"] for row in facts["keys"]] == ["signs", "has signed"]
    assert [row["key"] for row in facts["keys"]] == [str(key) for key in reversed(second.public)]
    assert facts["keys"][0]["since"] and facts["keys"][1]["since"] is None
    assert read_keys(Path(facts["file"]).read_bytes()) == (first.signing.verifier, second.successions)


def test_a_file_that_is_none_is_never_replaced(run: Run, config: Path) -> None:
    """The way out is told."""
    path = config.parent / "state" / "evidence-key.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text("{")
    path.chmod(0o600)
    for words in (("evidence", "key"), ("evidence", "key", "--rotate")):
        said = run(*words, "--config", config)
        assert said.returncode == os.EX_NOINPUT and MEND in said.stderr
    assert path.read_text() == "{"


def signers(state: Path) -> list[str]:
    """Who has signed each checkpoint, by the key's id."""
    files = sorted((state / "checkpoints").iterdir())
    notes = [read_note(note) for file in files for _, note in notes_in(file.read_bytes())]
    return [note.signatures[0].id.hex() for note in notes]


def knock(config: Path) -> None:
    """Have something happen that is recorded: somebody speaks no TLS."""
    port = ask(control(config), "status")["listeners"][0]["address"].rpartition(":")[2]
    with socket.create_connection(("127.0.0.1", int(port)), timeout=10) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        while sock.recv(4096):
            pass


def test_a_running_gate_signs_with_a_new_key_at_once(run: Run, config: Path, start: Start) -> None:
    """And whoever has the first one can verify all of it."""
    gate = start()
    state = config.parent / "state"
    kept = config.parent / "kept.pub"
    kept.write_text(f"{keys(run, config)['keys'][0]['key']}\n")
    knock(config)
    ask(control(config), "seal")
    knock(config)
    assert run("evidence", "key", "--rotate", "--config", config).returncode == os.EX_OK
    new, old = [row["key"].split("+")[1] for row in keys(run, config)["keys"]]
    assert signers(state) == [old, new]
    gate.terminate()
    gate.communicate(timeout=30)
    said = run("evidence", "verify", "--config", config, "--key", kept, "--format", "json")
    facts = json.loads(said.stdout)
    assert (said.returncode, facts["unsealed"], facts["findings"]) == (os.EX_OK, 0, [])
    assert facts["checkpoints"] >= 3 and len(facts["keys"]) == 2
