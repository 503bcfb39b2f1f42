"""What one generation demands of an upstream, ready to dial (demanded, never observed)."""

from __future__ import annotations

from attrs import Factory, frozen
from OpenSSL import SSL

from mcpgate.config.tables.gate import LimitsTable
from mcpgate.config.tables.upstream import UpstreamTable
from mcpgate.tls.handshake import Certificate
from mcpgate.tls.pins import PinRule
from mcpgate.tls.profile import Profile


@frozen(eq=False)
class UpstreamTerms:
    """
    An upstream's table with everything that it names already loaded.

    C{fingerprint} covers all that was verified when a connection was made (address, name, trust,
    pins, profile, client certificate): a connection made under other terms is never reused.
    """

    table: UpstreamTable
    host: str
    port: int
    #: The value of the Host header: the URL's authority.
    authority: bytes
    #: The request target: the URL's path.
    target: bytes
    dial_host: str
    dial_port: int
    profile: Profile
    pins: PinRule | None
    context: SSL.Context
    own: Certificate | None
    credential: tuple[tuple[bytes, bytes], ...]
    fingerprint: bytes
    generation: int
    limits: LimitsTable = Factory(LimitsTable)

    @property
    def name(self) -> str:
        """The upstream's name."""
        return self.table.name
