"""What a rule demands of a leg (C{require}): conditions on what its handshake negotiated."""

from __future__ import annotations

from attrs import evolve, frozen

from mcpgate.config.tables.rule import RequireTable
from mcpgate.tls.handshake import Handshake
from mcpgate.tls.profile import PROFILES, judge


@frozen
class Demand:
    """
    Conditions on one leg; what is left out may be anything.

    @ivar rule: The rule that demands it.
    @ivar besides: Others that must be met as well.
    @ivar certificate: Whether the leg's client (the caller inbound, the gate outbound) must have shown a
        certificate; C{inbound} says which of the two it is.
    """

    rule: str
    inbound: bool = False
    versions: frozenset[str] = frozenset()
    ciphers: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    post_quantum: bool = False
    pinned: bool = False
    certificate: bool = False
    profile: str | None = None
    besides: tuple[Demand, ...] = ()

    def met_by(self, handshake: Handshake) -> bool:
        """Whether a connection that negotiated this will do."""
        client = handshake.peer if self.inbound else handshake.own
        return (
            (not self.versions or handshake.version in self.versions)
            and (not self.ciphers or handshake.cipher in self.ciphers)
            and (not self.groups or handshake.group in self.groups)
            and (not self.post_quantum or handshake.post_quantum)
            and (not self.pinned or handshake.pinned is True)
            and (not self.certificate or client is not None)
            and (self.profile is None or judge(PROFILES[self.profile], handshake) is None)
            and all(other.met_by(handshake) for other in self.besides)
        )


#: So many ways to meet all demands on one connection are looked at; two or three are many.
WAYS_MOST = 64


def together(some: tuple[Demand, ...], others: tuple[Demand, ...]) -> tuple[Demand, ...] | None:
    """
    The ways to meet one of some and one of the others, on one connection. No demand at all is empty.

    @return: C{None} where there are too many to look at.
    """
    if not some or not others or some == others:
        return some or others
    if len(some) * len(others) > WAYS_MOST:
        return None
    return tuple(_both(one, other) for one in some for other in others)


def _both(one: Demand, other: Demand) -> Demand:
    return one if one == other else evolve(one, besides=(*one.besides, other))


def demand_inbound(rule: str, table: RequireTable) -> Demand | None:
    """What a rule demands of the caller's leg, if anything."""
    demand = Demand(
        rule,
        inbound=True,
        versions=frozenset(table.inbound_version),
        ciphers=frozenset(table.inbound_cipher),
        groups=frozenset(table.inbound_group),
        post_quantum=table.inbound_post_quantum,
        certificate=table.inbound_client_certificate,
        profile=table.inbound_profile,
    )
    return demand if demand != Demand(rule, inbound=True) else None


def demand_outbound(rule: str, table: RequireTable) -> Demand | None:
    """What a rule demands of the upstream's leg, if anything."""
    demand = Demand(
        rule,
        versions=frozenset(table.outbound_version),
        ciphers=frozenset(table.outbound_cipher),
        groups=frozenset(table.outbound_group),
        post_quantum=table.outbound_post_quantum,
        pinned=table.outbound_pinned,
        certificate=table.outbound_client_certificate,
        profile=table.outbound_profile,
    )
    return demand if demand != Demand(rule) else None
