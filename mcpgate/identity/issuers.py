"""The issuers of one worker: whose token one is, by which key it is verified, and what it says.

The path of a token that was seen before is a digest and two look-ups; of a new one, a signature. Neither asks
anybody. Only a token whose key nobody knows makes the caller wait, for an answer that is due in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve

from mcpgate.evidence.witness import Witness
from mcpgate.identity import claims, jose
from mcpgate.identity.accepts import Pending
from mcpgate.identity.introspection import Introspection, is_opaque
from mcpgate.identity.issuer import Issuer
from mcpgate.identity.principal import Principal
from mcpgate.identity.source import KeySource
from mcpgate.identity.terms import IssuerTerms
from mcpgate.identity.verified import Verified, VerifiedTokens, digest_of
from mcpgate.ops.watch import Watch
from mcpgate.provider.client import Provider
from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.handshake import Certificate
from mcpgate.tls.readiness import Readiness

#: Seconds: how soon a worker sees what another has fetched, and that keys are too old. It costs a look at a
#: file for each issuer.
TICK = 1.0
#: Seconds: clocks that NTP moves go back by less.
BACK = 5.0


class Issuers:
    """The issuers of a generation, and what is known of them."""

    def __init__(
        self,
        reactor: Any,
        readiness: Readiness,
        witness: Witness,
        directory: Path,
        wall: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        """
        @param directory: where the keys are kept, for all workers.
        @param changed: called when what was judged before has to be judged anew.
        """
        self._reactor = reactor
        self._readiness = readiness
        self._witness = witness
        self._directory = directory
        self._wall = wall
        self._changed = changed
        self._sources: dict[str, KeySource] = {}
        self._introspections: dict[str, Introspection] = {}
        self._verified = VerifiedTokens()
        self._watch = Watch(reactor, lambda: TICK, self._tick)
        self._watching = False
        self._ahead = self._clocks()

    def adopt(self, issuers: Mapping[str, Issuer]) -> None:
        """These are the issuers now. What is known of those that are the same is kept."""
        sources: dict[str, KeySource] = {}
        fresh: list[KeySource] = []
        for name, issuer in issuers.items():
            source = self._sources.pop(name, None)
            if source is not None and source.issuer.fingerprint == issuer.fingerprint:
                source.adopt(issuer)
            else:
                if source is not None:
                    source.stop()
                source = self._source(issuer)
                fresh.append(source)
            sources[name] = source
        gone, self._sources = self._sources, sources
        for source in gone.values():
            source.stop()
        self._adopt_introspections(issuers.values())
        for source in fresh:
            source.begin()
        if sources and not self._watching:
            self._watching = True
            self._watch.start()

    def stop(self) -> None:
        """Ask nobody any more."""
        if self._watching:
            self._watch.stop()
        for source in self._sources.values():
            source.stop()
        for introspection in self._introspections.values():
            introspection.stop()

    def judge(
        self,
        bearer: bytes,
        accepted: Sequence[IssuerTerms],
        *,
        resource: str,
        certificate: Certificate | None,
        now: float,
        bound: bool = False,
    ) -> Principal | Refusal | Pending:
        """
        Who a token proves its bearer to be.

        @param bearer: the token.
        @param accepted: the issuers whose tokens count here.
        @param resource: the URL of what is asked for.
        @param certificate: what the caller's leg was authenticated with.
        @param bound: whether only tokens count that are bound to a certificate.
        """
        if self._introspections and is_opaque(bearer):
            for terms in accepted:
                asked = self._introspections.get(terms.name)
                if asked is not None:
                    return asked.judge(
                        bearer, terms, resource=resource, certificate=certificate, now=now, bound=bound
                    )
        digest = digest_of(bearer)
        known = self._verified.get(digest)
        if known is None or not self._still_signed(known, accepted):
            found = self._verify(bearer, digest, accepted, now)
            if not isinstance(found, Verified):
                return found
            known = found
        terms = next(terms for terms in accepted if terms.name == known.issuer)
        question = resource, certificate.sha256 if certificate is not None else None, bound
        before = known.found(question, terms, now)
        if before is not None:
            return before
        judged = claims.judge(
            known.token.claims,
            known.token.header,
            terms,
            id=known.token.id,
            resource=resource,
            now=now,
            certificate=certificate,
            bound=bound,
        )
        if isinstance(judged, Principal):
            known.remember(question, terms, now, judged)
        return judged

    def endpoint(self, name: str, what: str) -> str | None:
        """An endpoint that the discovery document names (C{discovery.ENDPOINTS}), once it was read."""
        source = self._sources.get(name)
        return source.endpoints.get(what) if source is not None else None

    def facts(self) -> list[dict[str, Any]]:
        """What is known of each, as values that JSON can say."""
        now = self._wall()
        rows = []
        for name, source in self._sources.items():
            row = source.facts(now)
            introspection = self._introspections.get(name)
            row["introspection"] = introspection.facts() if introspection is not None else None
            rows.append(row)
        return rows

    # The rest is ours.

    def _still_signed(self, known: Verified, accepted: Sequence[IssuerTerms]) -> bool:
        """Whether the key that has signed it is still one of its issuer's, and that one is accepted here."""
        source = self._sources.get(known.issuer)
        if source is None or source.keys is None:
            return False
        if not any(terms.name == known.issuer and known.token.alg in terms.algorithms for terms in accepted):
            return False
        keys = source.keys.keys
        # Comparing two keys takes as long as a dozen look-ups: only where the set was read anew.
        return any(key is known.key for key in keys) or any(
            key.kid == known.key.kid and key == known.key for key in keys
        )

    def _verify(
        self, bearer: bytes, digest: bytes, accepted: Sequence[IssuerTerms], now: float
    ) -> Verified | Refusal | Pending:
        self._verified.forget(digest)
        token = jose.read(bearer)
        if isinstance(token, Refusal):
            return token
        terms = claims.issuer_of(token, accepted)
        if isinstance(terms, Refusal):
            return terms
        source = self._sources.get(terms.name)
        if source is None:
            # Of a generation that is gone.
            return Refusal(Reason.AUTH_ISSUER, f"tokens of {terms.name} are not accepted any more")
        keys = source.keys
        if keys is None:
            return source.missing(now)
        spelled = terms.spelled(token.claims)
        candidates = keys.find(token.alg, token.kid, spelled)
        if isinstance(candidates, Refusal) and not keys.knows(token.kid):
            sought = source.seek(token.kid, now)
            if sought is not None:
                return sought
            keys = source.keys
            candidates = keys.find(token.alg, token.kid, spelled) if keys is not None else candidates
        if isinstance(candidates, Refusal):
            return candidates
        refusal: Refusal | None = None
        for key in candidates:
            refusal = jose.verify(token, [key])
            if refusal is None:
                # What is signed and by what is not needed again.
                bare = evolve(token, signed=b"", signature=b"")
                verified = Verified(terms.name, bare, key)
                self._verified.remember(digest, verified)
                return verified
        if token.kid is None:
            # It may be of a new key, which it does not name.
            sought = source.seek(None, now)
            if isinstance(sought, Pending):
                return sought
        assert refusal is not None
        return refusal

    def _source(self, issuer: Issuer) -> KeySource:
        return KeySource(
            self._reactor,
            issuer,
            self._provider(issuer),
            self._witness,
            self._directory,
            self._wall,
            self._changed,
        )

    def _adopt_introspections(self, issuers: Iterable[Issuer]) -> None:
        asked: dict[str, Introspection] = {}
        for issuer in issuers:
            if issuer.table.introspection is not None:
                known = self._introspections.pop(issuer.name, None)
                if known is None:
                    provider = self._provider(issuer)
                    known = Introspection(self._reactor, issuer, provider, self._witness, self._wall)
                known.adopt(issuer)
                asked[issuer.name] = known
        gone, self._introspections = self._introspections, asked
        for introspection in gone.values():
            introspection.stop()

    def _provider(self, issuer: Issuer) -> Provider:
        return Provider(self._reactor, self._readiness, self._witness, issuer.peer)

    def _clocks(self) -> float:
        """By how much the clock on the wall is ahead of the one that nobody sets."""
        ahead: float = self._wall() - self._reactor.seconds()
        return ahead

    def _tick(self) -> None:
        before, self._ahead = self._ahead, self._clocks()
        if self._ahead < before - BACK:
            # What counts for a minute would count for an hour more.
            self._changed()
        for source in self._sources.values():
            source.tick()
