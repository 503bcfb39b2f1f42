"""What sessions are ended with in tests: a real pool towards a server on loopback, keys, marks, a clock."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from attrs import evolve

from mcpgate.config.tables.gate import LimitsTable
from mcpgate.evidence.journal import Journal
from mcpgate.evidence.witness import Witness
from mcpgate.identity.accepts import Accepts
from mcpgate.identity.principal import Principal
from mcpgate.relay.force import InForce
from mcpgate.sessions.live import Live, Sessions
from mcpgate.sessions.marks import Marks
from mcpgate.sessions.sealed import Session, SessionKey, SessionKeys, place_of
from mcpgate.tls.readiness import Readiness
from mcpgate.upstream.pool import Pool
from tests.running import Loop
from tests.upstream.server import Server
from tests.upstream.test_connect import Demand

CI = Principal("ci", "token", "0123456789ab", None)
BEGAN = 1_800_000_000.0
DAY = 86400.0


def answering(status: bytes) -> bytes:
    """A whole answer, without a body."""
    return b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n" % status


class Station:
    """Everything that a farewell needs; whatever is done to it is done in the reactor's thread."""

    def __init__(self, loop: Loop, directory: Path, **servers: Server) -> None:
        self.loop = loop
        self.now = BEGAN
        self.journal = Journal(directory / "journal")
        self.readiness: Readiness = loop.call(Readiness, loop.reactor)
        loop.call(self.readiness.start)
        self.witness = Witness(self.journal, lambda: self.now, soon=self.readiness.soon)
        self.marks = Marks(directory / "sessions")
        self.marks.begin()
        self.sessions = Sessions(self.marks, lambda: self.now)
        self.keys = SessionKeys((SessionKey(b"\0\0\0\0\0\1", 0.0, bytes(range(32))),), DAY)
        self.limits = LimitsTable()
        self.terms = {name: self._terms(name, server.port) for name, server in servers.items()}
        self.force = InForce(
            self.readiness, self.witness, self.generation(), Accepts(), self.sessions, lambda: self.now
        )
        self.pools = {
            name: Pool(loop.reactor, self.readiness, each, self.witness) for name, each in self.terms.items()
        }
        self.force.pools = {(pool.terms.name, pool.terms.fingerprint): pool for pool in self.pools.values()}

    def _terms(self, name: str, port: int) -> Any:
        terms = Demand().terms(port)
        return evolve(
            terms, table=evolve(terms.table, name=name), credential=((b"authorization", b"Bearer gate"),)
        )

    def generation(self) -> Any:
        """What of a generation is looked at."""
        return SimpleNamespace(
            upstreams=self.terms, session_keys=self.keys, config=SimpleNamespace(limits=self.limits)
        )

    def sealed(self, upstream: str = "server", id: bytes = b"upstream-id", who: Principal = CI) -> bytes:
        """What a caller holds of a session that was opened now."""
        terms = self.terms[upstream]
        place = place_of("route", terms.authority, terms.target)
        return self.keys.seal("session", id, who, place, self.now)

    def session(self, sealed: bytes, upstream: str = "server", who: Principal = CI) -> Session:
        """The same, opened."""
        terms = self.terms[upstream]
        session = self.keys.opened(sealed, who, place_of("route", terms.authority, terms.target))
        assert session is not None
        return session

    def used(self, upstream: str = "server", id: bytes = b"upstream-id", who: Principal = CI) -> Live:
        """A session that was just opened and used."""
        sealed = self.sealed(upstream, id, who)
        return self.sessions.live(self.session(sealed, upstream, who), sealed, self.terms[upstream])

    def records(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The journal so far."""
        self.loop.call(self.witness.settle)
        lines = [json.loads(line) for line in self.journal.path.read_bytes().splitlines()]
        return [line for line in lines if kind is None or line["type"] == kind]

    def pairs(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """The open line of each exchange, with its close line."""
        closes = {line["id"]: line for line in self.records("close")}
        return [(line, closes.pop(line["id"])) for line in self.records("open")]

    def stop(self) -> None:
        """End everything; nothing may be left."""
        for pool in self.pools.values():
            self.loop.call(pool.abort)
            assert not any(self.loop.call(pool.counts).values())
        self.loop.call(self.readiness.stop)
        self.witness.close()
