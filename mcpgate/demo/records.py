"""The gate's journal as the demonstration reads it: exchanges, joined with the handshakes they name.

Everything that is said about TLS comes from here, not from what the configuration demands.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from attrs import frozen

from mcpgate.demo.promise import soon
from mcpgate.evidence.reading import lines, segments
from mcpgate.evidence.record import parse_line


class Negotiated(msgspec.Struct, frozen=True):
    """What a finished handshake agreed on."""

    version: str
    cipher: str
    group: str | None
    pinned: bool | None


class Shake(msgspec.Struct, frozen=True, tag_field="type", tag="handshake"):
    """A handshake of one leg, finished or refused."""

    id: str
    leg: str
    where: str
    outcome: str
    peer: str
    local: str
    reason: str | None
    detail: str | None
    handshake: Negotiated | None
    extra: dict[str, object] | None


class Opened(msgspec.Struct, frozen=True, tag_field="type", tag="open"):
    """The beginning of an exchange."""

    id: str
    inbound: str
    principal: str | None
    how: str | None
    proof: str | None
    issuer: str | None
    upstream: str | None
    http: str
    method: str | None
    name: str | None
    verdict: str | None
    rule: str | None


class Closed(msgspec.Struct, frozen=True, tag_field="type", tag="close"):
    """The end of an exchange."""

    id: str
    outbound: str | None
    outcome: str
    status: int | None
    reason: str | None


class Repaired(msgspec.Struct, frozen=True, tag_field="type", tag="repair"):
    """Not expected in a new journal, but a kind of line that there is."""

    id: str


class Defined(msgspec.Struct, frozen=True, tag_field="type", tag="definition"):
    """What the gate has seen of a tool's definition."""

    tool: str | None


_Line = Shake | Opened | Closed | Repaired | Defined
_TOLD = frozenset({"handshake", "open", "close", "repair", "definition"})


@frozen
class Exchange:
    """A finished exchange with the handshakes of both its legs, C{None} where a leg was not needed."""

    opened: Opened
    closed: Closed
    inbound: Shake | None
    outbound: Shake | None


class Records:
    """The journal of a gate that is running; read anew each time, for it is small."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def file(self) -> Path:
        """The file that is written at the moment."""
        return segments(self.directory)[-1].path

    def text(self) -> str:
        """All of it, as it is written."""
        raw = b"".join(line for segment in segments(self.directory) for line in lines(segment))
        return raw.decode("ascii")

    def shakes(self) -> list[Shake]:
        """All handshakes so far."""
        return [line for line in self._lines() if isinstance(line, Shake)]

    def exchanges(self) -> list[Exchange]:
        """All finished exchanges so far, in the order of their beginning."""
        lines = self._lines()
        shakes = {line.id: line for line in lines if isinstance(line, Shake)}
        closed = {line.id: line for line in lines if isinstance(line, Closed)}
        return [
            Exchange(
                opened=line,
                closed=closed[line.id],
                inbound=shakes.get(line.inbound),
                outbound=shakes.get(closed[line.id].outbound or ""),
            )
            for line in lines
            if isinstance(line, Opened) and line.id in closed
        ]

    def defined(self) -> set[str | None]:
        """The tools that the gate has seen the server list."""
        return {line.tool for line in self._lines() if isinstance(line, Defined)}

    def unfinished(self) -> int:
        """How many exchanges were opened and not yet closed."""
        lines = self._lines()
        opened = sum(isinstance(line, Opened) for line in lines)
        return opened - sum(isinstance(line, Closed) for line in lines)

    def settle(self) -> None:
        """Wait until every exchange is finished.

        @raise DemoFailed: if one is not in time.
        """
        soon(lambda: self.unfinished() == 0 or None, f"{self.directory} has exchanges without an end")

    def count(self) -> int:
        """How many lines there are: what happens now is told after them."""
        return len(self._lines())

    def shake(self, leg: str, peer: str, since: int) -> Shake:
        """
        The handshake of a leg with that peer, C{address:port}.

        @param since: from L{count}: an earlier connection may have come from the same port.
        """

        def look() -> Shake | None:
            later = self._lines()[since:]
            return next(
                (one for one in later if isinstance(one, Shake) and (one.leg, one.peer) == (leg, peer)), None
            )

        return soon(look, f"{self.directory} has no {leg} handshake with {peer}")

    def exchange_by(self, peer: str, since: int) -> Exchange:
        """The finished exchange of the caller at C{address:port}, who made only one; since as above."""
        shake = self.shake("inbound", peer, since)

        def look() -> Exchange | None:
            return next((one for one in self.exchanges() if one.opened.inbound == shake.id), None)

        return soon(look, f"{self.directory} has no exchange with {peer}")

    def _lines(self) -> list[_Line]:
        told = (parse_line(line) for segment in segments(self.directory) for line in lines(segment))
        # There are others, which are no part of the story.
        return [msgspec.convert(line, type=_Line) for line in told if line["type"] in _TOLD]
