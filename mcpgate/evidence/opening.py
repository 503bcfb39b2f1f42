"""The journal of a gate's worker, as its configuration has it, sealed with the gate's key."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from mcpgate.config.schema import Config
from mcpgate.evidence.copies import copies_to
from mcpgate.evidence.journal import Journal
from mcpgate.evidence.keyfile import EvidenceKeyError, KeyFile
from mcpgate.evidence.lock import JournalError
from mcpgate.evidence.sealing import SealingAside
from mcpgate.evidence.seals import DIRECTORY, Seals
from mcpgate.evidence.segments import highest_sealed
from mcpgate.evidence.targets import read_target
from mcpgate.evidence.terms import JournalTerms


def checkpoints_of(config: Config) -> Path:
    """Where the checkpoints of a gate are."""
    return config.evidence.checkpoints or config.gate.state / DIRECTORY


def open_journal(
    config: Config,
    worker: int = 0,
    *,
    clock: Callable[[], float] = time.time,
    onlooker: Callable[[bytes], None] | None = None,
) -> Journal:
    """
    Begin a segment of a worker's journal.

    @param onlooker: shown whole lines once they are in the journal; it must not raise.
    @raise JournalError: it cannot be opened, or there is no key to seal it with.
    """
    checkpoints = checkpoints_of(config)
    copies = copies_to(map(read_target, config.evidence.copies))
    seals = Seals(checkpoints, KeyFile(config.gate.state), worker, copies, clock=clock)
    try:
        aside = SealingAside(seals)
    except EvidenceKeyError as error:
        raise JournalError(str(error)) from error
    return Journal(
        config.gate.state / "journal",
        worker,
        JournalTerms.of(config.evidence),
        aside,
        sealed=highest_sealed(checkpoints, worker),
        clock=clock,
        onlooker=onlooker,
    )
