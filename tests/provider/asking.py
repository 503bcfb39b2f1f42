"""What tests of providers share: a server's certificate, demands on it, and who asks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred

from mcpgate.config.tables.peer import PeerTable
from mcpgate.evidence.journal import Journal
from mcpgate.evidence.witness import Witness
from mcpgate.provider.client import Provider, ProviderError, Reply
from mcpgate.tls.contexts import client_context
from mcpgate.tls.localca import write_pair
from mcpgate.tls.material import Pair
from mcpgate.tls.pins import PinRule
from mcpgate.tls.profile import PROFILES
from mcpgate.tls.readiness import Readiness
from mcpgate.tls.trust import TrustStore
from mcpgate.upstream.terms import PeerTerms
from tests import pki
from tests.running import Loop

HOST = "login.test"
ROOT = pki.Authority.root()
GOOD = ROOT.issue(HOST)


def files(pair: Pair, directory: Path) -> tuple[Path, Path]:
    """A pair as the two files that servers want."""
    certificate, key = directory / "server.crt", directory / "server.key"
    write_pair(pair, certificate, key)
    return certificate, key


@frozen
class Demand:
    """What is demanded of a provider."""

    trust: TrustStore = ROOT.trust()
    pins: PinRule | None = None
    pair: Pair | None = None
    seconds: float = 10.0

    def terms(self, port: int, name: str = "login") -> PeerTerms:
        """As a generation would hold it."""
        profile = PROFILES["modern"]
        return PeerTerms(
            table=PeerTable(
                name=name,
                address=f"127.0.0.1:{port}",
                connect_timeout=self.seconds,
                handshake_timeout=self.seconds,
            ),
            host=HOST,
            port=443,
            dial_host="127.0.0.1",
            dial_port=port,
            profile=profile,
            pins=self.pins,
            context=client_context(profile, self.trust, pair=self.pair),
            trust=self.trust,
            own=self.pair.facts if self.pair else None,
            generation=3,
        )


class Asker:
    """A provider as the gate has it, on the reactor of the tests."""

    def __init__(self, loop: Loop, directory: Path) -> None:
        self.loop = loop
        self.directory = directory
        self.readiness: Readiness = loop.call(Readiness, loop.reactor)
        self.witness = Witness(Journal(directory / "journal"), lambda: pki.NOW.timestamp())
        loop.call(self.readiness.start)
        self.provider: Provider | None = None

    def of(self, port: int, demand: Demand | None = None) -> Provider:
        """The provider behind a port."""
        terms = (demand or Demand()).terms(port)
        self.provider = Provider(self.loop.reactor, self.readiness, self.witness, terms)
        return self.provider

    def get(
        self,
        port: int,
        path: str = "/keys",
        *,
        host: str = HOST,
        most: int = 1000,
        within: float = 10.0,
        demand: Demand | None = None,
    ) -> Reply:
        """Ask once."""
        provider = self.of(port, demand)
        reply: Reply = self.run(lambda: provider.get(f"https://{host}{path}", most=most, within=within))
        return reply

    def run(self, what: Callable[[], Any]) -> Any:
        """Run a coroutine in the reactor's thread."""
        return self.loop.call(lambda: Deferred.fromCoroutine(what()))

    def refused(self, port: int, path: str = "/keys", **named: Any) -> ProviderError:
        """Ask in vain."""
        try:
            reply = self.get(port, path, **named)
        except ProviderError as error:
            assert self.loop.call(lambda: len(self.readiness)) == 0, "a socket is still watched"
            return error
        raise AssertionError(f"there was an answer: {reply}")

    def records(self) -> bytes:
        """The journal, without what it begins with."""
        self.loop.call(self.witness.settle)
        (journal,) = (self.directory / "journal").glob("*.jsonl")
        return journal.read_bytes().partition(b"\n")[2]

    def stop(self) -> None:
        """Let go of everything."""
        self.loop.call(self.readiness.stop)
        self.loop.call(self.witness.close)
