"""Definitions of tools, as a gate has kept them in its state directory."""

from __future__ import annotations

from pathlib import Path

from mcpgate.definitions.known import Known, Shown, learn
from mcpgate.definitions.store import Store


def keep(state: Path, name: str, *descriptions: str, upstream: str = "weather") -> list[str]:
    """
    Have an upstream show one tool again and again, with these descriptions.

    @return: the fingerprints.
    """
    known = Known(upstream, "localhost:8443/mcp")
    shown = [Shown.of({"name": name, "description": text}) for text in descriptions]
    for at, one in enumerate(shown):
        learn(known, [one], f"sha256/key-{at}", 1795685400.0 + at)
    store = Store(state)
    store.begin()
    store.change(upstream, lambda _: (known, None))
    store.close()
    return [one.fingerprint for one in shown]
