"""C{mcpgate evidence index}."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mcpgate.cli.evidence_index import command
from mcpgate.cli.exits import ends_well
from mcpgate.index.queries import Index
from mcpgate.index.sqlite import PLACE, SQLiteAsked
from mcpgate.index.store import StoreError
from tests.evidence.made import Made, make_journal
from tests.waiting import eventually

Call = Callable[..., int]


@pytest.fixture
def state(config: Path) -> Path:
    return config.parent / "state"


@pytest.fixture
def made(state: Path) -> Made:
    """What the gate of the configuration has written."""
    return make_journal(state / "journal", exchanges=30)


@pytest.fixture
def call(config: Path) -> Call:
    """Run the verb; returns how it ends."""

    def call(*words: str) -> int:
        try:
            with ends_well():
                command.main([*words, "--config", str(config)], standalone_mode=False)
        except SystemExit as end:
            return int(end.code or 0)
        return os.EX_OK

    return call


def test_it_is_filled_with_what_there_is(
    call: Call, made: Made, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And says how much that was; a second time it is nothing."""
    assert call("--format", "json") == os.EX_OK
    assert json.loads(capsys.readouterr().out) == {"lines": made.lines, "faulty_lines": 0, "parts_skipped": 0}
    assert call() == os.EX_OK
    assert capsys.readouterr().out.split() == "lines 0 faulty lines 0 parts skipped 0".split()
    assert len(Index(SQLiteAsked(state)).exchanges().rows) == 30


def test_it_can_be_made_anew(call: Call, made: Made, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All of it is put in again."""
    call()
    capsys.readouterr()
    assert call("--rebuild", "--format", "json") == os.EX_OK
    assert json.loads(capsys.readouterr().out)["lines"] == made.lines
    assert len(Index(SQLiteAsked(state)).exchanges().rows) == 30


def test_what_cannot_be_done_is_said(
    call: Call, config: Path, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each with a code of its own."""
    assert call() == os.EX_NOINPUT
    assert "there is no journal" in capsys.readouterr().err
    make_journal(state / "journal", exchanges=3)
    with config.open("a", encoding="utf-8") as file:
        file.write('\n[evidence]\nindex = "env:NO_INDEX"\n')
    assert call() == os.EX_UNAVAILABLE
    assert "NO_INDEX" in capsys.readouterr().err
    config.write_text(config.read_text(encoding="utf-8").replace("env:NO_INDEX", "off"), encoding="utf-8")
    assert call() == os.EX_CONFIG
    assert "there is no index" in capsys.readouterr().err


def test_it_follows_the_journal(config: Path, made: Made, state: Path, tmp_path: Path) -> None:
    """Until it is interrupted; what it cannot do meanwhile it says, and when it can again."""
    script = "from mcpgate.cli.evidence_index import command; command()"
    words = [sys.executable, "-c", script, "--follow", "--config", str(config)]
    told = tmp_path / "told"
    asked = SQLiteAsked(state)

    def exchanges() -> int:
        try:
            return len(asked.ask("SELECT 1 FROM exchange"))
        except StoreError:
            return 0

    with told.open("w") as errors, subprocess.Popen(words, stderr=errors) as following:
        try:
            eventually(lambda: exchanges() == 30, "all of it is in the index")
            make_journal(made.directory, exchanges=12, first_segment=2)
            eventually(lambda: exchanges() == 42, "so is what was added")
            for path in (state / PLACE).parent.iterdir():
                path.unlink()
            make_journal(made.directory, exchanges=1, first_segment=3)
            eventually(lambda: exchanges() == 43, "it is made anew")
            eventually(lambda: "it gets on again" in told.read_text(), "that is said")
        finally:
            following.terminate()
    assert "it is gone" in told.read_text() and "Traceback" not in told.read_text()
