"""From rows of the index to answers (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from mcpgate.index.answers import Certificate, Event, Exchange, Handshake, Offer, Session
from mcpgate.index.lines import when
from mcpgate.index.rows import Value

Row = Mapping[str, Value]

#: Roles of certificates that bring about nothing when they end, but that others must be trusted instead.
_TRUSTED = ("trust", "client_ca", "saml")


def exchange(row: Row) -> Exchange:
    """An exchange."""
    opened = row["segment"] is not None
    facts: dict[str, Any] = dict(row)
    facts["time"] = _when(row["time"]) if opened else None
    facts["closed"] = _when(row["closed"])
    facts["masked"] = _json(row["masked"])
    facts["more"] = _json(row["more"])
    return Exchange(**facts)


def session(row: Row) -> Session:
    """A session."""
    facts: dict[str, Any] = dict(row)
    facts["first"], facts["last"] = _when(row["first"]), _when(row["last"])
    return Session(**facts)


def event(row: Row) -> Event:
    """An event."""
    facts: dict[str, Any] = dict(row)
    facts["time"], facts["facts"] = _when(row["time"]), _json(row["facts"])
    return Event(**facts)


def handshake(row: Row) -> Handshake:
    """A handshake."""
    facts: dict[str, Any] = dict(row)
    del facts["used"]
    facts["time"] = _when(row["time"])
    facts["group"] = facts.pop("grp")
    facts["post_quantum"] = bool(facts.pop("pq"))
    facts["pinned"] = _flag(row["pinned"])
    facts["offer"] = _offer(_json(row["offer"])) if row["offer"] else None
    facts["extra"] = _json(row["extra"])
    return Handshake(**facts)


def certificate(row: Row, in_force: Value) -> Certificate:
    """
    A certificate.

    @param in_force: When the generation of its gate came that is in force.
    """
    facts: dict[str, Any] = dict(row)
    for name in ("not_before", "not_after", "first", "last"):
        facts[name] = _when(row[name])
    facts["leg"] = row["leg"] or None
    facts["names"], facts["chain"] = _texts(row["names"]), _texts(row["chain"])
    facts["pinned"] = _flag(row["pinned"])
    del facts["generation"]
    # Each worker tells of a generation at a time of its own: the last one has told of all that is in it.
    facts["in_force"] = row["seen"] == "disk" and row["last"] == in_force
    return Certificate(**facts)


def expiries(found: Sequence[Certificate], since: datetime) -> tuple[Certificate, ...]:
    """
    Those whose end somebody has to see to, in the order of their ends, each once.

    @param since: Those on the wire count if they were seen then or later; those that only vouch for others
        if they have not ended before.
    """
    shown: dict[str, Certificate] = {}
    for one in sorted(found, key=lambda each: (each.not_after, each.seen)):
        if one.seen == "wire":
            counts = one.role != "client" and one.last >= since
        else:
            counts = one.in_force and (one.role not in _TRUSTED or one.not_after >= since)
        if counts:
            shown.setdefault(one.sha256, one)
    return tuple(shown.values())


def latest(found: Sequence[Certificate]) -> tuple[Certificate, ...]:
    """The last certificate that each upstream has shown."""
    shown: dict[tuple[str, str], Certificate] = {}
    for one in found:
        if one.role == "peer" and one.leg == "outbound":
            old = shown.get((one.gate, one.place))
            if old is None or one.last >= old.last:
                shown[one.gate, one.place] = one
    return tuple(shown[key] for key in sorted(shown))


def _when(time: Value) -> datetime | None:
    return None if time is None else when(int(time))


def _flag(value: Value) -> bool | None:
    return None if value is None else bool(value)


def _json(text: Value) -> dict[str, Any]:
    return msgspec.json.decode(str(text), type=dict[str, Any]) if text else {}


def _texts(text: Value) -> tuple[str, ...]:
    return msgspec.json.decode(str(text), type=tuple[str, ...])


def _offer(facts: Mapping[str, Any]) -> Offer:
    sni = facts.get("sni")
    several = (tuple(map(str, facts.get(name) or ())) for name in ("versions", "ciphers", "groups", "alpn"))
    return Offer(None if sni is None else str(sni), *several)
