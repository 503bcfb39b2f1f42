"""Issuers as a worker has them, on the reactor of the tests, with a provider on TLS behind them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred

from mcpgate.config.tables.issuer import IssuerTable
from mcpgate.credentials.terms import Client
from mcpgate.identity.accepts import Pending
from mcpgate.identity.issuer import Issuer
from mcpgate.identity.issuers import Issuers
from mcpgate.identity.presets import terms_of
from mcpgate.identity.principal import Principal
from mcpgate.reasons import Refusal
from mcpgate.tls.handshake import Certificate
from tests.provider.asking import GOOD, HOST, Asker, Demand, files
from tests.provider.issuing import Issuing
from tests.running import Loop

RESOURCE = "https://gate.test:8443/mcp"


def issuer_of(provider: Issuing, client: Client | None = None, **named: Any) -> Issuer:
    """As a generation would hold it."""
    named.setdefault("address", f"127.0.0.1:{provider.port}")
    table = IssuerTable(name="login", issuer=provider.minter.issuer, **named)
    peer = evolve(Demand().terms(provider.port), table=table)
    return Issuer(table=table, terms=terms_of(table), peer=peer, client=client, fingerprint=b"login")


class Worker:
    """The issuers of one worker; several may share a directory."""

    def __init__(self, loop: Loop, directory: Path, number: int = 0) -> None:
        own = directory / f"worker-{number}"
        own.mkdir()
        self.asker = Asker(loop, own)
        self.loop = loop
        self.changes = 0
        self.wall = time.time
        self.shift = 0.0
        self.issuers: Issuers = loop.call(self._make, directory / "issuers")
        self.issuer: Issuer | None = None

    def _make(self, directory: Path) -> Issuers:
        asker = self.asker
        return Issuers(
            asker.loop.reactor, asker.readiness, asker.witness, directory, self.now, self._changed
        )

    def now(self) -> float:
        """Unix seconds, as this worker sees them."""
        return time.time() + self.shift

    def _changed(self) -> None:
        self.changes += 1

    def adopt(self, *issuers: Issuer) -> Worker:
        """These are in force now."""
        self.issuer = issuers[0] if issuers else None
        self.loop.call(self.issuers.adopt, {issuer.name: issuer for issuer in issuers})
        return self

    def judge(
        self,
        token: str,
        *,
        resource: str = RESOURCE,
        certificate: Certificate | None = None,
        bound: bool = False,
        most: int = 2,
    ) -> Principal | Refusal:
        """Judge a token as a connection does: wait where it must, as often as it would."""
        assert self.issuer is not None
        terms = (self.issuer.terms,)

        def once() -> Principal | Refusal | Pending:
            return self.issuers.judge(
                token.encode(),
                terms,
                resource=resource,
                certificate=certificate,
                now=self.now(),
                bound=bound,
            )

        async def judge() -> Principal | Refusal:
            for _ in range(most + 1):
                found = once()
                if not isinstance(found, Pending):
                    return found
                told: Deferred[None] = Deferred()
                found.begin(lambda told=told: told.callback(None))
                assert not told.called, "told before whoever asks is ready to hear it"
                await told
            raise AssertionError("asked too often")

        found: Principal | Refusal = self.loop.call(lambda: Deferred.fromCoroutine(judge()))
        return found

    def facts(self) -> dict[str, Any]:
        """What is shown of the issuer."""
        facts: dict[str, Any] = self.loop.call(self.issuers.facts)[0]
        return facts

    def stop(self) -> None:
        """Let go of everything."""
        self.loop.call(self.issuers.stop)
        self.asker.stop()


@contextlib.contextmanager
def providing(directory: Path, **named: Any) -> Iterator[Issuing]:
    """A provider that is closed at the end."""
    made = Issuing(*files(GOOD, directory), host=HOST, resource=RESOURCE, **named)
    try:
        yield made
    finally:
        made.close()
