"""Tokens whose signature was verified by this worker, so that nobody verifies one twice.

What is kept is that a key has signed these very bytes, and what they say. For whom, and for what, they are
good is judged by whoever asks: each time, but for the very same question.
"""

from __future__ import annotations

from hashlib import sha256

from attrs import define, field

from mcpgate.identity.jose import Unverified
from mcpgate.identity.jwks import Key
from mcpgate.identity.principal import Principal
from mcpgate.identity.terms import IssuerTerms

# One for each caller of a busy hour; with what they say, a few KiB each.
TOKENS_MOST = 2048


# Of one token: the routes of a server on which a client is busy.
ANSWERS_MOST = 16

#: What a judgement depends on beside the token, the issuer's terms and the time: the resource, the SHA-256 of
#: the caller's certificate, and whether only bound tokens are good.
Question = tuple[str, str | None, bool]


@define(eq=False)
class Verified:
    """A token that a key of an issuer's has signed. C{token} is without its signature."""

    issuer: str
    token: Unverified
    key: Key
    _answers: dict[Question, tuple[IssuerTerms, float, Principal]] = field(factory=dict)

    def found(self, question: Question, terms: IssuerTerms, now: float) -> Principal | None:
        """Who it was found to prove by these terms, if that was asked before and its time is not over."""
        answer = self._answers.get(question)
        if answer is None:
            return None
        by, since, principal = answer
        # A clock that was set back may have been set to before the token begins.
        good = by is terms and principal.expires is not None and since <= now < principal.expires
        return principal if good else None

    def remember(self, question: Question, terms: IssuerTerms, now: float, principal: Principal) -> None:
        """Keep an answer; one of other terms has no use any more."""
        if len(self._answers) >= ANSWERS_MOST:
            self._answers.clear()
        self._answers[question] = terms, now, principal


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
