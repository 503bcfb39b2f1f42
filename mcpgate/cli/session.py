"""C{mcpgate session}: the keys that seal the ids of sessions, and their rotation."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from mcpgate.cli.exits import Stop, complain
from mcpgate.cli.state import state_options
from mcpgate.cli.text import format_option, show, table
from mcpgate.ops.control import SOCKET, ControlError, NoGate, ask
from mcpgate.sessions.keyfile import KeyFile, KeyFileError
from mcpgate.sessions.sealed import RIPE, SessionKey, SessionKeys


@click.group("session", short_help="Show and rotate the keys that seal session ids.")
def command() -> None:
    """Show and rotate the keys that seal the session ids that callers get (MCP up to 2025-11-25)."""


@command.command("rotate")
@click.option(
    "--now",
    "forget",
    is_flag=True,
    help="Forget all old keys at once: every session ends, and so does every granted token.",
)
@state_options
def rotate(forget: bool, state: Path) -> None:
    """Make a new key. Old ones go on opening what they have sealed, until it is over.

    The new one seals after a minute: copy the file to all replicas within it.
    """
    file, _ = _opened(state)
    try:
        # Before the gate's first start there is no directory yet; it is made as the gate would.
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        code = os.EX_NOPERM if isinstance(error, PermissionError) else os.EX_CANTCREAT
        raise Stop(f"{state}: {error.strerror}", code) from error
    try:
        rotation = file.rotate(time.time(), forget=forget)
    except KeyFileError as error:
        # The file was readable a moment ago. What is left is a disk that refuses, or no room in it.
        raise Stop(str(error), _cause(error, os.EX_CANTCREAT)) from error
    click.echo(f"Key {rotation.key.id.hex()} is new; {_told(rotation.kept, rotation.dropped)}.", err=True)
    _nudge(state)


@command.command("keys")
@state_options
@format_option
def list_keys(state: Path, form: str) -> None:
    """List the keys by their ids; the keys themselves are not shown."""
    _, keys = _opened(state)
    now = time.time()
    sealing = SessionKeys(keys).seals(now) if keys else None
    facts = [
        {
            "id": key.id.hex(),
            "created": datetime.fromtimestamp(key.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "age": int(now - key.created),
            "use": _use(key, sealing, now),
        }
        for key in keys
    ]
    rows = [{**fact, "age": _age(now - key.created)} for fact, key in zip(facts, keys, strict=True)]
    heads = ("id", "created", "age", "use")
    show(
        facts,
        form,
        lambda: table([row.values() for row in rows], heads=heads) if rows else "No key was made yet.",
    )


def _opened(state: Path) -> tuple[KeyFile, tuple[SessionKey, ...]]:
    """The key file of a state directory and what is in it, once it has proved readable."""
    file = KeyFile(state)
    try:
        return file, file.load()
    except KeyFileError as error:
        raise Stop(str(error), _cause(error, os.EX_NOINPUT)) from error


def _cause(error: Exception, otherwise: int) -> int:
    return os.EX_NOPERM if isinstance(error.__cause__, PermissionError) else otherwise


def _nudge(state: Path) -> None:
    """Have a running gate take it up at once; it looks by itself every C{gate.watch} otherwise."""
    try:
        answer = ask(state / SOCKET, "files")
    except NoGate:
        return
    except ControlError as error:
        return complain(f"the running gate was not told, and takes the keys up by itself: {error}")
    if "problem" in answer:
        # Files come into force together or not at all, and another of them is broken.
        what = "the file is changed, but the running gate goes on with the keys that it had"
        raise Stop(f"{what}: {answer['problem']}", os.EX_UNAVAILABLE)


def _told(kept: int, dropped: int) -> str:
    if dropped and not kept:
        return f"{_count(dropped)} forgotten: every session that was open has ended"
    old = f"{_count(kept)} kept for the sessions that need them" if kept else "there was none before"
    return old + (f", {_count(dropped)} dropped that none can need any more" if dropped else "")


def _count(keys: int) -> str:
    return f"{keys} old key{'s' if keys != 1 else ''}"


def _use(key: SessionKey, sealing: SessionKey | None, now: float) -> str:
    if key is sealing:
        return "seals"
    return "opens" if key.created + RIPE <= now else "opens, seals soon"


def _age(seconds: float) -> str:
    """An age in its largest unit, rounded down; that of a clock that was set back is 0."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(0, int(seconds))}s"
