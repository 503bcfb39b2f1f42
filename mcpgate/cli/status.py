"""C{mcpgate status}: what a running gate says of itself, over its control socket."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
from attrs import fields_dict

from mcpgate.cli.state import state_options
from mcpgate.cli.text import format_option, outline, show
from mcpgate.config.tables.gate import LimitsTable
from mcpgate.config.tables.upstream import UpstreamTable
from mcpgate.ops.control import SOCKET, ask


@click.command(short_help="Show what the running gate does.")
@state_options
@format_option
def command(state: Path, form: str) -> None:
    """Show what the running gate does: listeners, certificates, upstreams, the last reload."""
    facts = ask(state / SOCKET, "status")
    show(facts, form, lambda: outline(as_configured(facts)))


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
