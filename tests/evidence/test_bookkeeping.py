"""What the journal says of itself is told in lines like others."""

from __future__ import annotations

from mcpgate.evidence.bookkeeping import (
    clock_line,
    expired_line,
    gap_line,
    handshakes_line,
    repair_line,
    segment_line,
)
from tests.evidence.lines import TIME, one_line


def test_a_repair_line_says_how_much_was_lost() -> None:
    line = repair_line("r-1", time=TIME, what="torn", file="journal-0-00000001.jsonl", dropped=7)
    assert list(one_line(line).items())[1:] == [
        ("type", "repair"),
        ("id", "r-1"),
        ("time", "2027-01-15T08:00:00.500000Z"),
        ("what", "torn"),
        ("file", "journal-0-00000001.jsonl"),
        ("dropped", 7),
    ]


def test_each_says_what_it_is_and_text_that_is_not_ours_is_bounded_and_escaped() -> None:
    records = [
        one_line(line)
        for line in (
            segment_line("s-1", time=TIME, gate="g", worker=0, segment=1, openssl="OpenSSL 3"),
            gap_line(
                "g-1", time=TIME, since=TIME, until=TIME, exchanges=1, lines=2, why="\x1b" + "x" * 2000
            ),
            expired_line("r-1", time=TIME, worker=0, segment=1, lines=9, root="00" * 32),
            handshakes_line(
                "h-1",
                time=TIME,
                where="l",
                reason="tls.hello",
                count=5,
                addresses=2,
                seconds=1.23456,
                example="a:1",
            ),
            clock_line("k-1", time=TIME, stepped=-3600.00049),
        )
    ]
    assert [record["type"] for record in records] == ["segment", "gap", "expired", "handshakes", "clock"]
    assert all(list(record)[:4] == ["v", "type", "id", "time"] for record in records)
    assert len(str(records[1]["why"])) < 1100
    assert (records[3]["seconds"], records[4]["stepped"]) == (1.235, -3600.0)
