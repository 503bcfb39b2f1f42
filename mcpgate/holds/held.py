"""A held call and what is decided about it, as values: both cross the channel between processes."""

from __future__ import annotations

from enum import StrEnum, unique

import msgspec

#: Characters of a call's params that are kept for whoever decides. Of what a person is to approve they
#: must be able to read all; 16 KiB are six printed pages, and what is longer is marked as cut.
SHOWN_MOST = 16 * 1024
#: The longest reason that a person gives: two paragraphs. It goes into a record and to the caller.
WHY_MOST = 1024


@unique
class Word(StrEnum):
    """What was decided."""

    APPROVED = "approved"
    DENIED = "denied"
    #: By the caller, who does not want it any more.
    WITHDRAWN = "withdrawn"


class Decision(msgspec.Struct, frozen=True):
    """
    What was decided, by whom, and why.

    @ivar by: The user of this machine whose word it is (C{alice (uid 1000)}), or C{the caller}.
    """

    word: Word
    by: str
    why: str = ""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """
    A call that waits.

    @ivar exchange: By which it came; one that comes back comes by others later.
    @ivar route: The route's name; C{how} and C{principal}: who calls.
    @ivar session: What tells its session from others, C{None} without one.
    @ivar request: The request's id as JSON, by which its caller may withdraw it.
    @ivar rule: The rule that holds it; C{said}: what that says.
    @ivar proof: What an approval is for: L{holds.rounds.digest} of the request, and nothing else.
    @ivar shown: Its params, for whoever decides. Never for a record or a log.
    @ivar cut: Whether that is only their beginning.
    @ivar size: The bytes that are kept while it waits.
    @ivar since: Unix seconds.
    @ivar wait: The seconds that people have.
    @ivar returns: Whether its caller was told to come back, instead of waiting on its connection.
    """

    id: str
    exchange: str
    how: str
    principal: str
    route: str
    session: str | None
    request: str
    method: str
    name: str | None
    rule: str
    said: str
    proof: str
    shown: str = ""
    cut: bool = False
    size: int = 0
    since: float = 0.0
    wait: float = 0.0
    returns: bool = False

    def __repr__(self) -> str:
        # What is shown of it may be a secret.
        return f"Held(id={self.id!r}, method={self.method!r}, name={self.name!r})"


class Taken(msgspec.Struct, frozen=True):
    """
    What a caller's side hears of its hold.

    @ivar known: Whether it waits, or waited until a moment ago: of this caller, for this very call.
    @ivar decision: C{None} while nobody has decided.
    """

    known: bool
    decision: Decision | None = None


UNKNOWN = Taken(False)
