"""Runs the fences of a page, on its machine, and says which of them do not do what the page says."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from configparser import Error as NoIni
from configparser import RawConfigParser
from importlib import import_module
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from tests.docs.alike import alike, copied, torn, with_copies
from tests.docs.checkers import NotGood, checker
from tests.docs.fences import Fence, Page
from tests.docs.pieces import put_into, written
from tests.docs.place import Place
from tests.docs.shell import Shell
from tests.docs.transcript import Command, NoTranscript, read_transcript

#: No stubs are needed for the few functions that are called.
_YAML: Any = import_module("yaml")

#: Lines of output that a fault quotes.
_QUOTED = 200


@frozen
class Fault:
    """What is wrong, and at which line of the page."""

    line: int
    what: str


def run_fences(page: Page, place: Place, shell: Shell) -> Iterator[Fault]:
    """Run them all, whatever comes of each."""
    copies: dict[str, str] = {}
    for fence in page.fences:
        if "checked" in fence.said:
            yield from _checked(fence, place)
        elif fence.language == "console":
            yield from _console(fence, shell, copies)
        elif fence.path is not None:
            place.file(fence.path, fence.content)
            yield from _form(fence)
        elif fence.language in _ALONE:
            yield from _ALONE[fence.language](fence, place)
        elif fence.language != "text" and not fence.directive:
            yield Fault(fence.line, f"nothing runs a fence of `{fence.language}`")


def _checked(fence: Fence, place: Place) -> Iterator[Fault]:
    name, _, arguments = fence.said["checked"].partition(" ")
    try:
        checker(name)(place, fence, arguments.strip())
    except NotGood as error:
        yield Fault(fence.line, f"{name}: {error}")


def _form(fence: Fence) -> Iterator[Fault]:
    """A file has to be one of its kind, also where nothing reads it later."""
    try:
        _FORMS[fence.language](fence.content)
    except (ValueError, SyntaxError, NoIni, _YAML.YAMLError) as error:
        yield Fault(fence.line, f"is no {fence.language}: {error}")


def _console(fence: Fence, shell: Shell, copies: dict[str, str]) -> Iterator[Fault]:
    try:
        commands = read_transcript(fence)
    except NoTranscript as error:
        yield Fault(error.line, str(error))
        return
    for shown in commands:
        command = evolve(shown, text=with_copies(shown.text, copies))
        ran = shell.run(command, lambda printed, command=command: _as_shown(command, printed))
        if ran.status is None:
            yield Fault(command.line, _told(command, "did not end, or ended the shell", ran.printed))
            return
        if ran.status != command.status:
            yield Fault(
                command.line, _told(command, f"ended with {ran.status}, not {command.status}", ran.printed)
            )
        elif not ran.goes_on and not (command.expected and _as_shown(command, ran.printed)):
            yield Fault(command.line, _told(command, "has ended, and was to go on", ran.printed))
        elif not _as_shown(command, ran.printed):
            shown = "\n".join(command.expected)
            yield Fault(command.line, _told(command, f"is shown to print\n{_indented(shown)}", ran.printed))
        more = copied(command.expected, ran.printed.splitlines())
        if (odd := torn(copies, more)) is not None:
            yield Fault(command.line, _told(command, odd, ran.printed))
        copies.update(more)


def _as_shown(command: Command, printed: str) -> bool:
    return not command.expected or alike(command.expected, printed.splitlines(), more=command.background)


def _told(command: Command, what: str, printed: str) -> str:
    lines = printed.splitlines()
    left = [f"... {len(lines) - _QUOTED} lines"] if len(lines) > _QUOTED else []
    text = "\n".join([*lines[:_QUOTED], *left])
    return f"$ {command.text}\n{what}\nand printed\n{_indented(text)}"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def _piece(fence: Fence, place: Place) -> Iterator[Fault]:
    """What it says, put into a configuration, has to be one."""
    into = place.home / fence.said["into"] if "into" in fence.said else place.config
    if into is None:
        yield Fault(fence.line, "is a piece of a configuration, and the page's world has none to put it into")
        return
    try:
        piece = tomllib.loads(fence.text)
        text = written(put_into(tomllib.loads(into.read_text()), piece))
    except (OSError, ValueError) as error:
        yield Fault(fence.line, f"cannot be put into {into}: {error}")
        return
    stays = "into" in fence.said
    whole = into if stays else into.with_name("piece.toml")
    whole.write_text(text)
    done = _run(place, "-m", "mcpgate", "check", "--config", str(whole))
    if not stays:
        whole.unlink()
    if done.returncode:
        yield Fault(
            fence.line, f"is no good configuration within {into}:\n{_indented(done.stdout + done.stderr)}"
        )


def _program(fence: Fence, place: Place) -> Iterator[Fault]:
    done = _run(place, "-c", fence.text)
    if done.returncode:
        yield Fault(fence.line, f"ended with {done.returncode}:\n{_indented(done.stdout + done.stderr)}")


def _run(place: Place, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=place.home,
        env=place.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def _read(fence: Fence, _: Place) -> Iterator[Fault]:
    """A value, or one on each line."""
    try:
        json.loads(fence.text)
    except ValueError:
        for number, line in enumerate(fence.text.splitlines(), fence.line):
            try:
                json.loads(line)
            except ValueError as error:
                yield Fault(number, f"is not JSON: {error}")


_FORMS: Mapping[str, Callable[[str], object]] = {
    "toml": tomllib.loads,
    "yaml": lambda text: list(_YAML.safe_load_all(text)),
    "json": json.loads,
    "python": lambda text: compile(text, "page", "exec"),
    "ini": lambda text: RawConfigParser(strict=False).read_string(text),
}
_ALONE: Mapping[str, Callable[[Fence, Place], Iterator[Fault]]] = {
    "toml": _piece,
    "python": _program,
    "json": _read,
}


def run_page(page: Page, world: Callable[[Place], None] | None, notes: Path) -> list[Fault]:
    """Build the page's world and run the page in it."""
    place = Place(notes)
    with place.stack:
        if world is not None:
            world(place)
        with Shell(place.home, notes, place.environment) as shell:
            return list(run_fences(page, place, shell))
