"""The certificates of a span: those seen on the wire, and those that the configuration had (pure)."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from mcpgate.report.counts import Listed
from mcpgate.report.lines import Certificate, Event, Shake, number_of, text_of

#: Of one role. What a gate shows and what its upstreams show is configured, and there is little of it;
#: clients bring as many as their CA has issued, and must not crowd out the others.
ROLE_MOST = 1000
#: Places where one certificate was seen.
WHERE_MOST = 20
#: Names of one certificate that are told.
NAMES_MOST = 20

#: By the leg, whose certificate the peer's is.
_PEERS = {"inbound": "client", "outbound": "upstream", "provider": "provider"}
#: And what our own is there.
_OWN = {"inbound": "own", "outbound": "shown", "provider": "shown"}
#: The order in which they are told.
_ORDER = ("own", "shown", "upstream", "provider", "client", "client_ca", "trust", "saml")


@frozen
class Seen:
    """
    A certificate in one role.

    @ivar role: C{own} (a listener's), C{shown} (ours, as a client), C{upstream}, C{provider}, C{client}
        (what peers showed), C{client_ca}, C{trust}, C{saml} (what the configuration trusts).
    @ivar where: Names of listeners, upstreams or providers.
    @ivar handshakes: In how many it was seen; 0: it was only configured.
    @ivar pinned: Whether its chain held a configured pin, of all handshakes; C{None}: there were no pins.
    """

    role: str
    sha256: str
    subject: str
    issuer: str
    serial: str
    key: str
    spki_pin: str
    not_before: str
    not_after: str
    names: tuple[str, ...]
    where: tuple[str, ...]
    first: str | None
    last: str | None
    handshakes: int
    configured: bool
    pinned: bool | None


class _One:
    __slots__ = ("cert", "names", "where", "first", "last", "handshakes", "configured", "pinned")

    def __init__(self, cert: Certificate, names: tuple[str, ...]) -> None:
        self.cert, self.names = cert, names
        self.where: dict[str, None] = {}
        self.first: str | None = None
        self.last: str | None = None
        self.handshakes = 0
        self.configured = False
        self.pinned: bool | None = None

    def at(self, where: str) -> None:
        if len(self.where) < WHERE_MOST:
            self.where.setdefault(where)


class Certificates:
    """Takes certificates from lines."""

    def __init__(self) -> None:
        self._roles: dict[str, dict[str, _One]] = {}
        self._left_out = self._unsaid = 0

    def take(self, shake: Shake) -> None:
        """Note those of a handshake."""
        seen = shake.handshake
        if seen is None:
            return
        if seen.peer is not None:
            self._saw(_PEERS.get(shake.leg, "client"), seen.peer, shake, seen.pinned)
        if seen.own is not None:
            self._saw(_OWN.get(shake.leg, "own"), seen.own, shake, None)

    def take_configured(self, record: Event) -> None:
        """Note those that a generation has."""
        rows = record.get("certificates")
        for row in rows if isinstance(rows, list) else ():
            if not isinstance(row, dict):
                continue
            role, sha256 = text_of(row, "role"), text_of(row, "sha256")
            if role not in _ORDER or sha256 is None:
                continue
            names = row.get("names")
            found = tuple(name for name in names if isinstance(name, str)) if isinstance(names, list) else ()
            one = self._one(role, _configured(row, sha256), found[:NAMES_MOST])
            if one is not None:
                one.configured = True
                one.at(text_of(row, "where") or "")
        # Each worker says the same.
        self._unsaid = max(self._unsaid, number_of(record, "certificates_left_out"))

    def listed(self) -> Listed[Seen]:
        """All of them, by role; in each, what ends first stands first."""
        rows = [
            Seen(
                role=role,
                sha256=one.cert.sha256,
                subject=one.cert.subject,
                issuer=one.cert.issuer,
                serial=one.cert.serial,
                key=one.cert.key,
                spki_pin=one.cert.spki_pin,
                not_before=one.cert.not_before,
                not_after=one.cert.not_after,
                names=one.names,
                where=tuple(sorted(one.where)),
                first=one.first,
                last=one.last,
                handshakes=one.handshakes,
                configured=one.configured,
                pinned=one.pinned,
            )
            for role, found in self._roles.items()
            for one in found.values()
        ]
        rows.sort(key=lambda one: (_ORDER.index(one.role), one.not_after, one.subject))
        return Listed(tuple(rows), self._left_out + self._unsaid)

    def _saw(self, role: str, cert: Certificate, shake: Shake, pinned: bool | None) -> None:
        one = self._roles.get(role, {}).get(cert.sha256)
        if one is None:
            names = (*cert.dns_names, *cert.uris, *cert.addresses)[:NAMES_MOST]
            one = self._one(role, cert, names)
            if one is None:
                return
        one.handshakes += 1
        one.first = shake.time if one.first is None else min(one.first, shake.time)
        one.last = shake.time if one.last is None else max(one.last, shake.time)
        one.at(shake.where)
        if pinned is not None:
            one.pinned = pinned and one.pinned is not False

    def _one(self, role: str, cert: Certificate, names: tuple[str, ...]) -> _One | None:
        found = self._roles.setdefault(role, {})
        one = found.get(cert.sha256)
        if one is None:
            if len(found) >= ROLE_MOST:
                self._left_out += 1
                return None
            one = found[cert.sha256] = _One(cert, names)
        return one


def _configured(row: Mapping[str, object], sha256: str) -> Certificate:
    return Certificate(
        sha256=sha256,
        subject=text_of(row, "subject") or "",
        issuer=text_of(row, "issuer") or "",
        serial=text_of(row, "serial") or "",
        spki_pin=text_of(row, "spki_pin") or "",
        not_before=text_of(row, "not_before") or "",
        not_after=text_of(row, "not_after") or "",
        key=text_of(row, "key") or "",
    )
