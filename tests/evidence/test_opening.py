"""A worker's journal as the configuration has it: sealed, under the gate's name."""

from __future__ import annotations

import os
import time
from pathlib import Path
from threading import Event

import pytest

from mcpgate.config.load import parse_config
from mcpgate.config.schema import Config
from mcpgate.evidence.journal import JournalError
from mcpgate.evidence.keyfile import KeyFile
from mcpgate.evidence.opening import checkpoints_of, open_journal
from mcpgate.evidence.retention import compress
from mcpgate.evidence.sealing import SealingAside
from mcpgate.evidence.terms import JournalTerms
from mcpgate.evidence.verify import verify
from tests.evidence.chained import chained

LINE = b'{"v":2,"type":"test"}\n'
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


# A power cut.


def _life(state: Path) -> None:
    """All that happens to a journal: lines, checkpoints, more segments, compression, another key, a stop."""
    journal = open_journal(configured(state))
    for _ in range(2):
        journal.append([LINE] * 3)
        journal.checkpoint()
        journal.append([LINE])
        journal.rotate()
    assert isinstance(journal.seals, SealingAside)
    sealed = Event()
    journal.seals.after(sealed.set)
    assert sealed.wait(10)
    KeyFile(state).rotate(time.time())
    compress(journal.directory, 0)
    journal.append([LINE])
    journal.close()


def _cut_off_at(count: int) -> None:
    """End this process within that write to a file, of which half is done."""
    left, write = [count], os.write

    def half(fd: int, data: bytes) -> int:
        left[0] -= 1
        if left[0]:
            return write(fd, data)
        write(fd, data[: len(data) // 2])
        os._exit(1)

    os.write = half  # type: ignore[assignment]


def test_a_power_cut_in_any_write_leaves_nothing_that_looks_like_tampering(tmp_path: Path) -> None:
    """Neither as it is then, nor once the gate has begun again."""
    for count in range(1, 100):
        state = tmp_path / str(count)
        state.mkdir()
        KeyFile(state).begin(0.0)
        child = os.fork()
        if not child:
            try:
                _cut_off_at(count)
                _life(state)
                os._exit(0)
            finally:
                os._exit(2)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert ended in (0, 1)
        if any((state / "journal").glob("*.jsonl")):
            assert verify(state).sound, count
        journal = open_journal(configured(state))
        journal.append([LINE])
        journal.close()
        result = verify(state)
        assert (result.sound, result.unsealed, result.late) == (True, 0, False), count
        if not ended:
            break
    assert count > 12, "it ended before it had written anything"
