"""Exchanges put together from their lines: how each began and ended, and over which connections (pure)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator

from attrs import frozen

from mcpgate.report.lines import Closed, Event, Line, Opened, Shake, read_line
from mcpgate.report.span import Span

#: Connections that are remembered; one that is in use stays. Exchanges that are waited for to end.
CONNECTIONS_MOST, OPEN_MOST = 100_000, 100_000


@frozen
class Exchange:
    """
    One exchange.

    @ivar closed: C{None}: there is no line of its end.
    @ivar inbound: The handshake of its caller's connection; C{None}: it has none, or that was not read.
        C{outbound} likewise.
    @ivar lines: Its two lines as they were written, or the one.
    """

    opened: Opened
    closed: Closed | None
    inbound: Shake | None
    outbound: Shake | None
    lines: tuple[bytes, ...]


@frozen
class Sought:
    """
    Which exchanges are wanted: those of whom all of this is true. C{None}: whatever it is.

    @ivar tool: The name of what was asked for.
    """

    principal: str | None = None
    route: str | None = None
    tool: str | None = None
    reason: str | None = None

    @property
    def all(self) -> bool:
        """Whether any will do."""
        return self == Sought()

    def holds(self, one: Exchange) -> bool:
        """Whether it is one of them."""
        opened = one.opened
        names = [call.name for call in opened.calls] or [opened.name]
        return (
            self.principal in (None, opened.principal)
            and self.route in (None, opened.route)
            and (self.tool is None or self.tool in names)
            and (self.reason is None or (one.closed is not None and one.closed.reason == self.reason))
        )


class Joining:
    """
    Puts the exchanges of a span together, in the order in which they ended.

    @ivar faulty: Lines that are no records.
    """

    def __init__(self, span: Span) -> None:
        self.faulty = 0
        self._span = span
        self._connections: OrderedDict[str, Shake] = OrderedDict()
        self._open: OrderedDict[str, tuple[Opened, bytes]] = OrderedDict()

    def exchanges(self, lines: Iterable[bytes]) -> Iterator[Exchange]:
        """Those that end in these lines; call L{unfinished} behind all of them."""
        return (one for _, one in self.read(lines) if isinstance(one, Exchange))

    def read(self, lines: Iterable[bytes]) -> Iterator[tuple[bytes, Exchange | Shake | Event]]:
        """The same, and whatever else is of the span, each with the last of its lines."""
        for line in lines:
            try:
                read = read_line(line)
            except ValueError:
                self.faulty += 1
                continue
            yield from self._take(line, read)

    def unfinished(self) -> Iterator[Exchange]:
        """Those of whose end there was no line."""
        for opened, line in self._open.values():
            yield self._joined(opened, line, None, b"")
        self._open.clear()

    def _take(self, line: bytes, read: Line) -> Iterator[tuple[bytes, Exchange | Shake | Event]]:
        match read:
            case Opened():
                if self._span.holds(read.time):
                    self._open[read.id] = read, line
                    if len(self._open) > OPEN_MOST:
                        yield line, self._joined(*self._open.popitem(last=False)[1], None, b"")
            case Closed():
                begun = self._open.pop(read.id, None)
                if begun is not None:
                    yield line, self._joined(*begun, read, line)
            case Shake():
                self._connections[read.id] = read
                if len(self._connections) > CONNECTIONS_MOST:
                    self._connections.popitem(last=False)
                if self._span.holds(read.time):
                    yield line, read
            case _:
                if self._span.holds(str(read["time"])):
                    yield line, read

    def _joined(self, opened: Opened, first: bytes, closed: Closed | None, last: bytes) -> Exchange:
        outbound = closed.outbound if closed is not None else opened.outbound
        return Exchange(
            opened,
            closed,
            self._connection(opened.inbound),
            self._connection(outbound),
            (first, last) if closed is not None else (first,),
        )

    def _connection(self, id: str | None) -> Shake | None:
        found = self._connections.get(id) if id is not None else None
        if found is not None:
            self._connections.move_to_end(found.id)
        return found
