"""What one generation demands of a server, ready to dial (demanded, never observed)."""

from __future__ import annotations

import hashlib
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from attrs import Factory, evolve, field, frozen
from OpenSSL import SSL

from mcpgate.config.tables.gate import LimitsTable
from mcpgate.config.tables.peer import PeerTable
from mcpgate.config.tables.upstream import UpstreamTable
from mcpgate.policy.echo import Secrets
from mcpgate.tls.handshake import Certificate
from mcpgate.tls.pins import PinRule
from mcpgate.tls.profile import Profile
from mcpgate.tls.trust import TrustStore
from mcpgate.wire.http import Headers

if TYPE_CHECKING:
    from mcpgate.credentials.terms import CredentialTerms


@frozen(eq=False, kw_only=True)
class PeerTerms:
    """A server's table with everything that its TLS names already loaded."""

    table: PeerTable
    host: str
    port: int
    dial_host: str
    dial_port: int
    profile: Profile
    pins: PinRule | None
    context: SSL.Context
    trust: TrustStore = field(repr=False)
    own: Certificate | None
    generation: int
    limits: LimitsTable = Factory(LimitsTable)

    @property
    def name(self) -> str:
        """The server's name."""
        return self.table.name

    def at(self, host: str, port: int) -> PeerTerms:
        """
        The same demands on another server of the same party, as whose name and port it is verified. Where
        there is an address to dial, that is dialled for all of them.
        """
        dial = (self.dial_host, self.dial_port) if self.table.address is not None else (host, port)
        return evolve(self, host=host, port=port, dial_host=dial[0], dial_port=dial[1])


@frozen(eq=False, kw_only=True)
class UpstreamTerms(PeerTerms):
    """
    The terms of an upstream.

    C{fingerprint} covers all that was verified when a connection was made (address, name, trust,
    pins, profile, client certificate): a connection made under other terms is never reused.
    """

    table: UpstreamTable
    #: The value of the Host header: the URL's authority.
    authority: bytes
    #: The request target: the URL's path.
    target: bytes
    #: What it is shown where none of C{mapped} is for the caller.
    credential: Headers = field(repr=False)
    fingerprint: bytes
    #: What it is shown on behalf of whom; the first that is about the caller counts.
    mapped: tuple[CredentialTerms, ...] = ()

    @cached_property
    def fixed(self) -> Headers:
        """All lines that it is shown on behalf of anybody and that are not asked for first. It may say to one
        caller what it was shown for another."""
        return (*self.credential, *chain.from_iterable(terms.lines for terms in self.mapped))

    @cached_property
    def proofs(self) -> tuple[bytes, ...]:
        """Headers in which it is shown anything, for whomever: callers do not choose what stands there."""
        asked = (terms.grant.header for terms in self.mapped if terms.grant is not None)
        return tuple(dict.fromkeys((*(name.lower() for name, _ in self.fixed), *asked)))

    @cached_property
    def secrets(self) -> Secrets | None:
        """What of that may never be shown to a caller (C{policy.echo})."""
        return Secrets.of(self.fixed)


def fingerprint_of(peer: PeerTerms, trust: TrustStore) -> bytes:
    """Covers all that is verified when a connection is made."""
    demanded = repr(
        (
            (peer.dial_host, peer.dial_port),
            peer.host,
            peer.pins,
            peer.profile,
            peer.own.sha256 if peer.own else None,
        )
    )
    return hashlib.sha256(demanded.encode() + trust.digest).digest()
