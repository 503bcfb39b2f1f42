"""Asking an issuer whether an opaque token is active, and what it says (RFC 7662).

An answer is remembered for a minute at most, so that a token that was taken back is refused after that. A
token is asked about once at a time, a few at once, and whoever makes tokens up soon waits for nobody: what
is not active is remembered, too, apart from what is. A token that was active goes before those that nobody
has heard of, and what such a one does to its issuer is not taken for the issuer's own fault while others
are answered. Nothing is accepted that was not told.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from attrs import evolve, field, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpgate.evidence.events import issuer_line
from mcpgate.evidence.journal import new_id
from mcpgate.evidence.witness import Witness
from mcpgate.identity import claims
from mcpgate.identity.accepts import Pending
from mcpgate.identity.document import DocumentError, read_object
from mcpgate.identity.issuer import Issuer
from mcpgate.identity.principal import Principal
from mcpgate.identity.terms import TENANT, IssuerTerms
from mcpgate.identity.verified import digest_of
from mcpgate.provider.client import Provider, ProviderError
from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.handshake import Certificate

#: Bytes of a token: those that are opaque are ids.
TOKEN_MOST = 4096
#: Bytes of an answer: what a JWT could hold.
ANSWER_MOST = 64 * 1024
#: Seconds for one answer: a caller waits for it.
WITHIN = 5.0
#: Seconds for which an answer counts; that a token is not active does not change, but for a fresh one that
#: has not reached all of its issuer's servers; a fault of one token's is soon tried again.
ACTIVE_GOOD, INACTIVE_GOOD, FAULT_GOOD = 60.0, 30.0, 5.0
#: Answers that are remembered: about callers of a busy minute, and about what somebody makes up.
ACTIVE_MOST, INACTIVE_MOST = 2048, 1024
#: Questions of one worker at once, each a connection with a handshake; and tokens that wait for one: at
#: some ten milliseconds each, those of a second.
FLIGHTS_MOST, QUEUE_MOST = 8, 512
#: Seconds for which whoever waits does so at most before the question is put, and is refused after.
QUEUED_MOST = 10.0
#: Seconds for which an issuer that has answered is thought well of.
WELL = 60.0
#: Seconds that the clock may seem to go back in while an answer counts: those in which NTP moves it.
BACK = 1.0
#: Seconds for which an issuer that cannot be asked is left alone, twice as many each time.
PATIENCE, PATIENCE_MOST = 1.0, 30.0

# RFC 6750 section 2.1: b64token.
_TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]+=*")
#: Answers that are about us, whatever the token was; and those that are about us, or the issuer as a whole,
#: unless something before the issuer dislikes what a token looks like (C{../../etc/passwd} can be one).
_ABOUT_US = frozenset({401, 429})
_PERHAPS = frozenset({403, 404, 405, 502, 503, 504})


def is_opaque(bearer: bytes) -> bool:
    """Whether it is a token that says nothing by itself, which its issuer may be asked about."""
    if len(bearer) > TOKEN_MOST or not _TOKEN.fullmatch(bearer) or bearer.startswith(b"mcpgate_"):
        return False
    # A JSON object in base64url begins so, also with a line of its own for each member; what is signed is
    # verified and not asked about, as it may be another issuer's.
    return not (bearer.startswith((b"ey", b"ew")) and bearer.count(b".") == 2)


@frozen
class _Answer:
    """
    What was told of a token, and from when until when that counts. C{said} is C{None} where C{refusal} is
    not; C{fault}: nothing was told, but why not.
    """

    said: Mapping[str, object] | None = field(repr=False)
    refusal: Refusal | None
    since: float
    until: float
    fault: bool = False

    def counts(self, now: float) -> bool:
        return self.since - BACK <= now < self.until


class _Flight:
    """A token that is asked about, since when, and who waits."""

    def __init__(self, token: bytes, since: float) -> None:
        self.token = token
        self.since = since
        self.waiting: list[Callable[[], None]] = []


class Introspection:
    """One issuer that is asked about opaque tokens, as one worker does."""

    log = Logger()

    def __init__(
        self, reactor: Any, issuer: Issuer, provider: Provider, witness: Witness, wall: Callable[[], float]
    ) -> None:
        self.issuer = issuer
        self.provider = provider
        self._reactor = reactor
        self._witness = witness
        self._wall = wall
        self._active: dict[bytes, _Answer] = {}
        self._inactive: dict[bytes, _Answer] = {}
        self._flights: dict[bytes, _Flight] = {}
        self._queue: deque[bytes] = deque()
        self._flying = 0
        self._asked = 0
        self._failures = 0
        self._again = 0.0
        # When it answered last, and how often it was exchanged for another one.
        self._well: float | None = None
        self._era = 0
        self._why = ""
        self._stopped = False

    def adopt(self, issuer: Issuer) -> None:
        """The issuer, in another generation: what it said before, it may have said to somebody else."""
        table, old = issuer.table, self.issuer.table
        asked = (table.introspection, table.client_id)
        if asked != (old.introspection, old.client_id) or issuer.fingerprint != self.issuer.fingerprint:
            self._active.clear()
            self._inactive.clear()
            self._well = None
            self._era += 1
        self.issuer = issuer
        self.provider.terms = issuer.peer

    def stop(self) -> None:
        """Ask no more; whoever waits is told to look again."""
        self._stopped = True
        self.provider.stop()
        flights, self._flights = self._flights, {}
        self._queue.clear()
        for flight in flights.values():
            self._tell(flight)

    def judge(
        self,
        bearer: bytes,
        terms: IssuerTerms,
        *,
        resource: str,
        certificate: Certificate | None,
        now: float,
        bound: bool,
    ) -> Principal | Refusal | Pending:
        """
        Who a token proves its bearer to be. The parameters are those of C{Issuers.judge}.

        @param now: Unix seconds, as everywhere here: what a token says of time is in them.
        """
        digest = digest_of(bearer)
        for known in (self._active, self._inactive):
            answer = known.get(digest)
            if answer is not None and answer.counts(now):
                return self._judge_answer(answer, digest, terms, resource, certificate, now, bound)
        if self._stopped:
            return Refusal(Reason.AUTH_UNAVAILABLE, f"{self.issuer.name} is not asked any more")
        monotonic = self._reactor.seconds()
        if monotonic < self._again:
            return Refusal(Reason.AUTH_UNAVAILABLE, self._why, max(1, round(self._again - monotonic)))
        stranger = digest not in self._active
        if stranger and digest not in self._flights and len(self._flights) >= FLIGHTS_MOST + QUEUE_MOST:
            what = f"{self.issuer.name} is being asked about {len(self._flights)} other tokens"
            return Refusal(Reason.AUTH_UNAVAILABLE, what, 1)
        # What has been active before is asked about again whoever else makes up others.
        return Pending(partial(self._wait, digest, bearer), stranger=stranger)

    def facts(self) -> dict[str, Any]:
        """For C{status}."""
        return {
            "asked": self._asked,
            "asking": len(self._flights),
            "remembered": len(self._active) + len(self._inactive),
            "last_error": self._why or None,
        }

    # The rest is ours.

    def _judge_answer(
        self,
        answer: _Answer,
        digest: bytes,
        terms: IssuerTerms,
        resource: str,
        certificate: Certificate | None,
        now: float,
        bound: bool,
    ) -> Principal | Refusal:
        if answer.refusal is not None:
            return answer.refusal
        assert answer.said is not None
        principal = claims.judge(
            answer.said,
            None,
            terms,
            id=digest.hex(),
            resource=resource,
            now=now,
            certificate=certificate,
            bound=bound,
            how="opaque",
        )
        if isinstance(principal, Refusal):
            return principal
        # Whoever remembers it asks again in time.
        expires = answer.until if principal.expires is None else min(principal.expires, answer.until)
        return evolve(principal, expires=expires)

    def _wait(self, digest: bytes, bearer: bytes, tell: Callable[[], None]) -> None:
        flight = self._flights.get(digest)
        if flight is None:
            flight = self._flights[digest] = _Flight(bearer, self._reactor.seconds())
            if digest in self._active:
                self._queue.appendleft(digest)
            else:
                self._queue.append(digest)
            self._next()
        flight.waiting.append(tell)

    def _next(self) -> None:
        while self._queue and self._flying < FLIGHTS_MOST:
            digest = self._queue.popleft()
            self._flying += 1
            # Not at once: nobody is told anything before he is ready to hear it.
            self._reactor.callLater(0, self._fly, digest)

    def _fly(self, digest: bytes) -> None:
        flight = self._flights.get(digest)
        if flight is None or self._stopped:
            self._flying -= 1
            return
        if self._reactor.seconds() < self._again:
            # It has failed meanwhile, and would again: all are told that.
            return self._landed(None, digest)
        if self._reactor.seconds() - flight.since > QUEUED_MOST:
            return self._landed(self._fault("too many others are asked about before it"), digest)
        asked = Deferred.fromCoroutine(self._ask(flight.token, digest not in self._active))
        asked.addErrback(self._bug)
        asked.addCallback(self._landed, digest)

    def _bug(self, failure: Failure) -> _Answer:
        self.log.failure("a bug in the gate while an issuer was asked about a token", failure)
        return self._fault("a bug in the gate while it was asked")

    def _landed(self, answer: _Answer | None, digest: bytes) -> None:
        self._flying -= 1
        flight = self._flights.pop(digest, None)
        if answer is not None and not self._stopped:
            known, most = self._active, ACTIVE_MOST
            if answer.refusal is not None:
                known, most = self._inactive, INACTIVE_MOST
            if not answer.fault:
                self._active.pop(digest, None)
            self._inactive.pop(digest, None)
            if len(known) >= most:
                del known[next(iter(known))]
            known[digest] = answer
        if flight is not None:
            self._tell(flight)
        self._next()

    def _tell(self, flight: _Flight) -> None:
        for tell in flight.waiting:
            try:
                tell()
            except Exception:
                # One caller's bug is not for the others to wait on.
                self.log.failure("a bug in the gate while a caller was told of a token")

    async def _ask(self, token: bytes, stranger: bool) -> _Answer | None:
        """
        @param stranger: whether the token was never seen to be active.
        @return: C{None} where its issuer cannot be asked, or was another one.
        """
        issuer, now, era = self.issuer, self._wall(), self._era
        url, client = issuer.table.introspection, issuer.client
        assert url is not None and client is not None
        asked = (("token", token.decode("ascii")), ("token_type_hint", "access_token"))
        form, lines = client.prove(asked, url, now)
        self._asked += 1
        try:
            reply = await self.provider.post(url, form, headers=lines, most=ANSWER_MOST, within=WITHIN)
        except ProviderError as error:
            if era != self._era:
                return None
            if error.refusal is None and stranger and self._is_well():
                return self._fault(error.why)
            self._failed(str(error))
            return None
        if era != self._era:
            return None
        status = reply.status
        if status in _ABOUT_US or (status in _PERHAPS and not (stranger and self._is_well())):
            self._failed(f"{issuer.name}: it answered {status} when it was asked about a token")
            return None
        if status != 200:
            # Of this token alone, as far as anybody knows: another one may be asked about.
            return self._fault(f"it answered {status}")
        return self._read(reply.body, now)

    def _is_well(self) -> bool:
        return self._well is not None and self._reactor.seconds() - self._well < WELL

    def _read(self, body: bytes, now: float) -> _Answer:
        try:
            said = read_object(body)
        except DocumentError as error:
            return self._fault(f"its answer: {error}")
        self._mended()
        active = said.pop("active", None)
        if active is False:
            refusal = Refusal(Reason.AUTH_INACTIVE, f"{self.issuer.name} says that it is not active")
            return _Answer(None, refusal, now, now + INACTIVE_GOOD)
        if active is not True:
            return self._fault("its answer does not say whether it is active")
        issuers = self.issuer.terms.issuers
        if TENANT not in issuers[0]:
            # Who told it is its issuer, where the answer does not say (section 2.2: optional).
            said.setdefault("iss", issuers[0])
        expires = said.get("exp")
        until = now + ACTIVE_GOOD
        if type(expires) is int:
            # For a second at least, in which whoever has waited is told that it has expired.
            until = min(until, max(float(expires), self._wall() + 1))
        return _Answer(said, None, now, until)

    def _fault(self, why: str) -> _Answer:
        name = self.issuer.name
        refusal = Refusal(Reason.AUTH_UNAVAILABLE, f"{name} cannot be asked about it: {why}", 5)
        now = self._wall()
        return _Answer(None, refusal, now, now + FAULT_GOOD, fault=True)

    def _failed(self, why: str) -> None:
        """It cannot be asked at all; told once."""
        if self._stopped:
            return
        now = self._reactor.seconds()
        if now < self._again:
            # Of those that were on their way together, one counts.
            return
        self._why = f"tokens cannot be asked about: {why}"
        self._again = now + min(PATIENCE * 2 ** min(self._failures, 10), PATIENCE_MOST)
        self._failures += 1
        if self._failures == 1:
            self.log.error("issuer {name}: {why}", name=self.issuer.name, why=self._why)
            line = issuer_line(
                new_id("i"),
                time=self._witness.stamp(),
                issuer=self.issuer.name,
                what="unreachable",
                detail=self._why,
            )
            self._witness.tell(line)

    def _mended(self) -> None:
        if self._failures:
            self.log.info("issuer {name}: it can be asked about tokens again", name=self.issuer.name)
        self._failures, self._again, self._why = 0, 0.0, ""
        self._well = self._reactor.seconds()
