"""What reads beside the gate: its journal for metrics, alerts and open pages, and into the index.

None of it can be in the gate's way: the journal is a file that anybody may read, and what the gate says of
itself is asked every few seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.logger import Logger

from mcpgate.admin.feed import Batch, Feed
from mcpgate.admin.gate import GateError, GateLink
from mcpgate.admin.terms import AdminTerms
from mcpgate.alerts.lookout import Lookout
from mcpgate.evidence.keyfile import EvidenceKeyError, KeyFile
from mcpgate.tls.readiness import Readiness


class Readers:
    """All of them, for one state directory."""

    log = Logger()

    def __init__(
        self, reactor: Any, readiness: Readiness, gate: GateLink, terms: AdminTerms, wall: Callable[[], float]
    ) -> None:
        state = Path(terms.config.gate.state)
        self.feed = Feed(reactor, state)
        self._gate = gate
        self.lookout = Lookout(reactor, readiness, self._status, _name(state), wall)
        self.feed.subscribe(self._take)
        self.adopt(terms)

    def adopt(self, terms: AdminTerms) -> None:
        """Go on by these."""
        self.lookout.adopt(terms.config, terms.alerts)

    def start(self) -> None:
        """Begin to read."""
        self.feed.start()
        self.lookout.start()

    def stop(self) -> None:
        """Read no more."""
        self.feed.stop()
        self.lookout.stop()

    def _take(self, batch: Batch) -> None:
        self.lookout.take(batch.records)
        if batch.unreadable:
            self.lookout.unreadable(batch.unreadable)

    async def _status(self) -> dict[str, Any] | None:
        try:
            return await self._gate.status()
        except GateError:
            return None


def _name(state: Path) -> str:
    """What the gate is called in its evidence; where it has no key yet, its directory."""
    try:
        keys = KeyFile(state).load()
    except EvidenceKeyError:
        # The gate says so itself, and seals nothing; what is told of that should not wait for it.
        keys = None
    return keys.gate if keys is not None else state.name
