"""What of all alerts one C{[[alert]]} tells, and how often (pure; the time is passed in).

The same is told once in C{alert.again}, with how often it has happened since. What goes on by itself (a
journal that cannot be written) is told again for as long as it does; its end is told to whoever was told
that it began. Whatever happens, no more than L{BURST} of one occasion are told in a minute: somebody who
sends credentials in clear to a hundred listeners, or an upstream with a thousand changed tools, must not bury
the one alert that counts, which is mostly of another occasion. What is left out is counted.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque

from attrs import define

from mcpgate.alerts.alert import Alert, Severity
from mcpgate.config.tables.alert import AlertTable

#: Of one occasion in a minute, to one place. Nobody reads more; and the causes come first.
BURST = 10
MINUTE = 60.0
#: What is remembered of what was told: all tools of one upstream may change at once. The oldest goes.
KNOWN_MOST = 4096
#: A certificate that ends in weeks is no news every hour.
DAILY = 86400.0


@define
class _Known:
    until: float
    times: int = 0


class Due:
    """What one table has told."""

    def __init__(self, table: AlertTable) -> None:
        self.table = table
        #: How many were left out because there were too many.
        self.left_out = 0
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._told: defaultdict[str, deque[float]] = defaultdict(deque)

    def take(self, alert: Alert, now: float, wall: float) -> int:
        """
        Whether an alert is to be told now.

        @param now: Monotonic seconds; C{wall}: Unix seconds.
        @return: How often that has happened since it was last told; 0: it is not to be told.
        """
        table = self.table
        if alert.occasion not in table.on:
            return 0
        if alert.until is not None and alert.until - wall > table.expiry:
            return 0
        if alert.severity is Severity.OVER:
            return 0 if self._known.pop(alert.key, None) is None else 1
        known = self._known.get(alert.key)
        if known is not None and now < known.until:
            if not alert.standing:
                known.times += 1
            return 0
        if not self._room(alert.occasion, now):
            self.left_out += 1
            return 0
        self._remember(alert, now)
        return 1 if known is None else known.times + 1

    def _remember(self, alert: Alert, now: float) -> None:
        again = self.table.again
        if alert.until is not None and alert.severity is Severity.WARNING:
            again = max(again, DAILY)
        self._known[alert.key] = _Known(now + again)
        self._known.move_to_end(alert.key)
        if len(self._known) > KNOWN_MOST:
            self._known.popitem(last=False)

    def _room(self, occasion: str, now: float) -> bool:
        told = self._told[occasion]
        while told and told[0] <= now - MINUTE:
            told.popleft()
        if len(told) >= BURST:
            return False
        told.append(now)
        return True
