"""C{mcpgate evidence key}: the key that signs checkpoints, and its rotation."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from mcpgate.cli.exits import Stop, complain
from mcpgate.cli.state import state_options
from mcpgate.cli.text import format_option, outline, show
from mcpgate.evidence.checkpoint import read_succession
from mcpgate.evidence.keyfile import EvidenceKeyError, EvidenceKeys, KeyFile
from mcpgate.evidence.note import read_note
from mcpgate.evidence.record import timestamp
from mcpgate.ops.control import SOCKET, ControlError, NoGate, ask


@click.command("key", short_help="Show or rotate the key that signs checkpoints.")
@click.option("--rotate", is_flag=True, help="Have the key name a new one, which signs from now on.")
@state_options
@format_option
def command(rotate: bool, state: Path, form: str) -> None:
    """Show the public key that checkpoints can be verified with, and those before it.

    Keep a copy of the file that it names (evidence.pub) where nobody can change it who can change this host:
    a verification that rests on it says more than one that rests on what lies beside the journal.
    """
    file = KeyFile(state)
    try:
        keys = file.load()
    except EvidenceKeyError as error:
        raise Stop(str(error), _cause(error, os.EX_NOINPUT)) from error
    if keys is None:
        raise Stop(f"{file.path}: there is no key yet; a gate makes it at its first start", os.EX_NOINPUT)
    if rotate:
        old = keys
        try:
            keys = file.rotate(time.time())
        except EvidenceKeyError as error:
            # The file was readable a moment ago. What is left is a disk that refuses, or no room in it.
            raise Stop(str(error), _cause(error, os.EX_CANTCREAT)) from error
        new, gone = keys.signing.verifier.id.hex(), old.signing.verifier.id.hex()
        click.echo(f"Key {new} signs from now on; {gone} has named it, and is gone.", err=True)
        _nudge(state)
    facts = _facts(file, keys)
    show(facts, form, lambda: outline(facts))


def _facts(file: KeyFile, keys: EvidenceKeys) -> dict[str, object]:
    """The keys, the one that signs first; of the first of all one does not know since when it has signed."""
    times = [read_succession(read_note(note).text).time for note in keys.successions]
    since = [None, *times] if times else [timestamp(keys.created)]
    rows = [
        {"key": str(key), "since": when, "use": "signs" if key == keys.public[-1] else "has signed"}
        for key, when in zip(keys.public, since, strict=True)
    ]
    return {"gate": keys.gate, "file": str(file.public), "keys": rows[::-1]}


def _nudge(state: Path) -> None:
    """Have a running gate sign with it at once; it would with its next checkpoint, within a minute."""
    try:
        ask(state / SOCKET, "seal")
    except NoGate:
        return
    except ControlError as error:
        complain(f"the running gate was not told, and takes the key up with its next checkpoint: {error}")


def _cause(error: Exception, otherwise: int) -> int:
    return os.EX_NOPERM if isinstance(error.__cause__, PermissionError) else otherwise
