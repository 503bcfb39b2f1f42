"""What a token of the gate's own is bound to, so that it is of little use to whoever steals it (pure).

Each kind of binding narrows it down: a token that is bound to routes and to addresses is good on one of
these routes, from one of these addresses. Nothing said of a kind: no matter.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

from attrs import frozen

from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.handshake import Certificate

#: Of one kind: who needs more is better served by a group, and a rule about it.
BOUND_MOST = 64

# What the configuration calls routes and rules.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
# RFC 6749 section 3.3; the length is ours, that of a name twice over.
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}")
_HASH = re.compile(r"[0-9a-f]{64}")
# The bits before an IPv4 address that is written as one of IPv6 (RFC 4291 section 2.5.5.2).
_MAPPED = 96
# A SPIFFE ID or a host name, as identity/peer.py makes them: no white space, nothing to be escaped.
_HOLDER = re.compile(r"[a-z0-9][A-Za-z0-9._:/-]{0,2047}")


@frozen
class Presented:
    """
    Where a token was presented, and beside what.

    @ivar address: C{None} where nobody looked, or there is none (a unix socket).
    @ivar certificate: the client's, if the leg had one that was verified; C{holder}: whose it is.
    @ivar demanded: Whether only tokens are good there that are bound to a certificate (C{route.bound}).
    """

    route: str = ""
    address: IPv4Address | IPv6Address | None = None
    certificate: Certificate | None = None
    holder: str | None = None
    demanded: bool = False


NOWHERE = Presented()


@frozen
class Bound:
    """
    What one token is bound to.

    @ivar rules: The only ones that may allow its caller anything.
    @ivar certificates: Hashes of certificates, or the names that they are for.
    @ivar scopes: What it may be used for, for rules and routes that demand that.
    """

    routes: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()

    @classmethod
    def to(
        cls,
        *,
        routes: Collection[str] = (),
        rules: Collection[str] = (),
        addresses: Collection[str] = (),
        certificates: Collection[str] = (),
        scopes: Collection[str] = (),
    ) -> Bound:
        """
        Bind as people write it.

        @raise ValueError: Something is written in no such way; says which.
        """
        bound = cls(
            _sorted(routes),
            _sorted(rules),
            _sorted(map(_network, addresses)),
            _sorted(map(_holder, certificates)),
            _sorted(scopes),
        )
        for fault in bound.faults():
            raise ValueError(fault)
        return bound

    def faults(self) -> Iterator[str]:
        """What is wrong with how it is written."""
        for kind, values, form in (
            ("route", self.routes, _NAME),
            ("rule", self.rules, _NAME),
            ("certificate", self.certificates, _HOLDER),
            ("scope", self.scopes, _SCOPE),
        ):
            for value in values:
                if not form.fullmatch(value):
                    yield f"{value!r} cannot be a {kind}"
        for value in self.addresses:
            try:
                if str(ip_network(value)) != value:
                    yield f"{value!r} is not how a network is written"
            except ValueError:
                yield f"{value!r} is no network"
        for values in (self.routes, self.rules, self.addresses, self.certificates, self.scopes):
            if len(values) > BOUND_MOST:
                yield f"a token can be bound to {BOUND_MOST} of one kind at most"

    @cached_property
    def _networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        return tuple(map(ip_network, self.addresses))

    def refuses(self, presented: Presented) -> Refusal | None:
        """Whether it is not for where it was presented; the detail goes on behind the token's name."""
        if self.routes and presented.route not in self.routes:
            return Refusal(Reason.AUTH_PLACE, "is not for this route")
        address = presented.address
        # A network does not hold an address of the other kind.
        if self.addresses and (
            address is None or not any(address in network for network in self._networks)
        ):
            return Refusal(Reason.AUTH_PLACE, "is not for where the caller connects from")
        if presented.demanded and not self.certificates:
            return Refusal(Reason.AUTH_BINDING, "is bound to no client certificate, as the route demands")
        if self.certificates:
            shown = presented.certificate
            if shown is None:
                return Refusal(Reason.AUTH_BINDING, "is bound to a client certificate, and none was shown")
            if shown.sha256 not in self.certificates and presented.holder not in self.certificates:
                return Refusal(Reason.AUTH_BINDING, "is bound to another client certificate")
        return None

    def strays(self, routes: Collection[str], rules: Collection[str], certified: bool) -> Iterator[str]:
        """
        What it is bound to and is not there: it is good for less than somebody meant, or for nothing.

        @param routes: the names that there are; C{rules}: of those that allow.
        @param certified: whether any listener asks for client certificates.
        """
        for route in self.routes:
            if route not in routes:
                yield f"is bound to the route {route}, which there is not"
        for rule in self.rules:
            if rule not in rules:
                yield f"is bound to the rule {rule}, and no rule of that name allows anything"
        if self.certificates and not certified:
            yield "is bound to a client certificate, and no listener asks for one"


UNBOUND = Bound()


def _sorted(values: object) -> tuple[str, ...]:
    return tuple(sorted(set(values)))  # type: ignore[call-overload]


def _network(written: str) -> str:
    try:
        network = ip_network(written)
    except ValueError:
        raise ValueError(f"{written!r} is no address and no network, such as 10.1.0.0/24") from None
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is not None and network.prefixlen >= _MAPPED:
        # IPv4 in the clothes of IPv6 is IPv4, as where callers connect from.
        return str(ip_network((mapped, network.prefixlen - _MAPPED)))
    return str(network)


def _holder(written: str) -> str:
    # As openssl prints a hash: AB:CD:...; of a name only the path of a SPIFFE ID has a case.
    if _HASH.fullmatch(written.replace(":", "").lower()):
        return written.replace(":", "").lower()
    return written if written.startswith("spiffe://") else written.lower()
