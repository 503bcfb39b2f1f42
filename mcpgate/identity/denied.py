"""What others have issued and is not good here any more, whatever its issuer says (pure).

The gate cannot revoke a token of somebody else's; it can refuse it. That is kept for as long as such a
token could be good by itself, and then it is forgotten. Of a subject everything is refused that was issued
until somebody said so; what is issued after that is good again, if it says when it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import field, frozen

from mcpgate.identity.principal import Principal
from mcpgate.reasons import Reason, Refusal

# How principals have the id of a proof that somebody else issued: a SHA-256 in hexadecimal. What is shorter
# may well be an opaque token itself.
PROOF_ID = re.compile(r"[0-9a-f]{64}")
#: Seconds by which an issuer's clock may be ahead of ours (as C{issuer.skew} at the most).
SKEW_MOST = 60.0
# Whose claims are an issuer's, who says there when it has issued a token (RFC 7519 section 4.1.6).
_DATED = frozenset({"jwt", "opaque"})
#: What a subject may be, in characters: those of issuers are names and numbers.
SUBJECT_LENGTH = 1024


@frozen
class Denied:
    """
    One proof, by its id as records show it; or what a subject had by then, as its issuer calls it. Times are
    Unix seconds.

    @ivar since: when somebody said so.
    @ivar until: when it is forgotten.
    """

    since: float
    until: float
    id: str | None = None
    issuer: str | None = None
    subject: str | None = None

    @property
    def sound(self) -> bool:
        """Whether it says one of the two."""
        if self.id is not None:
            return PROOF_ID.fullmatch(self.id) is not None and self.issuer is None and self.subject is None
        return bool(self.issuer) and bool(self.subject) and len(self.subject or "") <= SUBJECT_LENGTH

    @property
    def told(self) -> str:
        """What it is about, for people."""
        return f"the proof {self.id}" if self.id is not None else f"{self.subject!r} of {self.issuer}"

    def same(self, other: Denied) -> bool:
        """Whether both are about the same."""
        return (self.id, self.issuer, self.subject) == (other.id, other.issuer, other.subject)


@frozen
class Denials:
    """All of them."""

    all: tuple[Denied, ...] = ()
    _by: dict[object, Denied] = field(init=False, eq=False, repr=False)

    @_by.default
    def _found(self) -> dict[object, Denied]:
        return {_key(one.id, one.issuer, one.subject): one for one in self.all}

    def __iter__(self) -> Iterator[Denied]:
        return iter(self.all)

    def denies(self, principal: Principal, now: float, beside: str | None = None) -> Refusal | None:
        """
        Whether what proved a principal is not good here.

        @param beside: the id of what was shown beside it: a certificate.
        """
        by = self._by
        if not by:
            return None
        for key in (principal.id, (principal.issuer, principal.subject), beside):
            denied = by.get(key)
            # A clock that says nothing lets nobody in.
            if denied is not None and not now >= denied.until and not _is_newer(principal, denied):
                return Refusal(Reason.AUTH_REVOKED, f"the proof of {principal.name} was revoked at this gate")
        return None

    def after(self, now: float) -> Denials:
        """Those that are not to be forgotten yet."""
        return Denials(tuple(one for one in self.all if now < one.until))


def _is_newer(principal: Principal, denied: Denied) -> bool:
    """Whether a proof was surely issued after all of its subject's were denied."""
    if denied.id is not None or principal.how not in _DATED:
        return False
    issued = principal.claims.get("iat")
    return type(issued) in (int, float) and issued > denied.since + SKEW_MOST  # type: ignore[operator]


def _key(id: str | None, issuer: str | None, subject: str | None) -> object:
    return id if id is not None else (issuer, subject)
