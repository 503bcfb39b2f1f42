"""Tokens whose signature was verified by this worker, so that nobody verifies one twice.

What is kept is that a key has signed these very bytes, and what they say: not for whom, or for what, they
are good. That is judged each time, by whoever asks.
"""

from __future__ import annotations

from hashlib import sha256

from attrs import frozen

from mcpgate.identity.jose import Unverified
from mcpgate.identity.jwks import Key

# One for each caller of a busy hour; with what they say, a few KiB each.
TOKENS_MOST = 2048


@frozen
class Verified:
    """A token that a key of an issuer's has signed. C{token} is without its signature."""

    issuer: str
    token: Unverified
    key: Key


class VerifiedTokens:
    """Those that were shown last, by a digest: none of them can be read out of it."""

    def __init__(self) -> None:
        self._known: dict[bytes, Verified] = {}

    def __len__(self) -> int:
        return len(self._known)

    def get(self, digest: bytes) -> Verified | None:
        """What is known of a token, by its L{digest_of}."""
        return self._known.get(digest)

    def remember(self, digest: bytes, verified: Verified) -> None:
        """Keep it; the one that has been here longest makes room."""
        if len(self._known) >= TOKENS_MOST:
            del self._known[next(iter(self._known))]
        self._known[digest] = verified

    def forget(self, digest: bytes) -> None:
        """Its key counts no more."""
        self._known.pop(digest, None)


def digest_of(token: bytes) -> bytes:
    """What a token is known by. Every byte of it counts: another spelling is another token."""
    return sha256(token).digest()
