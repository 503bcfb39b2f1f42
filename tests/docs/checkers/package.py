"""What is done as root around a package. C{make deb} does it in fresh systems; here, what is named exists.

A package by the name that its C{control} has and of our version, a verb that the command has, a unit that the
source has, a directory that C{tmpfiles} makes.
"""

from __future__ import annotations

import re
import shlex

import click

from mcpgate._version import __version__
from mcpgate.cli import cli
from tests.docs.checkers import NotGood
from tests.docs.fences import Fence
from tests.docs.place import ROOT, Place
from tests.docs.transcript import read_transcript

_CONTROLS = ("debian/control", "etc/selfcontained/debian/control")
_DEB = re.compile(r"\./(?P<name>[a-z0-9-]+)_(?P<version>[0-9.]+)[^_]*_(?:all|amd64)\.deb")


def check(place: Place, fence: Fence, arguments: str) -> None:
    """
    @raise NotGood: for a command that is about nothing of ours.
    """
    for command in read_transcript(fence):
        words = shlex.split(command.text, comments=True)
        if words[:1] == ["sudo"]:
            words = words[3:] if words[1] == "-u" else words[1:]
        _judge(place, words)


def _judge(place: Place, words: list[str]) -> None:
    match words:
        case ["apt", "install", deb]:
            _there_is(deb)
        case ["mcpgate", *said]:
            understands(said)
        case ["systemctl", *_, unit]:
            if not (ROOT / "etc/systemd" / f"{unit}.service").is_file():
                raise NotGood(f"there is no unit {unit}")
        case ["install", *_, directory]:
            if f"d {directory} " not in (ROOT / "etc/tmpfiles.d/mcpgate.conf").read_text(encoding="utf-8"):
                raise NotGood(f"the package makes no {directory}")
        case ["editor", "/etc/mcpgate/mcpgate.toml"]:
            pass
        case _:
            raise NotGood(f"`{shlex.join(words)}` is about no package of ours")


def understands(said: list[str]) -> None:
    """
    @raise NotGood: for a verb or an option that the command does not have.
    """
    command: click.Command = cli
    context = click.Context(cli, info_name="mcpgate")
    try:
        while isinstance(command, click.Group):
            name, found, said = command.resolve_command(context, said)
            assert found is not None
            command, context = found, click.Context(found, info_name=name, parent=context)
        command.make_parser(context).parse_args(said)
    except click.UsageError as error:
        raise NotGood(error.format_message()) from None


def _there_is(deb: str) -> None:
    match = _DEB.fullmatch(deb)
    if match is None or match["version"] != __version__:
        raise NotGood(f"{deb} is not what `make deb` would call version {__version__}")
    controls = (ROOT / name for name in _CONTROLS)
    if not any(f"\nPackage: {match['name']}\n" in one.read_text(encoding="utf-8") for one in controls):
        raise NotGood(f"there is no package {match['name']}")
