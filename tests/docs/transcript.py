"""A C{console} fence as commands and what is expected of each (pure)."""

from __future__ import annotations

import re

from attrs import frozen

from tests.docs.fences import Fence

_EXITS = re.compile(r" +# exits with (?P<status>\d+)(?: \(.*\))?$")
_BACKGROUND = re.compile(r"(?<![&|>])&\s*(?:#.*)?$")


class NoTranscript(ValueError):
    """It is not one; C{line} is where."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


@frozen
class Command:
    """What is typed, what is printed, and how it ends. Without C{expected}, anything may be printed."""

    text: str
    line: int
    expected: tuple[str, ...]
    status: int = 0
    background: bool = False


def read_transcript(fence: Fence) -> list[Command]:
    """
    @raise NoTranscript: if it does not begin with a command.
    """
    commands: list[Command] = []
    typed: list[str] = []
    printed: list[str] = []
    began = 0

    def finish() -> None:
        if typed:
            commands.append(_command("\n".join(typed), began, printed))

    for number, line in enumerate(fence.text.splitlines(), fence.line):
        goes_on = bool(typed) and not printed and typed[-1].endswith("\\")
        if goes_on:
            typed.append(line.removeprefix("> "))
        elif line.startswith("$ "):
            finish()
            typed, printed, began = [line.removeprefix("$ ")], [], number
        elif not typed:
            raise NoTranscript(number, "is output of no command: a fence begins with `$ `")
        elif line.startswith("> ") and not printed:
            typed.append(line.removeprefix("> "))
        else:
            printed.append(line)
    finish()
    if not commands:
        raise NoTranscript(fence.line, "has no command: one begins with `$ `")
    return commands


def _command(text: str, line: int, printed: list[str]) -> Command:
    exits = _EXITS.search(text)
    while printed and not printed[-1].strip():
        printed.pop()
    return Command(
        text=text,
        line=line,
        expected=tuple(printed),
        status=int(exits["status"]) if exits else 0,
        background=_BACKGROUND.search(text) is not None,
    )
