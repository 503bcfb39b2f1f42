"""C{mcpgate evidence follow}."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.cli.conftest import COMMAND
from tests.cli.inside import inside
from tests.evidence.made import make_journal
from tests.waiting import eventually


def test_what_is_there_is_shown_line_by_line(tmp_path: Path) -> None:
    made = make_journal(tmp_path, workers=2, exchanges=50)
    text = inside("evidence", "follow", "--journal", tmp_path, "--whole", "--once")
    assert text.returncode == 0 and len(text.stdout.splitlines()) == made.lines
    raw = inside("evidence", "follow", "--journal", tmp_path, "--whole", "--once", "--format", "json")
    records = [json.loads(line) for line in raw.stdout.splitlines()]
    assert len(records) == made.lines
    some = next(one for one in records if one["type"] == "open")
    picked = inside(
        "evidence", "follow", "--journal", tmp_path, "--whole", "--once", "--format", "json",
        "--principal", some["principal"],
    )  # fmt: skip
    found = [json.loads(line) for line in picked.stdout.splitlines()]
    assert {one["principal"] for one in found if one["type"] == "open"} == {some["principal"]}
    wanted = {one["id"] for one in found if one["type"] == "open"}
    assert {one["id"] for one in found if one["type"] == "close"} <= wanted
    assert len(found) < made.lines


def test_what_is_added_is_shown_at_once_and_what_was_there_is_not(tmp_path: Path) -> None:
    make_journal(tmp_path / "journal", exchanges=5)
    words = [*COMMAND, "evidence", "follow", "--state", tmp_path, "--format", "json"]
    with (tmp_path / "out").open("wb") as out:
        following = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT)
        try:
            (segment,) = (tmp_path / "journal").glob("*.jsonl")
            line = b'{"v":2,"type":"close","id":"x-late","time":"2026-11-26T00:00:00.000000Z"}\n'

            def shown() -> bool:
                # It may not have begun to look yet, and then this is something that was there before.
                with segment.open("ab") as file:
                    file.write(line)
                return b"x-late" in (tmp_path / "out").read_bytes()

            eventually(shown, "it is shown")
            seen = (tmp_path / "out").read_bytes()
            assert set(seen.splitlines(keepends=True)) == {line}
        finally:
            following.terminate()
            following.wait(10)


def test_a_line_that_is_none_is_told(tmp_path: Path) -> None:
    make_journal(tmp_path, exchanges=1)
    (segment,) = tmp_path.glob("*.jsonl")
    with segment.open("ab") as file:
        file.write(b"\x1b[2J\n")
    done = inside("evidence", "follow", "--journal", tmp_path, "--whole", "--once")
    assert done.returncode == 0 and "is no record" in done.stderr and "\x1b" not in done.stdout + done.stderr
