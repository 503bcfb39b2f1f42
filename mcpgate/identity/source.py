"""The keys of one issuer as one worker has them: fetched ahead of need, and never in the way of a caller
whose token is signed by a key that is known.

Of all workers one asks at a time, and the others take what it was told out of the file. A key that nobody
knows is asked for at most once in half a minute, whoever makes it up. A failed answer never takes keys
away; only time does: C{issuer.stale} after the last good answer they count no more, and what was judged by
them is judged anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpgate.evidence.events import issuer_line
from mcpgate.evidence.journal import new_id
from mcpgate.evidence.witness import Witness
from mcpgate.identity.accepts import Pending
from mcpgate.identity.discovery import Silent, Unfit, discover, fetch
from mcpgate.identity.issuer import Issuer
from mcpgate.identity.jwks import KeySet
from mcpgate.identity.kept import NOTHING, Kept, KeptFile, same_or_new
from mcpgate.provider.client import Provider, ProviderError
from mcpgate.reasons import Reason, Refusal

# When new keys are asked for, as a part of the time for which the old ones count: an outage of a quarter of
# it is noticed by nobody.
AHEAD = 0.75
# The same of the time for which they count at all: half of it is left for an issuer that is asked in vain.
IN_TIME = 0.5
# Seconds between two questions for keys that nobody knows, for all workers together. Providers publish a
# key long before they sign with it; whoever cannot wait for this makes keys up.
DAMPER = 30.0
# Seconds after a question in vain: twice as many each time, and no more, so that a mended issuer is found.
PATIENCE, PATIENCE_MOST = 1.0, 30.0
# Where the keys are is asked again after a day, and when they are not there any more.
PLACE_GOOD = 86400.0
# Ids of keys that were asked for and are not there, remembered for a minute: a client with an old token does
# not have the issuer asked for ever, and a key that comes late is found soon.
UNKNOWN_MOST, UNKNOWN_GOOD = 128, 60.0
# For another worker that is fetching: as long as it may take, and looked at so often.
LOCK_WITHIN, LOCK_LOOK = 15.0, 0.05
# A file from the future is none: somebody has set the clock. Clocks that NTP moves, move by less.
FUTURE = 60.0


class KeySource:
    """
    The keys of one issuer.

    @ivar keys: those that count; C{None} where there are none, or they are too old.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        issuer: Issuer,
        provider: Provider,
        witness: Witness,
        directory: Path,
        wall: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        """
        @param changed: called when what was judged by the keys has to be judged anew.
        """
        self.issuer = issuer
        self.provider = provider
        self.keys: KeySet | None = None
        self._reactor = reactor
        self._witness = witness
        self._wall = wall
        self._changed = changed
        self._file = KeptFile(directory, issuer.name, issuer.fingerprint)
        self._kept = NOTHING
        # Keys that are not there, and when that was found; those that are asked for, and since when.
        self._unknown: dict[str, float] = {}
        self._sought: dict[str, float] = {}
        self._waiting: list[Callable[[], None]] = []
        self._flying = False
        self._stopped = False
        self._fetches = 0
        self._lapsed = False

    @property
    def name(self) -> str:
        """The issuer's name."""
        return self.issuer.name

    @property
    def endpoints(self) -> Mapping[str, str]:
        """What its discovery document says of other places (C{discovery.ENDPOINTS}), once it was read."""
        return self._kept.endpoints

    def begin(self) -> None:
        """Take up what was known before, and ask for what is due."""
        self._file.begin()
        self.tick()

    def tick(self) -> None:
        """Look at what others have found, and at the clock."""
        now = self._wall()
        self._look()
        self._judge_age(now)
        if not self._flying and self._is_due(now):
            self._fly(seek=False)

    def adopt(self, issuer: Issuer) -> None:
        """The same issuer, in another generation."""
        self.issuer = issuer
        self.provider.terms = issuer.peer

    def stop(self) -> None:
        """Ask no more; whoever waits is told to look again."""
        self._stopped = True
        self.provider.stop()
        self._tell_waiting()

    # What is asked when a token is judged.

    def missing(self, now: float) -> Refusal | Pending:
        """There are no keys that count: ask for them, or say why not now."""
        wait = self._pause(now)
        if wait:
            return self._unavailable(wait)
        return Pending(self._wait)

    def seek(self, kid: str | None, now: float) -> Refusal | Pending | None:
        """
        A key is not among those that are known: ask for it, or say why not now.

        @return: C{None} where another worker has found it meanwhile.
        """
        self._look()
        if kid is not None and self._knows(kid):
            return None
        kept = self._kept
        # Of tokens that name no key, each may be signed by a new one.
        told = self._unknown.get(kid) if kid is not None else None
        if told is not None and 0 <= now - told < UNKNOWN_GOOD:
            return Refusal(Reason.AUTH_KEY, "the token's key is none of its issuer's, which was asked for it")
        wait = self._pause(now)
        if wait:
            # It may well be a new one.
            return self._unavailable(wait)
        if self._damped(now):
            seconds = round(now - kept.sought)
            return Refusal(
                Reason.AUTH_KEY, f"the token's key is none of its issuer's, which was asked {seconds} s ago"
            )
        return Pending(partial(self._wait_for_key, kid), stranger=True)

    # For status.

    def facts(self, now: float) -> dict[str, Any]:
        """What is known of its keys, as values that JSON can say."""
        kept = self._kept
        return {
            "name": self.name,
            "issuer": self.issuer.terms.issuers[0],
            # Not a number, as they are the same in all workers.
            "keys": [key.kid or "-" for key in kept.keys.keys] if kept.keys is not None else [],
            "left_out": list(kept.keys.left_out) if kept.keys is not None else [],
            "counting": self.keys is not None,
            "fetched": _when(kept.fetched),
            "count_until": _when(kept.fetched + self.issuer.terms.stale) if kept.fetched else None,
            "fetches": self._fetches,
            "last_error": kept.why or None,
            "file": self._file.problem,
        }

    # The rest is ours.

    def _look(self) -> None:
        kept, latest = self._file.look(self._kept), self._wall() + FUTURE
        # Nor is what is older than what is known already, unless that is from the future.
        if kept is not None and kept.fetched <= latest and not kept.fetched < self._kept.fetched <= latest:
            self._take(kept)

    def _judge_age(self, now: float) -> None:
        """Let keys go that are too old, or take them back when time was set back."""
        counts = self._counts(now)
        if (self.keys is not None) is counts:
            return
        self.keys = self._kept.keys if counts else None
        if not counts and not self._lapsed:
            self._lapsed = True
            why = self._kept.why or "nobody has asked for them"
            self.log.error(
                "issuer {name}: its tokens are refused, since its keys could not be had for too long: {why}",
                name=self.name,
                why=why,
            )
            self._record("lapsed", detail=why)
        self._changed()

    def _counts(self, now: float) -> bool:
        kept = self._kept
        return kept.keys is not None and -FUTURE <= now - kept.fetched < self.issuer.terms.stale

    def _is_due(self, now: float) -> bool:
        if self._pause(now):
            return False
        kept = self._kept
        good_for = min(kept.fresh * AHEAD, self.issuer.terms.stale * IN_TIME)
        return kept.keys is None or not -FUTURE <= now - kept.fetched < good_for

    def _damped(self, now: float) -> bool:
        """
        Whether it is too soon to ask for another key that nobody knows. After a question in vain it is not:
        then the pauses are longer each time.
        """
        kept = self._kept
        return not kept.failures and 0 <= now - kept.sought < DAMPER

    def _pause(self, now: float) -> int:
        """For how many seconds an issuer that could not be asked is left alone; 0: it may be asked."""
        kept = self._kept
        if self._stopped:
            return 1
        if not kept.failures:
            return 0
        pause = min(PATIENCE * 2 ** min(kept.failures - 1, 10), PATIENCE_MOST)
        since = now - kept.asked
        return max(1, round(pause - since)) if 0 <= since < pause else 0

    def _unavailable(self, wait: int) -> Refusal:
        why = self._kept.why or "nobody is asked any more"
        return Refusal(Reason.AUTH_UNAVAILABLE, f"the keys of {self.name}: {why}", wait)

    def _wait(self, tell: Callable[[], None]) -> None:
        self._waiting.append(tell)
        if not self._flying:
            self._fly(seek=False)

    def _wait_for_key(self, kid: str | None, tell: Callable[[], None]) -> None:
        self._waiting.append(tell)
        if kid is not None and len(self._sought) < UNKNOWN_MOST:
            self._sought.setdefault(kid, self._wall())
        if not self._flying:
            self._fly(seek=True)

    def _fly(self, *, seek: bool) -> None:
        self._flying = True
        # Not at once: nobody is told anything before he is ready to hear it.
        self._reactor.callLater(0, self._begin_flight, seek, self._wall())

    def _begin_flight(self, seek: bool, since: float) -> None:
        if self._stopped:
            return self._landed(None)
        flight = Deferred.fromCoroutine(self._refresh(seek, since))
        flight.addErrback(self._bug)
        flight.addCallback(self._landed)

    def _bug(self, failure: Failure) -> None:
        self.log.failure("a bug in the gate while the keys of an issuer were asked for", failure)

    def _landed(self, _: object) -> None:
        self._flying = False
        sought, self._sought = self._sought, {}
        kept = self._kept
        for kid, since in sought.items():
            if not kept.failures and kept.asked >= since and not self._knows(kid):
                self._note_unknown(kid, kept.asked)
        self._tell_waiting()

    def _knows(self, kid: str) -> bool:
        return self.keys is not None and self.keys.knows(kid)

    def _note_unknown(self, kid: str, now: float) -> None:
        if len(self._unknown) >= UNKNOWN_MOST:
            # The oldest is the first.
            del self._unknown[next(iter(self._unknown))]
        self._unknown[kid] = now

    def _tell_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for tell in waiting:
            try:
                tell()
            except Exception:
                # One caller's bug is not for the others to wait on.
                self.log.failure("a bug in the gate while a caller was told of keys")

    async def _refresh(self, seek: bool, since: float) -> None:
        """Be the one who asks, or wait for him; then ask, if that is still needed."""
        deadline = self._reactor.seconds() + LOCK_WITHIN
        while not self._file.lock():
            if self._stopped:
                return
            if self._reactor.seconds() > deadline:
                # Whoever has it stands still, or it would be over: as where there are no locks.
                break
            await _sleep(self._reactor, LOCK_LOOK)
        try:
            self._look()
            if not self._stopped and self._is_needed(seek, since, self._wall()):
                await self._ask(seek)
        finally:
            self._file.unlock()

    def _is_needed(self, seek: bool, since: float, now: float) -> bool:
        """Whether what others were told meanwhile does not answer it."""
        kept = self._kept
        if self._pause(now):
            return False
        if seek:
            return kept.asked < since and not self._damped(now)
        return self._is_due(now) or not self._counts(now)

    async def _ask(self, seek: bool) -> None:
        before, now = self._kept, self._wall()
        asking = evolve(before, asked=now)
        self._fetches += 1
        try:
            places = await self._place(before, now, seek)
            fetched = await fetch(self.provider, places.jwks)
        except (ProviderError, Unfit) as error:
            if self._stopped:
                return
            why = str(error) if isinstance(error, ProviderError) else f"{self.name}: {error}"
            # A place that has no keys any more is asked for again, and one where twice nobody was.
            gone = isinstance(error, Unfit) or before.failures > 0
            discovered = 0.0 if gone else before.discovered
            kept = evolve(asking, failures=before.failures + 1, why=why, discovered=discovered)
            if before.failures == 0:
                self._alert(kept, why)
        else:
            kept = evolve(
                asking,
                keys=same_or_new(before.keys, fetched.keys),
                raw=fetched.raw,
                sought=now if seek else before.sought,
                fetched=self._wall(),
                fresh=fetched.fresh,
                failures=0,
                why="",
                jwks=places.jwks,
                endpoints=places.endpoints,
                discovered=places.discovered,
            )
            self._tell_news(before, kept)
        self._file.write(kept)
        self._take(kept)
        self._judge_age(self._wall())

    async def _place(self, before: Kept, now: float, seek: bool) -> Kept:
        """Where the keys are: told by the configuration, known, or asked for."""
        terms = self.issuer.terms
        if terms.jwks is not None:
            return evolve(before, jwks=terms.jwks)
        known = 0 <= now - before.discovered < PLACE_GOOD
        if before.jwks and before.discovered and (known or seek):
            return before
        try:
            places = await discover(self.provider, terms)
        except (ProviderError, Silent):
            if not before.jwks:
                raise
            # The keys may still be where they were; the document is asked for again the next time.
            return before
        return evolve(before, jwks=places.jwks, endpoints=places.endpoints, discovered=now)

    def _take(self, kept: Kept) -> None:
        """This is what is known from now on."""
        before, self._kept = self._kept, kept
        now = self._wall()
        if kept.keys is not before.keys:
            self._unknown.clear()
        if self._counts(now):
            self._lapsed = False
            if self.keys is not kept.keys:
                self.keys = kept.keys
                self._changed()

    def _alert(self, kept: Kept, why: str) -> None:
        """The issuer cannot be asked: told once, by the worker that has asked."""
        until = _when(kept.fetched + self.issuer.terms.stale) if kept.keys is not None else None
        then = f"the last ones count until {until}" if until else "there are none, so its tokens are refused"
        self.log.error(
            "issuer {name}: its keys cannot be had ({why}); {then}",
            name=self.name,
            why=why,
            then=then,
        )
        self._record("unreachable", detail=why)

    def _tell_news(self, before: Kept, kept: Kept) -> None:
        old, new = _ids(before), _ids(kept)
        if before.failures:
            self.log.info("issuer {name}: its keys can be had again", name=self.name)
        if kept.keys is not before.keys or before.failures:
            self._record("keys", added=sorted(new - old), removed=sorted(old - new))

    def _record(
        self, what: str, *, detail: str | None = None, added: Iterable[str] = (), removed: Iterable[str] = ()
    ) -> None:
        self._witness.tell(
            issuer_line(
                new_id("i"),
                time=self._witness.stamp(),
                issuer=self.name,
                what=what,
                added=tuple(added),
                removed=tuple(removed),
                detail=detail,
            )
        )


def _ids(kept: Kept) -> set[str]:
    return {key.kid or "-" for key in kept.keys.keys} if kept.keys is not None else set()


def _when(seconds: float) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds else None


def _sleep(reactor: Any, seconds: float) -> Deferred[None]:
    slept: Deferred[None] = Deferred()
    reactor.callLater(seconds, slept.callback, None)
    return slept
