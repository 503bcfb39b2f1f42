"""C{mcpgate status}: what a running gate says of itself, over its control socket."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from attrs import fields_dict

from mcpgate.admin.health import unready
from mcpgate.cli.exits import Stop
from mcpgate.cli.state import state_options
from mcpgate.cli.text import format_option, outline, show
from mcpgate.config.tables.gate import LimitsTable
from mcpgate.config.tables.upstream import UpstreamTable
from mcpgate.ops.control import SOCKET, ask

#: What L{unready} says, in words.
_WORDS = {
    "gate": "the gate does not run",
    "draining": "the gate is stopping",
    "listeners": "not every listener accepts, or no worker serves",
    "certificates": "a certificate of a listener is over",
    "journal": "the journal cannot be written, so nothing is forwarded",
}


@click.command(short_help="Show what the running gate does.")
@state_options
@format_option
@click.option("--ready", is_flag=True, help="For a health check: end with 69, and say why, unless it serves.")
def command(state: Path, form: str, ready: bool) -> None:
    """Show what the running gate does: listeners, certificates, upstreams, the last reload."""
    facts = ask(state / SOCKET, "status")
    why = not_ready(facts, time.time()) if ready else None
    if why is not None:
        raise Stop(f"not ready: {why}", os.EX_UNAVAILABLE)
    show(facts, form, lambda: outline(as_configured(facts)))


def not_ready(facts: Mapping[str, Any], now: float) -> str | None:
    """
    Why a gate is not ready for traffic, in words; C{None}: it is. As C{/readyz} of the dashboard has it.

    @param now: Unix seconds.
    """
    # Of several workers those that serve tell of listeners: where none does, there are none.
    configured = {row["name"] for row in facts.get("listeners", ())} or {"any"}
    word = unready(facts, configured, now)
    return None if word is None else _WORDS[word]


def as_configured(facts: Mapping[str, object]) -> dict[str, object]:
    """The facts with durations and sizes as the configuration file has them: 10s, 32KiB."""
    written = _with_units(facts, LimitsTable)
    match facts:
        case {"upstreams": list() as upstreams}:
            written["upstreams"] = [_with_units(one, UpstreamTable) for one in upstreams]
    return written


def _with_units(facts: Mapping[str, object], table: type) -> dict[str, object]:
    match facts:
        case {"limits": dict() as limits}:
            return {**facts, "limits": {key: _as_written(table, key, limits[key]) for key in limits}}
    return dict(facts)


def _as_written(table: type, key: str, value: object) -> object:
    option = fields_dict(table).get(key)
    # The gate that answers may be of another version, with limits that this one does not know.
    return value if option is None else str(option.metadata["form"].show(value)).strip('"')
