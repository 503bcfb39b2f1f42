"""The first page: how everything is encrypted, and what needs somebody."""

from __future__ import annotations

from mcpgate.admin.page import Asked, Page, Shown, Sources


def show(asked: Asked, sources: Sources) -> Shown:
    """What the gate says of itself."""
    status = sources.gate.status or {}
    return Shown(
        "posture.html",
        {
            "generation": status.get("generation"),
            "listeners": status.get("listeners", []),
            "upstreams": status.get("upstreams", []),
            "refused": status.get("refused", {}),
        },
    )


PAGE = Page("/", "Posture", show)
