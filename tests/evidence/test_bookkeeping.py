"""What the journal says of itself, in lines like others."""

from __future__ import annotations

from mcpgate.evidence.bookkeeping import (
    clock_line,
    expired_line,
    gap_line,
    handshakes_line,
    repair_line,
    segment_line,
)
from mcpgate.evidence.record import VERSION, parse_line
from tests.evidence.lines import TIME, one_line


def test_a_repair_line_says_how_much_was_lost() -> None:
    """And of which file."""
    line = repair_line("r-1", time=TIME, what="torn", file="journal-0-00000001.jsonl", dropped=7)
    assert parse_line(line) == {
        "v": VERSION,
        "type": "repair",
        "id": "r-1",
        "time": "2027-01-15T08:00:00.500000Z",
        "what": "torn",
        "file": "journal-0-00000001.jsonl",
        "dropped": 7,
    }


def test_what_the_journal_says_of_itself_is_told_in_lines_like_others() -> None:
    """With the text that is not ours bounded and escaped."""
    mine = {"time": TIME}
    lines = [
        segment_line("s-1", gate="g", worker=0, segment=1, openssl="OpenSSL 3", **mine),
        gap_line("g-1", since=TIME, until=TIME, exchanges=1, lines=2, why="\x1b" + "x" * 2000, **mine),
        expired_line("r-1", worker=0, segment=1, lines=9, root="00" * 32, **mine),
        handshakes_line(
            *("h-1",), where="l", reason="tls.hello", count=5, addresses=2, seconds=1.23456, example="a:1",
            **mine,
        ),
        clock_line("k-1", stepped=-3600.00049, **mine),
    ]
    records = [one_line(line) for line in lines]
    kinds = ["segment", "gap", "expired", "handshakes", "clock"]
    assert [record["type"] for record in records] == kinds
    assert all(list(record)[:4] == ["v", "type", "id", "time"] for record in records)
    assert b"\x1b" not in b"".join(lines) and len(str(records[1]["why"])) < 1100
    assert (records[3]["seconds"], records[4]["stepped"]) == (1.235, -3600.0)
