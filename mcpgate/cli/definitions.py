"""C{mcpgate policy definitions|accept}: what upstreams say of their tools, and who accepts a change.

Both work on the files of the state directory, whether a gate runs or not; one that runs takes up at once
what was accepted, in all its workers, and records it.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from mcpgate.cli.exits import Stop
from mcpgate.cli.state import state_options
from mcpgate.cli.text import cell, format_option, show, table
from mcpgate.definitions.guards import accept_in
from mcpgate.definitions.known import Known, NotKnown, Tool, Variant
from mcpgate.definitions.store import Store, StoreError
from mcpgate.evidence.record import timestamp
from mcpgate.ops.control import SOCKET, ControlError, ask
from mcpgate.policy.definitions import differences, visible

#: How much of a fingerprint tells one definition from the others of its tool, in a table.
SHORT = 19


@click.command("definitions")
@click.argument("upstream", required=False)
@click.option("--diff", is_flag=True, help="Show what has changed, member by member.")
@click.option("--changed", is_flag=True, help="Only tools that have changed and are not accepted.")
@state_options
@format_option
def definitions(upstream: str | None, diff: bool, changed: bool, state: Path, form: str) -> None:
    """List the tools that upstreams have shown, and which of them have changed since."""
    store = Store(state)
    try:
        names = store.upstreams() if upstream is None else [upstream]
        known = [found for found in map(store.read, names) if found is not None]
    except StoreError as error:
        raise _stop(error, os.EX_NOINPUT) from error
    if upstream is not None and not known:
        raise Stop(f"upstream {upstream} has shown no tools yet", os.EX_NOINPUT)
    facts = [_facts(one, changed) for one in known]
    show(facts, form, lambda: "\n\n".join(_text(one, diff) for one in facts) or "No tools were seen yet.")


@click.command("accept")
@click.argument("upstream")
@click.argument("tools", nargs=-1, metavar="[TOOL]...")
@click.option("--all", "every", is_flag=True, help="All tools of the upstream that have changed.")
@click.option(
    "--fingerprint", metavar="HEX", help="Accept this definition only, by the beginning of its fingerprint."
)
@click.option("--withdrawn", is_flag=True, help="The upstream took it back: forget what it changed to.")
@state_options
@format_option
def accept(
    upstream: str,
    tools: tuple[str, ...],
    every: bool,
    fingerprint: str | None,
    withdrawn: bool,
    state: Path,
    form: str,
) -> None:
    """Accept what UPSTREAM has changed its TOOLs to."""
    if bool(tools) == every:
        raise click.UsageError("name the tools, or give --all")
    if fingerprint is not None and (len(tools) != 1 or len(fingerprint) < 8):
        raise click.UsageError("--fingerprint is of one tool, and at least 8 characters of it")
    try:
        news = accept_in(
            Store(state), upstream, None if every else tools, _who(), fingerprint, withdrawn=withdrawn
        )
    except NotKnown as error:
        raise Stop(str(error), os.EX_USAGE) from error
    except StoreError as error:
        raise _stop(error, os.EX_CANTCREAT) from error
    _nudge(state)
    facts = [
        {"upstream": upstream, "tool": one.tool, "what": one.what, "definition": one.new} for one in news
    ]
    show(facts, form, lambda: "\n".join(map(_said, facts)) or f"No tool of {upstream} has changed.")


def _stop(error: StoreError, otherwise: int) -> Stop:
    return Stop(str(error), os.EX_NOPERM if isinstance(error.__cause__, PermissionError) else otherwise)


def _said(fact: dict[str, str | None]) -> str:
    what = "is accepted" if fact["what"] == "accepted" else "is not what was accepted, and is forgotten"
    return f"{cell(fact['tool'])}: {fact['definition']} {what}."


def _who() -> str:
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _nudge(state: Path) -> None:
    """Have a running gate record it at once; it looks by itself every C{gate.watch} otherwise."""
    try:
        ask(state / SOCKET, "files")
    except ControlError:
        pass


# Facts.


def _day(seconds: float) -> str:
    return f"{timestamp(seconds)[:19]}Z"


def _facts(known: Known, changed: bool) -> dict[str, Any]:
    rows = [_tool(name, tool) for name, tool in sorted(known.tools.items()) if tool.changed or not changed]
    return {"upstream": known.upstream, "place": known.place, "keys": known.keys, "tools": rows}


def _tool(name: str, tool: Tool) -> dict[str, Any]:
    old = tool.accepted[-1]
    variants = (*tool.accepted, *tool.changed)
    return {
        "name": name,
        "state": "changed" if tool.changed else "accepted",
        "since": _day(old.seen),
        "accepted": old.fingerprint,
        "suspicious": list(dict.fromkeys(said for each in variants for said in each.concealed)),
        "changed": [_variant(old, new) for new in tool.changed],
    }


def _variant(old: Variant, new: Variant) -> dict[str, Any]:
    before, after = old.object(), new.object()
    found = None
    if before is not None and after is not None:
        found = [
            {"path": each.path, "old": each.old, "new": each.new} for each in differences(before, after)
        ]
    return {
        "fingerprint": new.fingerprint,
        "seen": _day(new.seen),
        "key": new.key,
        "another_key": new.key != old.key,
        "differences": found,
    }


# Text.


def _text(facts: dict[str, Any], diff: bool) -> str:
    heads = ("tool", "state", "since", "definition", "suspicious")
    rows = [
        (
            visible(tool["name"]),
            tool["state"],
            tool["changed"][-1]["seen"] if tool["changed"] else tool["since"],
            (tool["changed"][-1]["fingerprint"] if tool["changed"] else tool["accepted"])[:SHORT],
            "; ".join(tool["suspicious"]),
        )
        for tool in facts["tools"]
    ]
    lines = [f"{facts['upstream']} ({cell(facts['place'])})"]
    lines.append(table(rows, heads=heads) if rows else "No such tools.")
    if diff:
        lines += [line for tool in facts["tools"] for line in _changes(tool)]
    return "\n".join(lines)


def _changes(tool: dict[str, Any]) -> Iterator[str]:
    for change in tool["changed"]:
        key = ", under another key" if change["another_key"] else ""
        yield ""
        yield f"{visible(tool['name'])}, seen {change['seen']}{key}: {change['fingerprint']}"
        if change["differences"] is None:
            yield "  too large to be kept: only that it has changed is known"
            continue
        for each in change["differences"]:
            yield f"  {each['path']}"
            if each["old"] is not None:
                yield f"    - {each['old']}"
            if each["new"] is not None:
                yield f"    + {each['new']}"
