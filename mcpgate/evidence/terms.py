"""How a journal is to be kept: what C{[evidence]} says of it, as a value that a reload may replace."""

from __future__ import annotations

from attrs import frozen

from mcpgate.config.tables.evidence import EvidenceTable


@frozen
class JournalTerms:
    """The terms of one journal; by default those of a configuration that says nothing."""

    #: Whether what has to be kept is on the disk, or (else) in the kernel.
    fsync: bool = False
    #: Whether requests are forwarded although the journal cannot be written.
    unsafe: bool = False
    #: When a segment is large enough, in bytes, and when old enough, in seconds.
    segment_size: int = EvidenceTable().segment_size
    segment_age: float = EvidenceTable().segment_age
    compress: bool = True
    #: How long closed segments are kept, and how many bytes of them.
    keep: float = EvidenceTable().keep
    keep_size: int | None = None
    #: The longest that a line waits for a checkpoint.
    checkpoint_every: float = EvidenceTable().checkpoint_every

    @classmethod
    def of(cls, table: EvidenceTable) -> JournalTerms:
        """What a configuration says."""
        return cls(
            fsync=table.durability == "fsync",
            unsafe=table.on_journal_failure == "unsafe-continue",
            segment_size=table.segment_size,
            segment_age=table.segment_age,
            compress=table.compress,
            keep=table.keep,
            keep_size=table.keep_size,
            checkpoint_every=table.checkpoint_every,
        )
