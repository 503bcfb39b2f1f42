"""C{mcpgate token}: issue, list and revoke the bearer tokens that the gate itself accepts."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from mcpgate.cli.exits import Stop
from mcpgate.cli.state import state_options
from mcpgate.cli.text import Written, format_option, show, table
from mcpgate.config.units import read_duration
from mcpgate.identity.issued import IssuedToken, TokenFile, TokenFileError
from mcpgate.ops.control import SOCKET, ControlError, ask


@click.group("token", short_help="Issue, list and revoke bearer tokens for callers.")
def command() -> None:
    """Issue, list and revoke bearer tokens for callers."""


@command.command("issue")
@click.argument("name")
@click.option(
    "--lifetime",
    type=Written("DURATION", read_duration),
    # A month: long enough to renew by habit, short enough for a leak to end by itself.
    default="30d",
    show_default=True,
    help="How long it is good for.",
)
@click.option(
    "--group",
    "groups",
    metavar="GROUP",
    multiple=True,
    help="A group for rules to name (who = { group = ... }); may be given several times.",
)
@state_options
@format_option
def issue(name: str, lifetime: float, groups: tuple[str, ...], state: Path, form: str) -> None:
    """Issue a token to NAME and print it, this once."""
    file = _opened(state)
    try:
        # Before the gate's first start there is no directory yet; it is made as the gate would.
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        code = os.EX_NOPERM if isinstance(error, PermissionError) else os.EX_CANTCREAT
        raise Stop(f"{state}: {error.strerror}", code) from error
    try:
        token, text = file.issue(name, lifetime, time.time(), groups)
    except TokenFileError as error:
        raise _not_changed(error) from error
    _nudge(state)
    facts = {
        "id": token.id,
        "name": token.name,
        "groups": list(token.groups),
        "expires": _day(token.expires),
        "token": text,
    }
    within = f", in {', '.join(token.groups)}" if token.groups else ""
    click.echo(f"Token {token.id} for {token.name}{within}, good until {_day(token.expires)}.", err=True)
    click.echo("It is not kept and cannot be shown again:", err=True)
    show(facts, form, lambda: text)


@command.command("list")
@state_options
@format_option
def list_tokens(state: Path, form: str) -> None:
    """List what was issued; the tokens themselves are not kept."""
    file = _opened(state)
    now, tokens = time.time(), file.all()
    facts = [
        {
            "id": token.id,
            "name": token.name,
            "groups": list(token.groups),
            "created": _day(token.created),
            "expires": _day(token.expires),
            "state": _state(token, now),
        }
        for token in tokens
    ]
    heads = ("id", "name", "groups", "created", "expires", "state")
    rows = [{**fact, "groups": " ".join(fact["groups"])}.values() for fact in facts]
    show(facts, form, lambda: table(rows, heads=heads) if facts else "No token was issued yet.")


@command.command("revoke")
@click.argument("id_or_name")
@state_options
def revoke(id_or_name: str, state: Path) -> None:
    """Revoke one token by its id, or all of a name's."""
    file = _opened(state)
    try:
        revoked = file.revoke(id_or_name, time.time())
    except TokenFileError as error:
        raise _not_changed(error) from error
    _nudge(state)
    for token in revoked:
        click.echo(f"Token {token.id} for {token.name} is revoked.", err=True)


def _opened(state: Path) -> TokenFile:
    """The token file of a state directory, once it has proved readable."""
    file = TokenFile(state / "tokens.json")
    try:
        file.all()
    except TokenFileError as error:
        raise Stop(str(error), _cause(error, os.EX_NOINPUT)) from error
    return file


def _not_changed(error: TokenFileError) -> Stop:
    # The file was readable a moment ago. What is left is a disk that refuses, or a bad request.
    return Stop(str(error), _cause(error, os.EX_CANTCREAT if error.__cause__ else os.EX_USAGE))


def _cause(error: Exception, otherwise: int) -> int:
    return os.EX_NOPERM if isinstance(error.__cause__, PermissionError) else otherwise


def _nudge(state: Path) -> None:
    """Have a running gate read the file at once; it looks by itself every C{gate.watch} otherwise."""
    try:
        ask(state / SOCKET, "tokens")
    except ControlError:
        pass


def _state(token: IssuedToken, now: float) -> str:
    if token.revoked is not None:
        return "revoked"
    return "good" if now < token.expires else "expired"


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
