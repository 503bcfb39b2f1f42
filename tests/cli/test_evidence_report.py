"""C{mcpgate evidence report}: what it makes, what it says, and how it ends."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from mcpgate.evidence.reading import segments
from tests.cli.conftest import Run, within
from tests.report.recorded import DAY, record


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = tmp_path_factory.mktemp("made") / "state"
    record(state)
    return state


@pytest.fixture
def state(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "state"))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Without a process for each."""
    return within(monkeypatch, capsys)


def test_a_report_goes_where_it_is_told_to(run: Run, made: Path, tmp_path: Path) -> None:
    """Into a directory under a name that says whose and of when, or to a file."""
    verb = ("evidence", "report", "--state", made, "--from", DAY, "--to", DAY, "--profile", "pci-4.2.1")
    said = run(*verb, "--out", tmp_path)
    assert (said.returncode, said.stderr) == (0, "")
    assert "Verification: sound" in said.stdout and "4.2.1.1" in said.stdout
    (bundle,) = tmp_path.glob("mcpgate-gate-*-20261126-20261127.zip")
    assert bundle.with_suffix(".html").is_file()
    said = run(*verb, "--out", tmp_path / "mine.zip", "--format", "json")
    assert json.loads(said.stdout)["bundle"] == str(tmp_path / "mine.zip")


def test_its_bundle_is_verified_by_the_verb(run: Run, made: Path, tmp_path: Path) -> None:
    """With the key that was kept elsewhere."""
    bundle = tmp_path / "day.zip"
    run("evidence", "report", "--state", made, "--from", DAY, "--profile", "nist-sc-8", "--out", bundle)
    shutil.copyfile(made / "evidence.pub", tmp_path / "kept.pub")
    said = run("evidence", "verify", bundle, "--key", tmp_path / "kept.pub", "--format", "json")
    assert said.returncode == 0 and json.loads(said.stdout)["sound"] is True


def test_tampering_is_told_and_ends_with_1(run: Run, state: Path, tmp_path: Path) -> None:
    """The report is there all the same."""
    path = segments(state)[0].path
    path.write_bytes(path.read_bytes().replace(b'"outcome":"completed"', b'"outcome":"cXmpleted"', 1))
    said = run(
        "evidence", "report", "--state", state, "--from", DAY, "--profile", "pci-4.2.1", "--out", tmp_path
    )
    assert said.returncode == 1
    assert "TAMPERED" in said.stdout
    assert len(list(tmp_path.glob("*.zip"))) == 1


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--from", "soon"), os.EX_USAGE, "is no time"),
        (("--from", DAY, "--to", "2026-11-01"), os.EX_USAGE, "ends before it begins"),
        (("--from", "2020-01-01", "--to", "2020-01-01"), os.EX_NOINPUT, "no line"),
        (("--from", DAY, "--out", "/nowhere/at/all"), os.EX_CANTCREAT, "neither a directory"),
        (("--from", DAY, "--out", "/nowhere/x.zip"), os.EX_CANTCREAT, "no such directory"),
    ],
)
def test_what_cannot_be_says_why(
    run: Run, made: Path, tmp_path: Path, words: tuple[str, ...], code: int, told: str
) -> None:
    """In one line, with an exit code that says what kind it is."""
    out = () if "--out" in words else ("--out", tmp_path)
    said = run("evidence", "report", "--state", made, "--profile", "pci-4.2.1", *out, *words)
    assert (said.returncode, said.stdout) == (code, "") and told in said.stderr


def test_without_a_key_there_is_no_bundle(run: Run, state: Path, tmp_path: Path) -> None:
    """Nothing that is not signed goes out."""
    (state / "evidence-key.json").unlink()
    said = run(
        "evidence", "report", "--state", state, "--from", DAY, "--profile", "pci-4.2.1", "--out", tmp_path
    )
    assert said.returncode == os.EX_NOINPUT and "no evidence key" in said.stderr
    assert not list(tmp_path.glob("*.zip"))


def test_a_journal_that_cannot_be_read_is_said(run: Run, state: Path, tmp_path: Path) -> None:
    """And no report is made of the rest."""
    path = segments(state)[1].path
    path.with_name(f"{path.name}.gz").write_bytes(b"not compressed")
    path.unlink()
    said = run(
        "evidence", "report", "--state", state, "--from", DAY, "--profile", "pci-4.2.1", "--out", tmp_path
    )
    assert said.returncode == os.EX_NOINPUT and path.name in said.stderr
    assert not list(tmp_path.glob("*.zip"))
