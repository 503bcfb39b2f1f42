"""C{mcpgate policy test}."""

import json
import os
from pathlib import Path

import pytest

from tests.cli.conftest import Run

RULES = """
[[rule]]
name = "reads"
verdict = "allow"
on = { route = "files", method = "tools/call", name = "read_*" }
"""
CASES = """
policy = "files.toml"
route = "files"

[[case]]
name = "reads"
call = { method = "tools/call", name = "read_file" }
expect = { verdict = "allow", rule = "reads" }

[[case]]
name = "does not write"
call = { method = "tools/call", name = "write_file" }
expect = { verdict = "block", reason = "policy.unlisted" }
"""


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """A file of cases beside its rules."""
    (tmp_path / "files.toml").write_text(RULES, encoding="utf-8")
    file = tmp_path / "files.test.toml"
    file.write_text(CASES, encoding="utf-8")
    return file


def test_cases_that_come_out_as_expected_end_well(run: Run, cases: Path) -> None:
    """By the rules that the file names itself; several files, several rules."""
    done = run("policy", "test", cases)
    assert (done.returncode, done.stdout) == (os.EX_OK, "2 of 2 cases came out as expected\n")
    assert run("policy", "test", cases, cases).stdout == "4 of 4 cases came out as expected\n"


def test_all_that_failed_is_shown(run: Run, cases: Path) -> None:
    """With file and line, what differs and what came out; and the end is 1."""
    cases.write_text(
        CASES.replace("write_file", "read_it").replace('rule = "reads"', 'rule = "read"'), encoding="utf-8"
    )
    done = run("policy", "test", cases)
    assert done.returncode == 1
    assert 'files.test.toml:5: "reads"\n  reads decides, not read\n' in done.stdout
    assert 'files.test.toml:10: "does not write"\n  the verdict is allow, not block\n' in done.stdout
    assert "came out as: allow by reads\n" in done.stdout
    assert done.stdout.endswith("0 of 2 cases came out as expected\n")


def test_a_program_gets_facts(run: Run, cases: Path) -> None:
    """Of every case, passed or not."""
    done = run("policy", "test", cases, "--format", "json")
    facts = json.loads(done.stdout)
    assert (facts["cases"], facts["failed"]) == (2, 0)
    first = facts["results"][0]
    assert (first["case"], first["line"], first["passed"], first["failures"]) == ("reads", 5, True, [])
    assert first["outcome"]["verdict"] == "allow"


def test_the_rules_may_be_others(run: Run, cases: Path, tmp_path: Path, config: Path) -> None:
    """Those of another file, or of a whole configuration, which also knows the routes."""
    other = tmp_path / "other.toml"
    other.write_text(RULES.replace("read_*", "*"), encoding="utf-8")
    done = run("policy", "test", cases, "--policy", other)
    assert done.returncode == 1 and "the verdict is allow, not block" in done.stdout
    done = run("policy", "test", cases, "--config", config)
    assert done.returncode == 1 and "no route is named" in done.stdout
    assert run("policy", "test", cases, "--config", config, "--policy", other).returncode == os.EX_USAGE


def test_files_that_cannot_be_used_are_told_together(run: Run, cases: Path, tmp_path: Path) -> None:
    """Before any case is tried: a broken one, one whose rules are broken, one that is not there."""
    broken = tmp_path / "broken.test.toml"
    broken.write_text("[[case]]\nname = 1\n", encoding="utf-8")
    (tmp_path / "files.toml").write_text(RULES.replace('"allow"', '"alow"'), encoding="utf-8")
    done = run("policy", "test", broken, cases)
    assert done.returncode == os.EX_CONFIG and done.stdout == ""
    assert "case[0].name (line 2): is a number" in done.stderr
    assert 'rule.reads.verdict (line 4): no verdict is named "alow"' in done.stderr
    assert run("policy", "test", tmp_path / "none.toml").returncode == os.EX_NOINPUT
