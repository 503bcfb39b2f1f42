"""What an upstream says bit by bit on one stream, on its way to the caller.

The text of one progress token, or of one logger, is read as one (C{policy.runs}); so now and then an
event waits for the next, and with it all that is behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import frozen

from mcpgate.policy.detectors import Detectors
from mcpgate.policy.echo import NAME
from mcpgate.policy.masks import Masks
from mcpgate.policy.runs import Passing, Runs
from mcpgate.policy.sayings import Saying
from mcpgate.reasons import Refusal
from mcpgate.relay.hearing import Hearing
from mcpgate.wire.jsonrpc import Message, parse
from mcpgate.wire.sse import Event, amended


@frozen(eq=False)
class _Said:
    """An event with a message that says something. C{data}: as the event has it; C{raw}: as it was heard."""

    event: Event
    data: bytes
    raw: bytes
    saying: Saying


class Following:
    """Whatever passes on a stream that is followed passes here, in order; what is returned passes now."""

    def __init__(self, hearing: Hearing, clock: Callable[[], float]) -> None:
        """
        @param hearing: one that has masks, or knows what may not be shown (C{policy.echo}). From now on it
            leaves what is said bit by bit to us.
        @param clock: seconds.
        """
        hearing.follows = True
        self._hearing = hearing
        self._clock = clock
        self._secrets = hearing.echoing.secrets if hearing.echoing is not None else None
        self._runs: Runs[bytes | _Said] = Runs(self._detectors, self._reach)

    @property
    def _detectors(self) -> Detectors:
        masks, secrets = self._hearing.masks, self._secrets
        detectors = masks.detectors if masks is not None else None
        found = secrets.beside(detectors) if secrets is not None else detectors
        assert found is not None
        return found

    @property
    def _masks(self) -> Masks:
        masks = self._hearing.masks
        if masks is None:
            assert self._secrets is not None
            masks = self._secrets.masks
        return masks

    @property
    def _reach(self) -> int:
        return self._secrets.longest if self._secrets is not None else 0

    def _look_again(self) -> None:
        """A stream may be older than a token that the upstream is shown since."""
        echoing = self._hearing.echoing
        if echoing is not None and echoing.secrets is not self._secrets:
            self._secrets = echoing.secrets
            self._runs.look_for(self._detectors, self._reach)

    @property
    def due(self) -> float | None:
        """When L{late} is to be called; C{None}: nothing waits."""
        return self._runs.due

    def say(self, event: Event, data: bytes, raw: bytes, saying: Saying) -> bytes:
        """An event that says something.

        @param data: what it had for data, and C{raw} the message that stands for it now; the same object
            where nothing was changed.
        """
        self._look_again()
        said = _Said(event, data, raw, saying)
        return self._out(self._runs.hear(said, len(event.raw), saying.key, saying.texts, self._clock()))

    def behind(self, piece: bytes) -> bytes:
        """Bytes that pass as they are, behind what came before them."""
        if self._runs.due is None:
            return piece
        return self._out(self._runs.hear(piece, len(piece), None, (), self._clock()))

    def end(self) -> bytes:
        """Nobody will go on with anything."""
        return self._out(self._runs.end_all())

    def late(self) -> bytes:
        """It is due."""
        return self._out(self._runs.late(self._clock()))

    def _out(self, passing: Iterable[Passing[bytes | _Said]]) -> bytes:
        return b"".join([self._passed(one) for one in passing])

    def _passed(self, passing: Passing[bytes | _Said]) -> bytes:
        said = passing.event
        if isinstance(said, bytes):
            return said
        raw = said.raw
        if any(passing.found):
            spoken = self._masks.spoken(raw, said.saying, passing.found)
            if isinstance(spoken, Refusal):
                self._hearing.dropped.append(spoken)
                return b""
            raw = self._hearing.count(spoken)
            if NAME in spoken.counts and self._hearing.echoing is not None:
                self._hearing.echoing.spoken()
        if self._hearing.masks is None:
            return said.event.raw if raw is said.data else amended(said.event, raw)
        message = parse(raw)
        assert isinstance(message, Message)
        # Its other members, and what else its texts are subject to.
        screened = self._hearing.screened(self._masks, message, raw)
        if screened is None:
            return b""
        return said.event.raw if screened is said.data else amended(said.event, screened)
