"""The bodies of an exchange on record, where a rule says so: sealed as they pass (C{evidence.payload}).

The request's stand in the journal before it is forwarded, as its C{open} line does. What the caller gets is
told before it is sent, in the same turn. While the journal fails nothing is recorded, so nothing passes,
unless the operator has chosen that it does; then it is counted with what was cut.
"""

from __future__ import annotations

from twisted.logger import Logger

from mcpgate.evidence.journal import new_id
from mcpgate.evidence.payload import PIECE, Auditor, Part, payload_line
from mcpgate.evidence.witness import Witness


class Recording:
    """The bodies of one exchange."""

    __slots__ = ("failed", "_answer", "_auditor", "_exchange", "_most", "_unsafe", "_witness")

    log = Logger()

    def __init__(
        self, witness: Witness, auditor: Auditor, exchange: str, most: int, *, unsafe: bool = False
    ) -> None:
        """
        @param most: Bytes of each of the two bodies that are recorded; more are counted.
        @param unsafe: Whether what is not recorded because the journal fails passes all the same.
        """
        #: Whether something could not be sealed.
        self.failed = False
        self._unsafe = unsafe
        self._witness = witness
        self._auditor = auditor
        self._exchange = exchange
        self._most = most
        self._answer = _Body("answer")

    def request(self, body: bytes, withheld: int = 0) -> bool:
        """
        Record what is forwarded.

        @param withheld: Bytes that are not, as they could not be masked.
        @return: Whether it will be in the journal with all else that this turn tells.
        """
        one = _Body("request")
        one.cut = withheld
        return self._add(one, body, last=True)

    def answer(self, payload: bytes, *, last: bool = False) -> bool:
        """
        Record what the caller gets next.

        @param last: Whether nothing comes behind it.
        @return: Whether it may have it.
        """
        return self._answer.over or self._add(self._answer, payload, last=last)

    def ours(self, payload: bytes) -> None:
        """Record an answer of the gate's own, which passes whatever becomes of that: it tells nothing."""
        self.answer(payload, last=True)

    def end(self) -> None:
        """The exchange is over, however it ended."""
        if not self._answer.over:
            self._add(self._answer, b"", last=True)

    def _add(self, one: _Body, payload: bytes, *, last: bool) -> bool:
        witness = self._witness
        if self.failed:
            return False
        if witness.failure is not None:
            one.cut += len(payload)
            return self._unsafe
        room = self._most - one.size
        one.cut += max(0, len(payload) - room)
        payload = payload[:room]
        one.size += len(payload)
        one.over = last
        kept = True
        while payload or last:
            piece, payload = payload[:PIECE], payload[PIECE:]
            ends = last and not payload
            try:
                sealed = self._auditor.seal(piece, self._exchange, one.part, one.number) if piece else b""
            except Exception as error:
                # Whatever it is: what cannot be recorded does not pass. What it says may be of the body.
                self.log.error("a body cannot be encrypted: {why}", why=type(error).__name__)
                self.failed = True
                return False
            line = payload_line(
                new_id("p"),
                time=witness.stamp(),
                exchange=self._exchange,
                part=one.part,
                number=one.number,
                last=ends,
                cut=one.cut if ends else 0,
                key=self._auditor.name,
                sealed=sealed,
            )
            one.number += 1
            kept = witness.tell(line) and kept
            if ends:
                break
        return kept


class _Body:
    """How much of a body is on record. C{over}: whether all of it has been told."""

    __slots__ = ("cut", "number", "over", "part", "size")

    def __init__(self, part: Part) -> None:
        self.part: Part = part
        self.number = self.size = self.cut = 0
        self.over = False
