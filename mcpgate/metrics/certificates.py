"""The certificates that a gate says it uses and has seen, as values: when does which one end? (pure)"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from attrs import frozen

#: Shown of a name that a certificate has: whole ones are longer only where somebody plays tricks.
NAME_MOST = 100


@frozen
class Expiry:
    """
    One certificate, and when it ends.

    @ivar kind: C{listener}: what callers are shown; C{client}: what an upstream is shown; C{upstream}: what
        one has last shown; C{provider}: what whoever else is asked has last shown.
    @ivar name: The listener's, upstream's or provider's.
    @ivar subject: One of its names.
    @ivar not_after: Unix seconds.
    """

    kind: str
    name: str
    subject: str
    serial: str
    not_after: float


def certificates(facts: Mapping[str, Any]) -> Iterator[Expiry]:
    """All of those in a gate's C{status}, with those of providers beside (C{providers})."""
    for listener in facts.get("listeners") or ():
        for row in listener.get("certificates") or ():
            yield from _expiry("listener", listener["name"], row)
    for upstream in facts.get("upstreams") or ():
        yield from _expiry("client", upstream["name"], upstream.get("client_certificate"))
        last = upstream.get("last_handshake") or {}
        yield from _expiry("upstream", upstream["name"], last.get("certificate"))
    for provider in facts.get("providers") or ():
        yield from _expiry("provider", provider["name"], provider["certificate"])


def shown_by_provider(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """
    Whoever is asked beside upstreams, with the certificate of a handshake's record, as C{status} has those of
    upstreams; C{None}: it is no such record.
    """
    if record.get("leg") != "provider" or record.get("outcome") != "ok":
        return None
    peer = (record.get("handshake") or {}).get("peer")
    if not isinstance(peer, Mapping):
        return None
    row = {"names": peer["dns_names"], "serial": peer["serial"], "not_after": peer["not_after"]}
    return {"name": record["where"], "certificate": row}


def _expiry(kind: str, name: str, row: Mapping[str, Any] | None) -> Iterator[Expiry]:
    if row is None:
        return
    names = row.get("names") or ["-"]
    end = datetime.fromisoformat(row["not_after"]).timestamp()
    yield Expiry(kind, name, str(names[0])[:NAME_MOST], str(row.get("serial") or ""), end)
