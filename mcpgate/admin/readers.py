"""What reads beside the gate: its journal for metrics, alerts and open pages, and into the index.

None of it can be in the gate's way: the journal is a file that anybody may read, and what the gate says of
itself is asked every few seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from attrs import astuple
from twisted.logger import Logger

from mcpgate.admin.feed import Batch, Feed
from mcpgate.admin.gate import GateError, GateLink
from mcpgate.admin.terms import AdminTerms
from mcpgate.alerts.lookout import Lookout
from mcpgate.config.tables.evidence import EvidenceTable
from mcpgate.evidence.keyfile import EvidenceKeyError, KeyFile
from mcpgate.evidence.position import Position
from mcpgate.index.filling import Filler, Freshness
from mcpgate.index.opening import to_ask, to_fill
from mcpgate.index.queries import Index
from mcpgate.index.store import StoreError
from mcpgate.metrics import table
from mcpgate.tls.readiness import Readiness


class Readers:
    """
    All of them, for one state directory.

    @ivar name: What the gate is called in its evidence.
    @ivar index: The queries of the index; C{None} where there is none.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        readiness: Readiness,
        gate: GateLink,
        terms: AdminTerms,
        wall: Callable[[], float],
        read: Mapping[str, Sequence[int]] = MappingProxyType({}),
    ) -> None:
        """
        @param read: how far the process before this one was, as it has told the gate's process.
        """
        self._state = Path(terms.config.gate.state)
        self.name = _name(self._state)
        self.index: Index | None = None
        self.feed = Feed(reactor, self._state, {int(worker): Position(*at) for worker, at in read.items()})
        self.lookout = Lookout(reactor, readiness, self._status, self.name, wall, self._show)
        self._gate = gate
        self._wall = wall
        self._evidence: EvidenceTable | None = None
        self._filler: Filler | None = None
        self._told: Mapping[str, tuple[int, ...]] = {}
        self._enough = threading.Event()
        self.feed.subscribe(self._take)
        self.adopt(terms)

    def adopt(self, terms: AdminTerms) -> None:
        """Go on by these."""
        self.lookout.adopt(terms.config, terms.alerts)
        evidence, before = terms.config.evidence, self._evidence
        self._evidence = evidence
        asked = (evidence.index, evidence.index_keep)
        if before is None or asked != (before.index, before.index_keep):
            self._fill(evidence)

    @property
    def freshness(self) -> Freshness | None:
        """How far the index is behind; C{None} where there is none."""
        return self._filler.freshness if self._filler is not None else None

    def _fill(self, evidence: EvidenceTable) -> None:
        """Have the index filled by a thread of its own, instead of what was filled before."""
        self._enough.set()
        self._filler = self.index = None
        opened = to_fill(evidence.index, self._state)
        if opened is None:
            return
        try:
            asked = to_ask(evidence.index, self._state)
        except StoreError as error:
            return self.log.error("there is no index: {why}", why=str(error))
        assert asked is not None, "what can be filled can be asked"
        self.index = Index(asked)
        self._filler = Filler(self._state, self.name, opened, keep=evidence.index_keep)
        self._enough = threading.Event()
        # It need not be waited for at the end: what it has not finished is done again at the next start.
        threading.Thread(target=self._filler.run, args=(self._enough,), name="index", daemon=True).start()

    async def exposed(self, accept: str) -> tuple[str, bytes]:
        """All metrics: the content type and the page."""
        freshness, metrics = self.freshness, self.lookout.metrics
        metrics.set(table.JOURNAL_LAG, self.feed.lag)
        if freshness is not None:
            metrics.set(table.INDEX_LAG, freshness.lag(self._wall()))
            metrics.set(table.INDEX_BEHIND, freshness.behind)
            metrics.set(table.INDEX_FAILED, freshness.trouble is not None)
        return await self.lookout.page(accept)

    def start(self) -> None:
        """Begin to read."""
        self.feed.start()
        self.lookout.start()

    def stop(self) -> None:
        """Read no more."""
        self._enough.set()
        self.feed.stop()
        self.lookout.stop()

    def _take(self, batch: Batch) -> None:
        self.lookout.take(batch.records)
        if batch.unreadable:
            self.lookout.unreadable(batch.unreadable)

    async def _status(self) -> dict[str, Any] | None:
        told = {str(worker): astuple(at) for worker, at in self.feed.positions.items()}
        if told != self._told:
            # For whoever comes after us, should we die.
            self._told = told
            self._gate.tell("read", positions=told)
        try:
            facts = await self._gate.status()
            held = await self._gate.ask("held")
        except GateError:
            return None
        return {**facts, "held": len(held["held"])}

    def _show(self, alerts: Sequence[Mapping[str, Any]]) -> None:
        self._gate.tell("alerts", rows=list(alerts))


def _name(state: Path) -> str:
    """What the gate is called in its evidence; where it has no key yet, its directory."""
    try:
        keys = KeyFile(state).load()
    except EvidenceKeyError:
        # The gate says so itself, and seals nothing; what is told of that should not wait for it.
        keys = None
    return keys.gate if keys is not None else state.name
