"""C{mcpgate policy replay}."""

import gzip
import json
import os
from pathlib import Path

import pytest

from mcpgate.evidence.exchanges import call_facts
from tests.cli.conftest import Run
from tests.trial.test_recorded import ALLOWED, opened, shaken

RULES = """
[[rule]]
name = "reads"
verdict = "allow"
on = { route = "files", method = "tools/call", name = "read_*" }
where = { "arguments.path" = "/srv/*" }

[[rule]]
name = "lists"
verdict = "allow"
on = { route = "files", method = "tools/call", name = "list_*" }

[[rule]]
name = "no-mail"
mask = ["email"]
"""


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """What was, in three files: one from before there were segments, and one that ends in half a line."""
    directory = tmp_path / "journal"
    directory.mkdir()
    names = ("read_file", "list_files", "list_files", "write_file")
    lines = [opened(f"x{index}", call_facts("tools/call", name, ALLOWED)) for index, name in enumerate(names)]
    (directory / "journal-0.jsonl").write_bytes(shaken("h1") + shaken("h2") + b"".join(lines[:2]))
    packed = gzip.compress(shaken("h1") + lines[2] + b"nothing\n")
    (directory / "journal-0-00000001.jsonl.gz").write_bytes(packed)
    (directory / "journal-0-00000002.jsonl").write_bytes(shaken("h1") + lines[3] + b'{"v":1,"type":"op')
    return directory


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "rules.toml"
    file.write_text(RULES, encoding="utf-8")
    return file


def test_what_would_come_out_differently_is_shown(run: Run, rules: Path, journal: Path) -> None:
    """Counted by what it is, with an exchange to look at; and what cannot be told."""
    done = run("policy", "replay", journal, "--policy", rules)
    assert done.returncode == os.EX_OK
    text = done.stdout
    assert "would newly block (1)\n" in text and "policy.unlisted" in text and "x3" in text
    assert "undecidable (1)\n" in text and "arguments" in text
    assert "would be subject to masks (3)" in text and "email" in text
    assert "4 messages; 2 would come out as they did" in text
    assert "1 lines are no records" in text
    assert "would newly allow" not in text


def test_a_program_gets_facts(run: Run, rules: Path, journal: Path) -> None:
    """One file or several; the same counts."""
    files = sorted(journal.iterdir())
    facts = json.loads(run("policy", "replay", *files, "--policy", rules, "--format", "json").stdout)
    assert (facts["messages"], facts["faulty_lines"]) == (4, 1)
    (blocked,) = facts["changes"]["block"]
    assert (blocked["count"], blocked["name"], blocked["reason"]) == (1, "write_file", "policy.unlisted")
    assert (blocked["was"], blocked["principal"], blocked["example"]) == ("allow", "ci", "x3")
    (open_,) = facts["undecidable"]
    assert (open_["name"], open_["unknown"]) == ("read_file", ["arguments"])
    assert facts["changes"]["allow"] == facts["changes"]["hold"] == []


def test_where_there_is_no_journal_it_says_so(run: Run, rules: Path, tmp_path: Path) -> None:
    """An empty directory, or a file that is not there."""
    empty = tmp_path / "empty"
    empty.mkdir()
    for place in (empty, tmp_path / "none.jsonl"):
        done = run("policy", "replay", place, "--policy", rules)
        assert done.returncode == os.EX_NOINPUT and str(place) in done.stderr
