"""Who a rule is about (C{who}), and what there is to know of a caller.

All that stands in C{who} must hold; a fact that is not known holds for nobody. A claim is read as text:
C{true} is "true", C{5} is "5"; of a list any element counts, as of the groups; an object is no text, and a
path goes on into it (C{claim.realm.roles}).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from hashlib import sha256
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from attrs import evolve, field, frozen

from mcpgate.config.condition import EACH, read_path
from mcpgate.config.tables.rule import WhoTable
from mcpgate.identity.principal import Principal
from mcpgate.policy.patterns import EVERY, Patterns
from mcpgate.tls.handshake import Handshake

Address = IPv4Address | IPv6Address

#: How many values of one claim are looked at: a user of a large directory is in some hundred groups.
VALUES_MOST = 1024


@frozen
class Caller:
    """
    All that rules may ask of a caller.

    @ivar address: Where it connects from; C{None} where that is no address (a unix socket).
    @ivar handshake: What its leg negotiated; C{None} where nobody asked, which meets no demand.
    """

    principal: Principal
    address: Address | None = None
    handshake: Handshake | None = None


def address_of(peer: str) -> Address | None:
    """The address in C{address:port} as records have it. IPv4 in the clothes of IPv6 is IPv4."""
    host = peer.rpartition(":")[0].strip("[]").partition("%")[0]
    try:
        found = ip_address(host)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


@frozen
class Who:
    """Conditions on a caller."""

    issuer: Patterns = EVERY
    subject: Patterns = EVERY
    group: Patterns = EVERY
    certificate: Patterns = EVERY
    token: Patterns = EVERY
    address: tuple[IPv4Network | IPv6Network, ...] = ()
    claims: tuple[tuple[str, Patterns], ...] = ()
    _steps: tuple[tuple[str, ...], ...] = field(eq=False, default=())

    @classmethod
    def compile(cls, table: WhoTable) -> Who:
        """Compile C{who}."""
        steps = [tuple(step for step in read_path(path) if step is not EACH) for path, _ in table.claims]
        return cls(
            issuer=Patterns.compile(table.issuer),
            subject=Patterns.compile(table.subject),
            group=Patterns.compile(table.group),
            certificate=Patterns.compile(table.certificate),
            token=Patterns.compile(table.token),
            address=tuple(sorted(table.address, key=str)),
            claims=tuple((path, Patterns.compile(texts)) for path, texts in table.claims),
            steps=tuple(tuple(map(str, each)) for each in steps),
        )

    @property
    def everybody(self) -> bool:
        """Whether it is about every caller."""
        return self == EVERYBODY

    def matches(self, caller: Caller) -> bool:
        """Whether the rule is about this caller."""
        principal = caller.principal
        return (
            _meets(self.issuer, principal.issuer)
            and _meets(self.subject, principal.subject)
            and (self.group.every or any(map(self.group.match, principal.groups)))
            and _meets(self.certificate, principal.certificate)
            and (self.token.every or _by_token(principal, self.token))
            and (not self.address or self._connects_from(caller.address))
            and all(
                any(map(patterns.match, texts_at(principal.claims, steps)))
                for (_, patterns), steps in zip(self.claims, self._steps, strict=True)
            )
        )

    def covers(self, other: Who) -> bool:
        """Whether every caller that the other is about is surely one of these."""
        return self.everybody or self == other

    def _connects_from(self, address: Address | None) -> bool:
        # A network does not hold an address of the other kind.
        return address is not None and any(address in network for network in self.address)


EVERYBODY = Who()


def _meets(patterns: Patterns, fact: str | None) -> bool:
    return patterns.every or (fact is not None and patterns.match(fact))


def _by_token(principal: Principal, patterns: Patterns) -> bool:
    # A token's id is never the name of one.
    return principal.how == "token" and (patterns.match(principal.name) or principal.id in patterns.exact)


def texts_at(claims: Mapping[str, object], steps: Sequence[str]) -> list[str]:
    """What a claim says, as texts."""
    value: object = claims
    for step in steps:
        if not isinstance(value, Mapping) or step not in value:
            return []
        value = value[step]
    listed = value if isinstance(value, list | tuple) else [value]
    return list(_texts(listed[:VALUES_MOST]))


def _texts(values: Sequence[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, bool):
            yield "true" if value else "false"
        elif isinstance(value, str | int):
            yield str(value)


@frozen
class Regard:
    """What the rules of a policy regard in callers: who differ in nothing of it are alike to all of them."""

    principal: bool
    address: bool
    handshake: bool
    scopes: frozenset[str] = frozenset()

    @classmethod
    def of(cls, whos: Sequence[Who], *, handshake: bool, scopes: frozenset[str] = frozenset()) -> Regard:
        """
        What these conditions look at.

        @param handshake: whether the caller's leg is looked at, too; C{scopes}: the scopes that are.
        """
        named = any(evolve(who, address=(), steps=()) != EVERYBODY for who in whos)
        return cls(named, any(who.address for who in whos), handshake, scopes)

    @property
    def connection(self) -> bool:
        """Whether two connections of one caller may differ."""
        return self.address or self.handshake

    def key(self, caller: Caller) -> Hashable:
        """What a caller may be remembered by."""
        shaken = caller.handshake if self.handshake else None
        return (
            # Which rules count for it at all is no matter of what they look at.
            caller.principal.rules,
            _facts(caller.principal) if self.principal else None,
            caller.address if self.address else None,
            _leg(shaken) if shaken is not None else None,
            caller.principal.scopes & self.scopes,
        )


def _leg(handshake: Handshake) -> Hashable:
    peer = handshake.peer
    return handshake.version, handshake.cipher, handshake.group, peer.key if peer is not None else None


def _facts(principal: Principal) -> Hashable:
    # Claims cannot be hashed. A proof's id stands for them: what it proves never changes, but for a token
    # that says nothing itself, of which its issuer says something else each minute. Over which connection
    # a proof comes changes, too, and so what certificate is shown beside it.
    said = sha256(repr(principal.claims).encode()).digest() if principal.how == "opaque" else b""
    return (
        said,
        principal.how,
        principal.name,
        principal.id,
        principal.issuer,
        principal.subject,
        principal.groups,
        principal.certificate,
    )
