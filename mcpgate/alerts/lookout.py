"""Who looks at a gate from beside it: at its journal as it grows, and at what it says of itself.

All that is counted and told comes from here, in the admin process: the gate writes its journal and answers
what it is asked, as it would without.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from mcpgate._version import __version__
from mcpgate.alerts.occasions import Facts, Occasions, Record
from mcpgate.alerts.telling import Telling
from mcpgate.alerts.terms import AlertTerms
from mcpgate.config.schema import Config
from mcpgate.metrics import table
from mcpgate.metrics.certificates import shown_by_provider
from mcpgate.metrics.exposition import Metrics
from mcpgate.metrics.names import Names
from mcpgate.ops.watch import Watch
from mcpgate.tls.readiness import Readiness

#: Seconds between two looks at what the gate says of itself, or less, as often as it looks at its files. A
#: journal that cannot be written stops all calls, so who mends it is told within this; asking costs a worker
#: less than a millisecond.
APART = 5.0

#: Asks the gate; C{None}: it does not answer.
Ask = Callable[[], Awaitable[Facts | None]]


class Lookout:
    """Metrics and alerts of one gate."""

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        readiness: Readiness,
        ask: Ask,
        gate: str,
        wall: Callable[[], float],
        show: Callable[[Sequence[Facts]], object],
    ) -> None:
        """
        @param ask: what the gate says of itself.
        @param gate: what it is called, in alerts.
        @param wall: Unix seconds.
        @param show: told what became of alerts, whenever that is another matter than before.
        """
        self.metrics = Metrics(Names(), __version__)
        self.telling = Telling(reactor, readiness, gate, wall)
        self._occasions = Occasions()
        self._ask = ask
        self._wall = wall
        self._show = show
        self._shown: Sequence[Facts] = ()
        self._apart = APART
        # What whoever else is asked has last shown, by its name: a gate does not say that of itself.
        self._providers: dict[str, Facts] = {}
        self._watch = Watch(reactor, lambda: self._apart, self._begin_to_look)
        self._looking: Deferred[None] | None = None

    def adopt(self, config: Config, alerts: Iterable[AlertTerms]) -> None:
        """These are in force."""
        self._apart = min(config.gate.watch, APART)
        names = Names.of(config)
        self._providers = {name: one for name, one in self._providers.items() if name in names.providers}
        self.metrics.adopt(names)
        self.telling.adopt(alerts)

    def start(self) -> None:
        """Begin to ask the gate."""
        self._watch.start()
        self._begin_to_look()

    def stop(self) -> None:
        """Ask and tell no more."""
        self._watch.stop()
        self.telling.stop()
        if self._looking is not None:
            self._looking.cancel()

    def take(self, records: Sequence[Record]) -> None:
        """What has come to the journal, in the order of each worker."""
        self.metrics.take(records)
        for record in records:
            if record.get("type") == "handshake":
                self._notice(record)
        self.telling.tell(self._occasions.of_records(records))

    def _notice(self, record: Record) -> None:
        try:
            shown = shown_by_provider(record)
        except (KeyError, TypeError):
            return
        if shown is not None and shown["name"] in self.metrics.counting.names.providers:
            self._providers[shown["name"]] = shown

    async def _facts(self) -> Facts | None:
        facts = await self._ask()
        return None if facts is None else {**facts, "providers": list(self._providers.values())}

    def unreadable(self, lines: int) -> None:
        """So many lines could not be read."""
        self.metrics.counting.unreadable(lines)

    async def look(self) -> None:
        """Ask the gate, and tell what is wrong."""
        facts = await self._facts()
        self.metrics.seen(facts)
        self.telling.tell(self._occasions.of_facts(facts, self._wall()))
        told = self.telling.facts()
        if told != self._shown:
            self._shown = told
            self._show(told)

    async def page(self, accept: str) -> tuple[str, bytes]:
        """All metrics, as of now: the content type and the page."""
        self.metrics.seen(await self._facts())
        for row in self.telling.facts():
            for outcome in ("sent", "failed"):
                self.metrics.set(table.ALERTS, row[outcome], (row["name"], outcome))
            self.metrics.set(table.ALERTS, row["dropped"] + row["left_out"], (row["name"], "dropped"))
            self.metrics.set(table.ALERTS_WAITING, row["waiting"], (row["name"],))
        return self.metrics.page(accept)

    def _begin_to_look(self) -> None:
        if self._looking is None:
            self._looking = looking = Deferred.fromCoroutine(self._look())
            if looking.called:
                self._looking = None

    async def _look(self) -> None:
        try:
            await self.look()
        except CancelledError:
            pass
        except Exception:
            self.log.failure("looking at the gate failed")
        finally:
            self._looking = None
