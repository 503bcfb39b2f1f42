"""What an upstream is shown with one request, where that has to be asked for: from the wish for it until the
request's answer is over, whatever becomes of the tokens that are kept meanwhile."""

from __future__ import annotations

from collections.abc import Callable

from mcpgate.credentials.kept import Kept
from mcpgate.credentials.slot import Slot
from mcpgate.credentials.terms import Choice
from mcpgate.policy.echo import Secrets
from mcpgate.reasons import Refusal
from mcpgate.wire.http import Headers


class Showing:
    """
    For one request.

    @ivar line: The header line, once it is there. A secret.
    @ivar waits: Whether it is being asked for.
    """

    __slots__ = ("choice", "line", "waits", "_authorization", "_kept", "_ready", "_slot")

    def __init__(
        self, kept: Kept, choice: Choice, authorization: bytes | None, ready: Callable[[], None]
    ) -> None:
        """
        @param authorization: the caller's own, with the token that may have to be exchanged.
        @param ready: called when it is to be looked for again.
        """
        self.choice = choice
        self.line = b""
        self.waits = False
        self._kept = kept
        self._authorization = authorization
        self._ready = ready
        self._slot: Slot | None = None

    def look(self) -> Refusal | None:
        """See whether it is there. It is if nothing is refused, and nothing waited for."""
        found = self._kept.slot(self.choice, self._authorization)
        if type(found) is Slot:
            self._slot, self.line = found, found.line
            return None
        refusal = found if isinstance(found, Refusal) else self._kept.wait(self.choice, self._told)
        self.waits = refusal is None
        return refusal

    def withdraw(self) -> None:
        """Nobody waits for it any more."""
        if self.waits:
            self.waits = False
            self._kept.withdraw(self.choice, self._told)

    def refused(self, now: float) -> None:
        """The upstream did not take it."""
        if self._slot is not None:
            self._slot.refused(self.line, now)

    def secrets(self, now: float, others: Headers) -> Secrets | None:
        """What of it, and of other lines, may never be shown to a caller (C{policy.echo})."""
        return self._slot.secrets(now, others) if self._slot is not None else None

    def _told(self) -> None:
        self.waits = False
        self._ready()
