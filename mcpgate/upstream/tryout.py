"""Shaking hands with an upstream exactly as the gate would, and hanging up.

Nothing is written and nothing is recorded; the answer is whether an exchange could begin.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred

from mcpgate.reasons import Refusal
from mcpgate.tls.handshake import Handshake
from mcpgate.tls.readiness import Readiness
from mcpgate.tls.stream import TLSStream
from mcpgate.upstream.connect import Dial, late_refusal
from mcpgate.upstream.terms import UpstreamTerms

# With TLS 1.3 an upstream's refusal of our client certificate, or of our having none, comes one round
# trip after our handshake is done. This is more than the longest round trip on Earth.
LATE = 0.5


@frozen
class Tried:
    """What became of it. C{refusal} is None where the gate could send its request now."""

    terms: UpstreamTerms
    peer: str
    handshake: Handshake | None
    refusal: Refusal | None


def try_out(reactor: Any, readiness: Readiness, terms: UpstreamTerms) -> Deferred[Tried]:
    """Dial an upstream under a generation's terms; fires within its time limits and never fails."""
    tryout = _Tryout(terms, readiness)
    Dial(reactor, readiness, terms, tryout).start()
    return tryout.done


class _Tryout:
    """The dialer, and then for a moment the owner of the stream."""

    def __init__(self, terms: UpstreamTerms, readiness: Readiness) -> None:
        self.done: Deferred[Tried] = Deferred()
        self._terms = terms
        self._readiness = readiness
        self._stream: TLSStream | None = None
        self._handshake: Handshake | None = None
        self._peer = ""

    # What the dial calls.

    def connected(self, stream: TLSStream, handshake: Handshake, peer: str, local: str) -> None:
        self._stream, self._handshake, self._peer = stream, handshake, peer
        stream.owner = self
        stream.deadline = self._readiness.now + LATE

    def refused(self, refusal: Refusal, handshake: Handshake | None, peer: str) -> None:
        self.done.callback(Tried(self._terms, peer, handshake, refusal))

    # What the stream calls.

    def overdue(self) -> None:
        # Nothing was said against us.
        assert self._stream is not None
        self._stream.close()
        self._conclude(None)

    def lost(self, error: Exception | None) -> None:
        self._conclude(late_refusal(error))

    def secured(self) -> None:
        """The handshake was over before this stream was ours."""

    def received(self, data: bytes) -> None:
        """Nobody was asked anything."""

    def paused(self) -> None:
        """Nothing is written."""

    def resumed(self) -> None:
        """Nothing is written."""

    def _conclude(self, refusal: Refusal | None) -> None:
        self.done.callback(Tried(self._terms, self._peer, self._handshake, refusal))
