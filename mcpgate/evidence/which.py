"""Which records somebody wants to see: by caller, route, tool, reason, session and time (pure).

What an exchange is about stands in its C{open} line, how it ended in its C{close} line, and everything that
happened to it names it. So whoever picks records remembers which exchanges are of interest until they end.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from attrs import field, frozen

Record = Mapping[str, object]

#: What says nothing of an exchange or a handshake, but of the gate and its journal.
ABOUT_EXCHANGES = frozenset({"open", "close", "dropped", "echo", "answered", "decision", "payload"})


@frozen
class Which:
    """
    What is wanted; what is C{None} may be anything. Names may be patterns with C{*} and C{?}.

    @ivar session: That of an exchange, or the id of the handshake by which it came.
    @ivar trace: The trace that it belongs to, or the span in it.
    @ivar reason: Such as C{policy.*}.
    @ivar refused: Only what was refused.
    @ivar since: Times as records have them; from this one on, and before C{until}.
    """

    principal: str | None = None
    route: str | None = None
    tool: str | None = None
    session: str | None = None
    trace: str | None = None
    reason: str | None = None
    refused: bool = False
    since: str = ""
    until: str | None = None

    @property
    def of_opening(self) -> bool:
        """Whether something is asked that only an C{open} line says."""
        return self._of_callers or self.session is not None

    @property
    def _of_callers(self) -> bool:
        return any(one is not None for one in (self.principal, self.route, self.tool, self.trace))

    @property
    def of_ending(self) -> bool:
        """Whether something is asked that only the end says."""
        return self.refused or self.reason is not None

    def in_time(self, record: Record) -> bool:
        """Whether it was recorded in that time."""
        time = str(record.get("time"))
        return self.since <= time and (self.until is None or time < self.until)

    def opens(self, record: Record) -> bool:
        """Whether an exchange is wanted, as far as its C{open} line says."""
        return (
            self.in_time(record)
            and _fits(self.principal, record.get("principal"))
            and _fits(self.route, record.get("route"))
            and (self.tool is None or any(_fits(self.tool, name) for name in _names(record)))
            and (self.trace is None or self.trace in str(record.get("trace") or "").split("-"))
            and (self.session is None or self.session in (record.get("session"), record.get("inbound")))
        )

    def ends(self, record: Record) -> bool:
        """Whether it is wanted, as far as its C{close} line says; also of a handshake, by its line."""
        if self.refused and record.get("outcome") != "refused":
            return False
        return _fits(self.reason, record.get("reason"))

    def shaken(self, record: Record) -> bool:
        """Whether a handshake is wanted."""
        if self.session is not None and record.get("id") != self.session:
            return False
        return not self._of_callers and self.in_time(record) and self.ends(record)


@frozen(eq=False)
class Picking:
    """Picks records that come in order: of an exchange that is wanted, all that comes behind its opening."""

    which: Which
    _wanted: dict[str, None] = field(factory=dict, init=False)

    def wants(self, record: Record) -> bool:
        """Whether a record is wanted. With reasons asked for, what does not end like that is not."""
        which, kind = self.which, str(record.get("type"))
        if kind == "handshake":
            return which.shaken(record)
        if kind not in ABOUT_EXCHANGES:
            return not (which.of_opening or which.of_ending) and which.in_time(record)
        if kind == "open":
            if which.opens(record):
                self._wanted[str(record.get("id"))] = None
                return not which.of_ending
            return False
        own = str(record.get("id" if kind == "close" else "exchange"))
        known = own in self._wanted
        if kind == "close":
            self._wanted.pop(own, None)
        elif which.of_ending:
            return known and kind == "dropped" and which.ends(record)
        return (known or not which.of_opening) and which.in_time(record) and (
            kind != "close" or which.ends(record)
        )


def _fits(pattern: str | None, value: object) -> bool:
    return pattern is None or (isinstance(value, str) and fnmatchcase(value, pattern))


def _names(record: Record) -> list[object]:
    """What an exchange calls: of a batch, each."""
    calls = record.get("calls")
    if not isinstance(calls, list):
        return [record.get("name")]
    return [call.get("name") for call in calls if isinstance(call, Mapping)]
