"""One token that is shown to an upstream: until when, when the next one is due, and who waits for it.

Arithmetic on times that it is given, in seconds of a clock that nobody sets.
"""

from __future__ import annotations

from collections.abc import Callable

from mcpgate.credentials.answer import Granted
from mcpgate.policy.echo import Secrets, parts_of
from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.http import Headers

#: When the next token is asked for, as a part of the time that this one is good for: so that a server may
#: be away for a while and nobody notices.
AHEAD = 0.75
#: Seconds before its end in which a token is not shown any more: it has to reach its server, whose clock may
#: be ahead. Of a short-lived one it is a part, C{MARGIN_SHARE}.
MARGIN = 10.0
MARGIN_SHARE = 0.1

#: Seconds for which a server that has failed is left alone: twice as long each time, up to a minute, so
#: that a mended one is soon found.
BACKOFF = 1.0
BACKOFF_MOST = 60.0

#: Seconds between two tokens that an upstream has refused: one that refuses all must not have its token
#: endpoint asked for each call.
REFUSED_APART = 30.0

#: Seconds for which the token before this one is still looked for in what the upstream says, and in any case
#: until it is over: streams that it was shown for may be as old.
REMEMBERED = 120.0
#: So many of them, the latest, where an upstream has ever new ones asked for.
SHOWN_MOST = 5
#: What is looked for takes some 10 KB, made ready: for two of the caller's tokens, and for the configuration
#: of today and the one before.
KEPT_MOST = 4

Waiter = Callable[[], None]


class Backoff:
    """Leaves a server alone that has failed. C{problem}: how, until there is a token again."""

    __slots__ = ("again", "problem", "_failures")

    def __init__(self) -> None:
        self.again = 0.0
        self.problem: str | None = None
        self._failures = 0

    def clear(self) -> None:
        """There is a token."""
        self.again = 0.0
        self.problem = None
        self._failures = 0

    def failed(self, why: str, now: float, wait: float = 0.0) -> None:
        """There is none. C{wait}: seconds for which the server wants to be left alone."""
        self.problem = why
        backoff = BACKOFF * 2 ** min(self._failures, 10)
        self._failures += 1
        self.again = now + min(max(backoff, wait), BACKOFF_MOST)

    def refusal(self, name: str, now: float) -> Refusal | None:
        """Why the server is not asked now, if so."""
        if now >= self.again:
            return None
        retry_after = max(1, round(self.again - now))
        return Refusal(Reason.UPSTREAM_CREDENTIAL, f"{name}: {self.problem}", retry_after)


class Shown:
    """
    Tokens that an upstream was shown on behalf of one caller, or of all, until they are over.

    A caller's next token has another one exchanged for it, and streams of its session that began with the one
    before may say what was shown since.
    """

    __slots__ = ("_secrets", "_tokens", "__weakref__")

    def __init__(self) -> None:
        # Each with the time until which it is looked for.
        self._tokens: tuple[tuple[bytes, float], ...] = ()
        # By what else may not be shown, which differs where streams are older than the configuration.
        self._secrets: dict[Headers, Secrets] = {}

    def add(self, token: bytes, until: float) -> None:
        """It is shown, and looked for until then."""
        others = tuple(each for each in self._tokens if each[0] != token)
        self._tokens = (*others, (token, until))[-SHOWN_MOST:]
        self._secrets.clear()

    def secrets(self, token: bytes, now: float, others: Headers) -> Secrets:
        """What may never be shown to a caller (C{policy.echo}). C{token}: of them in any case."""
        if any(now >= until for _, until in self._tokens):
            self._tokens = tuple(each for each in self._tokens if now < each[1])
            self._secrets.clear()
        lines = ((b"authorization", token), *others)
        known = self._secrets.get(lines)
        if known is None:
            if len(self._secrets) >= KEPT_MOST:
                self._secrets.clear()
            ours = [(b"authorization", each) for each, _ in self._tokens]
            known = self._secrets[lines] = Secrets(
                part for name, value in (*ours, *lines) if value for part in parts_of(name, value)
            )
        return known


class Slot:
    """
    A place for one token.

    @ivar line: The header line that shows it. A secret.
    @ivar fresh: Until when it is shown without another look; C{until}: until when it is good.
    @ivar backoff: For faults that are of this token alone.
    @ivar asking: Whether it is being asked for, or will be as soon as there is room.
    @ivar obtained: Unix seconds, as C{expires}.
    """

    __slots__ = (
        *("line", "token", "fresh", "until", "backoff", "asking", "waiting"),
        *("obtained", "expires", "_end", "_renewed", "_shown"),
    )

    def __init__(self, shown: Shown | None = None) -> None:
        """
        @param shown: what else is shown on behalf of the same caller.
        """
        self.line = b""
        self.token = b""
        self.fresh = self.until = 0.0
        self.backoff = Backoff()
        self.asking = False
        self.waiting: list[Waiter] = []
        self.obtained = self.expires = 0.0
        self._renewed = -REFUSED_APART
        self._end = 0.0
        self._shown = shown if shown is not None else Shown()

    def granted(
        self,
        granted: Granted,
        now: float,
        wall: float,
        *,
        header: bytes = b"authorization",
        scheme: bytes = b"Bearer ",
    ) -> None:
        """There is a token. C{header}: in which it is shown, behind that C{scheme}."""
        lifetime, token = granted.lifetime, granted.token.encode("ascii")
        if self.token and token != self.token:
            self._shown.add(self.token, max(self._end, now + REMEMBERED))
        self.token, self._end = token, now + lifetime
        self._shown.add(token, max(self._end, now + REMEMBERED))
        self.line = b"%b: %b%b\r\n" % (header, scheme, self.token)
        self.until = now + lifetime - min(MARGIN, lifetime * MARGIN_SHARE)
        self.fresh = min(now + (granted.fresh or lifetime * AHEAD), self.until)
        self.obtained, self.expires = wall, wall + lifetime
        self.backoff.clear()

    def secrets(self, now: float, others: Headers = ()) -> Secrets:
        """
        What may never be shown to a caller (C{policy.echo}): this token, and those beside and before it,
        until they end.

        So an exchange keeps the slot that it was shown with, whatever becomes of that meanwhile.

        @param others: header lines that may not, either.
        """
        return self._shown.secrets(self.token, now, others)

    def refused(self, line: bytes, now: float) -> None:
        """The upstream did not take it: the next call gets another one, but not every call."""
        if line == self.line and now - self._renewed >= REFUSED_APART:
            self._renewed = now
            self.fresh = self.until = 0.0

    def over(self, now: float) -> bool:
        """Whether nothing is lost with it."""
        return now >= self.until and now >= self.backoff.again and not self.asking and not self.waiting

    def tell(self) -> None:
        """Whoever waits has an answer."""
        waiting, self.waiting = self.waiting, []
        for waiter in waiting:
            waiter()
