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
        one has last shown.
    @ivar name: The listener's or upstream's.
    @ivar subject: One of its names.
    @ivar not_after: Unix seconds.
    """

    kind: str
    name: str
    subject: str
    serial: str
    not_after: float


def certificates(facts: Mapping[str, Any]) -> Iterator[Expiry]:
    """All of those in a gate's C{status}."""
    for listener in facts.get("listeners") or ():
        for row in listener.get("certificates") or ():
            yield from _expiry("listener", listener["name"], row)
    for upstream in facts.get("upstreams") or ():
        yield from _expiry("client", upstream["name"], upstream.get("client_certificate"))
        last = upstream.get("last_handshake") or {}
        yield from _expiry("upstream", upstream["name"], last.get("certificate"))


def _expiry(kind: str, name: str, row: Mapping[str, Any] | None) -> Iterator[Expiry]:
    if row is None:
        return
    names = row.get("names") or ["-"]
    end = datetime.fromisoformat(row["not_after"]).timestamp()
    yield Expiry(kind, name, str(names[0])[:NAME_MOST], str(row.get("serial") or ""), end)
