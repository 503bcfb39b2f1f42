"""C{[evidence]}: how the journal is kept, sealed and searched."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from mcpgate.config import forms
from mcpgate.config.tables.option import option


@frozen
class EvidenceTable:
    """C{[evidence]}: how the journal is kept and sealed, for how long, and where it can be searched."""

    durability: str = option(
        "What an open line has reached before its request is forwarded: kernel (it outlives the process), or "
        "fsync (the disk; it outlives a power cut, too).",
        forms.word("durability", ("kernel", "fsync")),
        default="kernel",
        example='"fsync"',
    )
    on_journal_failure: str = option(
        "What becomes of requests while the journal cannot be written: refuse, or unsafe-continue: they are "
        "forwarded off the record, and the journal says how many once it can be written again.",
        forms.word("way to go on", ("refuse", "unsafe-continue")),
        default="refuse",
        example='"unsafe-continue"',
    )
    segment_size: int = option(
        "How large a segment of the journal grows before the next one begins.",
        forms.size("64KiB", "64GiB"),
        default=256 * 1024 * 1024,
        example='"64MiB"',
    )
    segment_age: float = option(
        "How old a segment becomes before the next one begins.",
        forms.duration("1m", "90d"),
        default=86400.0,
        example='"1h"',
    )
    compress: bool = option(
        "Compress segments that are closed (gzip).", forms.switch(), default=True, example="false"
    )
    # PCI DSS 4.0.1 10.5.1 wants twelve months, and every year has a day that somebody was late.
    keep: float = option(
        "How long a closed segment is kept; its checkpoints stay.",
        forms.duration("1h", "9999d"),
        default=400 * 86400.0,
        example='"2200d"',
    )
    keep_size: int | None = option(
        "How much closed segments may take together, whatever their age; the oldest go first. As much as "
        "there is room for, if left out.",
        forms.size("1MiB", "999999999GiB"),
        default=None,
        example='"50GiB"',
    )
    checkpoint_every: float = option(
        "The longest that a line waits for a signed checkpoint.",
        forms.duration("1s", "1m"),
        default=60.0,
        example='"10s"',
    )
    checkpoints: Path | None = option(
        "Directory for the checkpoints, best on another disk; else in the state directory.",
        forms.file("the path of a directory"),
        default=None,
        example='"/srv/checkpoints"',
    )
    copies: tuple[str, ...] = option(
        "Where checkpoints are sent besides: syslog (of this host), syslog:HOST:PORT (UDP), or the path of a "
        "directory.",
        forms.many(forms.text("syslog, syslog:HOST:PORT or the path of a directory"), lone=True),
        default=(),
        example='["syslog", "/mnt/witness"]',
    )
    auditor: Path | None = option(
        "PEM file with the auditor's public key (X25519), to which what rules record is encrypted.",
        forms.file(),
        default=None,
        example='"/etc/mcpgate/auditor.pem"',
    )
    record_size: int = option(
        "How much of a body is recorded where a rule records bodies; the rest is counted.",
        forms.size("1KiB", "256MiB"),
        default=1024 * 1024,
        example='"64KiB"',
    )
    index: str = option(
        "Where the searchable copy is: sqlite (in the state directory), off, or a reference to the URL of a "
        "PostgreSQL database that several gates may share.",
        forms.index(),
        default="sqlite",
        example='"file:/etc/mcpgate/secrets/index"',
    )
    index_keep: float = option(
        "How long the searchable copy is kept.",
        forms.duration("1h", "9999d"),
        default=90 * 86400.0,
        example='"30d"',
    )
