"""A worker's journal as the configuration has it: sealed, under the gate's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcpgate.config.load import parse_config
from mcpgate.config.schema import Config
from mcpgate.evidence.journal import JournalError
from mcpgate.evidence.keyfile import KeyFile
from mcpgate.evidence.opening import checkpoints_of, open_journal
from mcpgate.evidence.terms import JournalTerms
from tests.evidence.chained import chained

TEXT = """
[gate]
state = "{state}"
[evidence]
{evidence}
[[listener]]
name = "public"
listen = "tcp:0"
certificates = "{state}"
[[upstream]]
name = "server"
url = "https://localhost/mcp"
[[route]]
path = "/mcp"
upstream = "server"
"""


def configured(state: Path, evidence: str = "") -> Config:
    return parse_config(TEXT.format(state=state, evidence=evidence).encode(), state / "gate.toml")


def test_it_is_under_the_gates_name_and_sealed_at_its_end(tmp_path: Path) -> None:
    keys, _ = KeyFile(tmp_path).begin(0.0)
    for _ in range(2):
        open_journal(configured(tmp_path), 3).close()
    segments = chained(tmp_path / "journal", 3)
    assert [records[0]["gate"] for records in segments] == [keys.gate] * 2
    for number in (1, 2):
        (note,) = (tmp_path / "checkpoints").glob(f"journal-3-0000000{number}.checkpoints")
        assert f"{keys.gate}/3/{number}\n1\n" in note.read_text()
        assert "state closed" in note.read_text()


def test_a_number_whose_segment_was_removed_is_not_used_again(tmp_path: Path) -> None:
    KeyFile(tmp_path).begin(0.0)
    journal = open_journal(configured(tmp_path))
    journal.close()
    journal.path.unlink()
    journal = open_journal(configured(tmp_path))
    assert journal.segment == 2
    journal.close()


def test_without_a_key_there_is_no_journal(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="evidence-key.json"):
        open_journal(configured(tmp_path))


def test_the_terms_are_those_of_the_configuration(tmp_path: Path) -> None:
    text = """
durability = "fsync"
on_journal_failure = "unsafe-continue"
segment_size = "1MiB"
segment_age = "1h"
compress = false
keep = "2d"
keep_size = "5MiB"
checkpoint_every = "2s"
checkpoints = "/srv/checkpoints"
"""
    config = configured(tmp_path, text)
    assert checkpoints_of(config) == Path("/srv/checkpoints")
    assert checkpoints_of(configured(tmp_path)) == tmp_path / "checkpoints"
    assert JournalTerms.of(configured(tmp_path).evidence) == JournalTerms()
    assert JournalTerms.of(config.evidence) == JournalTerms(
        True, True, 1 << 20, 3600.0, False, 2 * 86400.0, 5 << 20, 2.0
    )
