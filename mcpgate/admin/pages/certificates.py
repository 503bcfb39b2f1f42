"""Certificates by days left: what is on disk beside what was on the wire; and the keys of issuers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from mcpgate.admin.page import Asked, Shown, Sources
from mcpgate.admin.pages.around import framed, page
from mcpgate.admin.pages.asking import choices, gate_of, gates, index_of
from mcpgate.admin.pages.validity import days_until

_ROLES: Final = {
    "own": "own",
    "shown": "shown to upstreams",
    "peer": "upstream",
    "client": "caller",
    "client_ca": "client CA",
    "trust": "trusted for upstreams",
    "saml": "identity provider",
}
#: What can be looked at alone, and the roles in it.
_KINDS: Final[Mapping[str, tuple[str, frozenset[str]]]] = {
    "all": ("all", frozenset(_ROLES)),
    "own": ("own", frozenset({"own", "shown"})),
    "upstreams": ("upstreams", frozenset({"peer", "trust"})),
    "callers": ("callers", frozenset({"client", "client_ca"})),
    "providers": ("identity providers", frozenset({"saml"})),
}


def show(asked: Asked, sources: Sources) -> Shown:
    """Those of one kind, or all."""
    now = datetime.fromtimestamp(asked.now, UTC)
    kind = asked.query.get("kind", "all")
    kind = kind if kind in _KINDS else "all"
    found: dict[str, list[Any]] = {}
    for one in index_of(sources).certificates(gate=gate_of(asked, sources)):
        if one.role in _KINDS[kind][1] or kind == "all":
            found.setdefault(one.sha256, []).append(one)
    rows = [_row(same, now) for same in found.values()]
    return framed(
        "certificates.html",
        "certificates",
        asked,
        sources,
        gates=gates(asked, sources),
        kinds=choices(asked, "kind", ((key, words) for key, (words, _) in _KINDS.items()), kind),
        certificates=sorted(rows, key=lambda row: (row["days"], row["name"])),
        answers=sources.gate.status is not None,
        issuers=(sources.gate.status or {}).get("issuers", ()),
    )


def _row(same: Sequence[Any], now: datetime) -> dict[str, Any]:
    """One certificate, wherever it was."""
    one = same[0]
    wire = [each for each in same if each.seen == "wire"]
    disk = [each for each in same if each.seen == "disk"]
    return {
        "sha256": one.sha256,
        "days": days_until(one.not_after, now),
        "name": ", ".join(one.names) or one.subject,
        "pin": one.spki_pin,
        "issuer": one.issuer,
        "key": one.key,
        "not_after": one.not_after,
        "uses": [*_uses(same)],
        "disk": _disk(disk, wire),
        "wire": _wire(wire),
        "last": max((each.last for each in wire), default=None),
    }


def _uses(same: Iterable[Any]) -> Iterable[dict[str, str]]:
    places: dict[str, dict[str, None]] = {}
    for one in same:
        role = "provider" if one.leg == "provider" and one.role == "peer" else _ROLES.get(one.role, one.role)
        places.setdefault(role, {})[one.place] = None
    for role, several in places.items():
        yield {"role": role, "place": ", ".join(several)}


def _disk(disk: Sequence[Any], wire: Sequence[Any]) -> dict[str, str]:
    if any(each.in_force for each in disk):
        return {"word": "in force", "kind": "good"}
    if disk:
        return {"word": "not any more", "kind": ""}
    pins = {each.pinned for each in wire} - {None}
    if pins:
        return {"word": "pinned", "kind": "good"} if pins == {True} else {"word": "not pinned", "kind": "bad"}
    return {"word": "not kept here", "kind": ""}


def _wire(wire: Sequence[Any]) -> dict[str, str]:
    count = sum(each.handshakes for each in wire)
    if not count:
        return {"word": "not seen", "kind": ""}
    return {"word": f"{count:,} handshakes" if count > 1 else "1 handshake", "kind": "good"}


PAGE: Final = page("/certificates", "Certificates", "certificates", show)
