"""The tokens that one worker has for upstreams: asked for when they are needed, and kept while they are good.

Whoever calls is served by what is here: one look-up. The next token is asked for while this one is still
good, by the first call that comes then; callers wait only where there is none. One question is on its way
for each token, a few for each credential, and a server that has failed is left alone for a while.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from weakref import WeakValueDictionary

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpgate.credentials.answer import ANSWER_MOST, Fault, Granted, read_answer
from mcpgate.credentials.slot import Backoff, Shown, Slot, Waiter
from mcpgate.credentials.terms import Choice, CredentialTerms, Grant, GrantTerms, Key, chosen, subject_of
from mcpgate.credentials.vault import VaultTerms, read_secret
from mcpgate.identity.principal import Principal
from mcpgate.provider.client import Provider, ProviderError
from mcpgate.reasons import Reason, Refusal
from mcpgate.upstream.terms import UpstreamTerms

#: Tokens of one worker, some 3 KB each at the most times: as many as callers that are busy at once.
SLOTS_MOST = 4096
#: Questions of one worker that are on their way to one token endpoint. Each is a connection with a handshake
#: of its own.
FLIGHTS_MOST = 16
#: Seconds for which an issuer's discovery document is waited for, and between two looks: a gate that has just
#: begun has not read it yet.
DISCOVERED_WITHIN, DISCOVERED_LOOK = 3.0, 0.1


@define(eq=False)
class Source:
    """One grant of the generation in force, and what is going on with it."""

    grant: Grant
    provider: Provider
    #: Slots whose turn will come, each with the caller's token where that is to be exchanged.
    queue: deque[tuple[Slot, str | None]] = field(factory=deque, repr=False)
    #: For faults that are nobody's in particular.
    backoff: Backoff = field(factory=Backoff)
    flights: int = 0
    waiting: int = 0
    asked: int = 0
    #: How often there was none for one caller.
    denied: int = 0
    #: Why there is none for anybody.
    problem: str | None = None
    over: bool = False


class Kept:
    """All of them."""

    log = Logger()

    def __init__(self, reactor: Any, force: Any) -> None:
        """
        @param force: what is in force (C{relay.force}): its clock, its set of sockets and its witness.
        """
        self._reactor = reactor
        self._force = force
        self._sources: dict[bytes, Source] = {}
        self._slots: dict[Key, Slot] = {}
        # For as long as a slot, or an exchange with one, has it.
        self._shown: WeakValueDictionary[Key, Shown] = WeakValueDictionary()
        self._fixed: tuple[CredentialTerms, ...] = ()

    # What exchanges ask.

    def slot(self, choice: Choice, authorization: bytes | None) -> Slot | Refusal | None:
        """
        What holds the header line to show, or why there is none; C{None}: it is being asked for, L{wait}.

        @param authorization: the caller's own, with the token that may have to be exchanged.
        """
        slot = self._slots.get(choice.key)
        if slot is not None and self._force.readiness.now < slot.fresh:
            return slot
        if choice.refusal is not None:
            return choice.refusal
        return self._due(choice, slot, authorization)

    def _due(
        self, choice: Choice, slot: Slot | None, authorization: bytes | None
    ) -> Slot | Refusal | None:
        grant, now = choice.grant, monotonic()
        assert grant is not None
        subject = subject_of(authorization) if grant.exchange else None
        source = self._sources.get(grant.fingerprint)
        if source is None:
            return _none(choice, "it was reconfigured while the request arrived")
        if slot is None:
            self._make_room(now)
            slot = self._slots[choice.key] = Slot(self._beside(choice.key))
        refusal = source.backoff.refusal(choice.name, now) or slot.backoff.refusal(choice.name, now)
        nobody = grant.exchange and subject is None
        if not slot.asking and refusal is None and not nobody:
            slot.asking = True
            source.queue.append((slot, subject))
            self._next(source)
        if now < slot.until:
            return slot
        if slot.asking:
            return None
        return refusal or _none(choice, "there is no caller with whose token it could be asked for")

    def _beside(self, key: Key) -> Shown:
        """What is shown on behalf of the same caller, whichever token of its own that was got for."""
        whose = key[:3]
        shown = self._shown.get(whose)
        if shown is None:
            shown = self._shown[whose] = Shown()
        return shown

    def wait(self, choice: Choice, waiter: Waiter) -> Refusal | None:
        """
        Call when there is an answer, never before this returns.

        @return: why not: too many wait already.
        """
        slot, source = self._found(choice)
        if slot is None or source is None:
            return _none(choice, "it was reconfigured while the request arrived")
        if source.waiting >= source.grant.queue:
            self._unwanted(source, slot)
            return _none(choice, f"{source.waiting} callers are waiting")
        source.waiting += 1
        slot.waiting.append(waiter)
        return None

    def withdraw(self, choice: Choice, waiter: Waiter) -> None:
        """It does not wait any more."""
        slot, source = self._found(choice)
        if slot is not None and source is not None and waiter in slot.waiting:
            slot.waiting.remove(waiter)
            source.waiting -= 1
            self._unwanted(source, slot)

    def _unwanted(self, source: Source, slot: Slot) -> None:
        """Nobody is asked for what nobody waits for any more: those who do come first, and there is no end
        to tokens that somebody may call with and leave."""
        if slot.waiting or monotonic() < slot.until:
            return
        queued = deque(each for each in source.queue if each[0] is not slot)
        if len(queued) < len(source.queue):
            source.queue, slot.asking = queued, False

    def again(self, upstream: UpstreamTerms, name: str, principal: Principal) -> Choice:
        """
        What the upstream was shown before, on behalf of somebody who is not here now.

        @param name: of the credential; C{principal}: of whom no more is known than the name, and how.
        """
        terms = next((terms for terms in upstream.mapped if terms.name == name), None)
        if terms is None:
            why = f"{name}: there is none any more"
            return Choice(name, refusal=Refusal(Reason.UPSTREAM_CREDENTIAL, why))
        grant, now = terms.grant, monotonic()
        if grant is None or not grant.exchange:
            return chosen(terms, principal)
        wanted = (grant.fingerprint, principal.how, principal.name)
        for key, slot in self._slots.items():
            if key[:3] == wanted and now < slot.until:
                return Choice(name, grant=grant, key=key)
        why = f"{name}: there is no caller with whose token it could be asked for"
        return Choice(name, refusal=Refusal(Reason.UPSTREAM_CREDENTIAL, why))

    def _found(self, choice: Choice) -> tuple[Slot | None, Source | None]:
        assert choice.grant is not None
        return self._slots.get(choice.key), self._sources.get(choice.grant.fingerprint)

    # Asking.

    def _next(self, source: Source) -> None:
        while source.queue and source.flights < FLIGHTS_MOST:
            slot, subject = source.queue.popleft()
            source.flights += 1
            # What it is told must not come before whoever asks for it is ready to wait.
            self._reactor.callLater(0, self._fly, source, slot, subject)

    def _fly(self, source: Source, slot: Slot, subject: str | None) -> None:
        if source.over:
            return
        source.asked += 1
        flight = Deferred.fromCoroutine(self._answer(source, subject))
        flight.addErrback(self._bug)
        flight.addCallback(self._landed, source, slot)

    async def _answer(self, source: Source, subject: str | None) -> Granted | Fault:
        grant = source.grant
        if isinstance(grant, VaultTerms):
            return await read_secret(source.provider, grant)
        assert isinstance(grant, GrantTerms)
        url = grant.url or await self._discovered(grant)
        if url is None:
            return Fault("the issuer's discovery document names none, or was not read yet", general=True)
        form, headers = grant.client.prove(grant.form(subject), url, self._force.wall())
        try:
            reply = await source.provider.post(
                url, form, headers=headers, most=ANSWER_MOST, within=grant.timeout
            )
        except ProviderError as error:
            return Fault(error.why, general=True)
        retry_after = reply.headers.get("retry-after")
        return read_answer(reply.status, retry_after, reply.body, grant.wish.requested_token_type)

    async def _discovered(self, grant: GrantTerms) -> str | None:
        until = monotonic() + DISCOVERED_WITHIN
        while True:
            issuers = self._force.accepts.issuers
            found: str | None = issuers.endpoint(grant.issuer, "token_endpoint") if issuers else None
            if found is not None or monotonic() >= until:
                return found
            await deferLater(self._reactor, DISCOVERED_LOOK)

    def _bug(self, failure: Failure) -> Fault:
        self.log.failure("a bug in the gate while a token was asked for", failure)
        return Fault("a bug in the gate while it was asked for", general=True)

    def _landed(self, answer: Granted | Fault, source: Source, slot: Slot) -> None:
        if source.over:
            return
        now = monotonic()
        slot.asking = False
        source.flights -= 1
        landed = [slot]
        # Where one token is for all, so is what is wrong with it.
        general = isinstance(answer, Fault) and (answer.general or not source.grant.exchange)
        if isinstance(answer, Granted):
            grant = source.grant
            slot.granted(answer, now, self._force.wall(), header=grant.header, scheme=grant.scheme)
            source.backoff.clear()
        elif not general:
            slot.backoff.failed(f"{source.grant.whom}: {answer.why}", now, answer.wait)
        elif now >= source.backoff.again:
            # Once for all that were on their way.
            source.backoff.failed(f"{source.grant.whom}: {answer.why}", now, answer.wait)
        if source.backoff.problem is not None:
            # Nor would the others get one.
            landed += [queued for queued, _ in source.queue]
            source.queue.clear()
        if isinstance(answer, Granted):
            self._note(source, None)
        elif general:
            self._note(source, answer.why)
        else:
            # Its caller's record says so.
            source.denied += 1
        for each in landed:
            each.asking = False
            source.waiting -= len(each.waiting)
            each.tell()
        self._next(source)

    def _note(self, source: Source, problem: str | None) -> None:
        """Tell in the log what has changed."""
        before, source.problem = source.problem, problem
        if problem is None and before is not None:
            self.log.info("credential {name}: there is one again", name=source.grant.name)
        elif problem is not None and problem != before:
            what, grant = "credential {name}: there is none: {whom}: {why}", source.grant
            self.log.error(what, name=grant.name, whom=grant.whom, why=problem)

    def _make_room(self, now: float) -> None:
        if len(self._slots) < SLOTS_MOST:
            return
        self.forget_old(now)
        for key in list(self._slots):
            if len(self._slots) < SLOTS_MOST:
                break
            slot = self._slots[key]
            if not slot.asking and not slot.waiting:
                del self._slots[key]

    # What the gate does.

    def adopt(self, upstreams: Iterable[Any]) -> None:
        """These are the upstreams of the generation that comes into force."""
        tables = tuple(terms for upstream in upstreams for terms in upstream.mapped)
        grants = {terms.grant.fingerprint: terms.grant for terms in tables if terms.grant is not None}
        sources: dict[bytes, Source] = {}
        for fingerprint, grant in grants.items():
            source = self._sources.pop(fingerprint, None)
            if source is None:
                force = self._force
                provider = Provider(self._reactor, force.readiness, force.witness, grant.peer)
                source = Source(grant, provider)
            source.grant, source.provider.terms = grant, grant.peer
            sources[fingerprint] = source
        gone, self._sources = self._sources, sources
        self._fixed = tuple(terms for terms in tables if terms.grant is None)
        for source in gone.values():
            self._end(source)
        self._slots = {key: slot for key, slot in self._slots.items() if key[0] in sources}

    def _end(self, source: Source) -> None:
        """Whoever waits is told that it is gone, and refused."""
        source.over = True
        source.queue.clear()
        fingerprint = source.grant.fingerprint
        for key, slot in self._slots.items():
            if key[0] == fingerprint:
                slot.tell()
        source.waiting = 0
        source.provider.stop()

    def forget_old(self, now: float | None = None) -> None:
        """Nothing is kept that cannot be shown any more."""
        now = monotonic() if now is None else now
        for key in [key for key, slot in self._slots.items() if slot.over(now)]:
            del self._slots[key]

    def stop(self) -> None:
        """Ask no more."""
        for source in self._sources.values():
            self._end(source)
        self._sources.clear()
        self._slots.clear()

    def facts(self) -> list[dict[str, Any]]:
        """For C{status}: what there is, and since when; never what it is."""
        now = monotonic()
        rows: list[dict[str, Any]] = [
            {"name": terms.name, "upstream": terms.table.upstream, "kind": "fixed", "problem": None}
            for terms in self._fixed
        ]
        for source in self._sources.values():
            grant = source.grant
            slots = [slot for key, slot in self._slots.items() if key[0] == grant.fingerprint]
            good = [slot for slot in slots if now < slot.until]
            last = max(good, key=lambda slot: slot.obtained, default=None)
            rows.append(
                {
                    "name": grant.name,
                    "upstream": grant.upstream,
                    "kind": grant.kind,
                    "held": len(good),
                    "waiting": source.waiting,
                    "asked": source.asked,
                    "denied": source.denied,
                    "obtained": _written(last.obtained) if last is not None else None,
                    "expires": _written(last.expires) if last is not None else None,
                    "problem": source.problem,
                }
            )
        return rows


def _none(choice: Choice, why: str) -> Refusal:
    return Refusal(Reason.UPSTREAM_CREDENTIAL, f"{choice.name}: {why}")


def _written(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
