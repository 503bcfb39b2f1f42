"""C{mcpgate evidence verify}: what it says, to people and programs, and how it ends."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from mcpgate.cli.evidence import command as evidence
from mcpgate.cli.evidence_verify import BESIDE, TOLD_MOST
from tests.cli.conftest import Run, within
from tests.evidence.sealed import Writer, journal, make


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = tmp_path_factory.mktemp("made") / "state"
    make(state)
    return state


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Without a process for each."""
    return within(monkeypatch, capsys)


@pytest.fixture
def state(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "state"))


def test_what_is_sound_is_said_to_be(run: Run, state: Path, tmp_path: Path) -> None:
    """And on which key that rests."""
    said = run("evidence", "verify", state)
    assert said.returncode == os.EX_OK and said.stderr == ""
    assert "verdict        sound\n" in said.stdout
    assert "63 of 63 lines, in 3 segments of 1 worker" in said.stdout
    assert BESIDE in said.stdout
    kept = Path(shutil.copy(state / "evidence.pub", tmp_path / "kept.pub"))
    assert BESIDE not in run("evidence", "verify", state, "--key", kept).stdout


def test_lines_that_no_gate_would_leave_unsealed_are_not_passed_over(run: Run, tmp_path: Path) -> None:
    """Nothing shows that they were tampered with, and nothing that they were not."""
    writer = Writer(tmp_path / "state")
    writer.exchanges(1)
    writer.seal()
    writer.exchanges(1)
    assert run("evidence", "verify", tmp_path / "state").returncode == os.EX_OK
    writer.exchanges(400)
    said = run("evidence", "verify", tmp_path / "state")
    assert said.returncode == os.EX_TEMPFAIL
    assert "verdict        sound as far as it was sealed in time; see unsealed\n" in said.stdout
    facts = json.loads(run("evidence", "verify", tmp_path / "state", "--format", "json").stdout)
    assert facts["late"] and facts["sound"]


def test_a_tampering_is_named_and_ends_with_1(run: Run, state: Path) -> None:
    """For programs in members of their own."""
    text = journal(state).read_bytes().splitlines(keepends=True)
    del text[5]
    journal(state).write_bytes(b"".join(text))
    said = run("evidence", "verify", state)
    assert said.returncode == 1 and "verdict        TAMPERED WITH\n" in said.stdout
    assert "\ntampered\n  journal-0-00000001.jsonl, line 6: seq 5 is missing before it.\n" in said.stdout
    said = run("evidence", "verify", state, "--format", "json")
    facts = json.loads(said.stdout)
    assert said.returncode == 1 and not facts["sound"] and not facts["key_given"]
    assert facts["findings"] == [
        {
            "severity": "tampered",
            "kind": "missing",
            "words": "journal-0-00000001.jsonl, line 6: seq 5 is missing before it.",
            "worker": 0,
            "segment": 1,
            "seq": 5,
            "last": 5,
            "file": "journal-0-00000001.jsonl",
            "line": 6,
            "exchange": None,
        }
    ]


def test_where_there_is_nothing_to_read_it_ends_with_66(run: Run, state: Path, tmp_path: Path) -> None:
    none = tmp_path / "none"
    for words in ((tmp_path,), (none,), (state, "--key", none), ("--state", tmp_path)):
        said = run("evidence", "verify", *words)
        assert (said.returncode, said.stdout) == (os.EX_NOINPUT, ""), words
        assert str(tmp_path) in said.stderr


def test_without_a_place_it_is_about_the_gate_of_the_configuration(
    run: Run, config: Path, state: Path, tmp_path: Path
) -> None:
    """Whose checkpoints may be elsewhere."""
    ours = config.parent / "state"
    shutil.copytree(state, ours, dirs_exist_ok=True)
    assert "63 of 63 lines" in run("evidence", "verify", "--config", config).stdout
    (ours / "checkpoints").rename(tmp_path / "elsewhere")
    assert "0 of 63 lines" in run("evidence", "verify", "--config", config).stdout
    with config.open("a", encoding="utf-8") as file:
        file.write(f'\n[evidence]\ncheckpoints = "{tmp_path / "elsewhere"}"\n')
    said = run("evidence", "verify", "--config", config)
    assert "63 of 63 lines" in said.stdout and "compared with 0" in said.stdout
    said = run("evidence", "verify", "--config", config, "--state", ours)
    assert said.returncode == os.EX_USAGE


def test_much_of_a_kind_is_told_in_part(tmp_path: Path) -> None:
    """Programs get all of it."""
    writer = Writer(tmp_path)
    for _ in range(TOLD_MOST + 5):
        writer.open()
    writer.stop()
    said = CliRunner().invoke(evidence, ["verify", str(tmp_path)])
    assert said.exit_code == 0 and "\n  and 5 more (--format json)\n" in said.stdout
    said = CliRunner().invoke(evidence, ["verify", str(tmp_path), "--format", "json"])
    assert len(json.loads(said.stdout)["findings"]) == TOLD_MOST + 5


def test_names_that_a_thief_has_put_there_cannot_move_the_cursor(tmp_path: Path, state: Path) -> None:
    file = journal(state)
    (state / "journal" / "journal-0-00000003.jsonl").write_bytes(
        file.read_bytes().replace(b'"gate":"gate-', b'"gate":"\\u001b[2Jgate-').splitlines(keepends=True)[0]
    )
    said = CliRunner().invoke(evidence, ["verify", str(state)])
    assert said.exit_code == 1 and "\x1b" not in said.stdout and "of another gate" in said.stdout
