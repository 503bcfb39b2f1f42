"""C{mcpgate policy}: what the rules do, and the calls that wait for somebody's word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from mcpgate.cli import policy_explain, policy_replay, policy_test
from mcpgate.cli.definitions import accept, definitions
from mcpgate.cli.state import state_options
from mcpgate.cli.text import format_option, outline, show, table
from mcpgate.holds.held import WHY_MOST
from mcpgate.ops.control import SOCKET, ask


@click.group("policy", short_help="Try rules, and decide what they leave to people.")
def command() -> None:
    """What rules do (test, explain, replay), the calls that wait for a word (held, approve, deny), and
    what upstreams say of their tools (definitions, accept)."""


for verb in (policy_test, policy_explain, policy_replay):
    command.add_command(verb.command)
command.add_command(definitions)
command.add_command(accept)


@command.command("held")
@click.argument("hold", required=False, default="")
@state_options
@format_option
def held(hold: str, state: Path, form: str) -> None:
    """List the calls that wait; or show one, HOLD, with all that is to be approved."""
    facts = ask(state / SOCKET, "held", id=hold)["held"]
    show(facts, form, lambda: outline(facts[0]) if hold else _list(facts))


@command.command("approve")
@click.argument("hold")
@click.option("--reason", default="", metavar="TEXT", help="Why; for the record.")
@state_options
@format_option
def approve(hold: str, reason: str, state: Path, form: str) -> None:
    """Let the call that waits as HOLD be made: that very call, once."""
    _decide("approve", hold, reason, state, form)


@command.command("deny")
@click.argument("hold")
@click.option("--reason", default="", metavar="TEXT", help="Why; for the record, and told to the caller.")
@state_options
@format_option
def deny(hold: str, reason: str, state: Path, form: str) -> None:
    """Refuse the call that waits as HOLD."""
    _decide("deny", hold, reason, state, form)


def _decide(verb: str, hold: str, reason: str, state: Path, form: str) -> None:
    if len(reason) > WHY_MOST:
        raise click.BadParameter(f"it has more than {WHY_MOST} characters", param_hint="--reason")
    facts = ask(state / SOCKET, verb, id=hold, reason=reason)
    show(facts, form, lambda: f"{facts['hold']} is {facts['decided']}, by {facts['by']}.")


def _list(calls: Sequence[dict[str, Any]]) -> str:
    if not calls:
        return "No call waits."
    heads = ("hold", "left", "principal", "route", "method", "name", "rule", "params")
    rows = [
        (
            one["id"],
            one["decided"] or f"{one['left']}s",
            one["principal"],
            one["route"],
            one["method"],
            one["name"],
            one["rule"],
            _glance(one),
        )
        for one in calls
    ]
    return table(rows, heads=heads)


#: Characters of the params in a line of the list: with the other columns it fills a wide terminal.
GLANCE = 60


def _glance(one: dict[str, Any]) -> str:
    params = str(one["params"])
    if len(params) > GLANCE or one["cut"]:
        return f"{params[:GLANCE]}..."
    return params
