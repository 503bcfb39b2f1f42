"""C{pip install} and what belongs to it: there is no network on a page's machine to install from.

What is installed has to exist: a package by its name in the environment of the tests, or the clone, with
extras that it has; but not ours by its name alone, as on PyPI that is somebody else's. The lines have to be
ones that a shell can read, in the order in which they would work.
"""

from __future__ import annotations

import re
import shlex
from importlib.metadata import PackageNotFoundError, distribution

from tests.docs.checkers import NotGood
from tests.docs.fences import Fence
from tests.docs.place import Place
from tests.docs.transcript import read_transcript

_WANTED = re.compile(r"(?P<name>[^\[<>=!]+)(?:\[(?P<extras>[^\]]+)\])?")
#: What may stand beside it.
_OTHERS = ("python3 -m venv ", "git clone ", ". ", "source ", "cd ", "sudo apt install ", "apt install ")


def check(_: Place, fence: Fence, arguments: str) -> None:
    """
    @raise NotGood: for what could not be installed, or is no installing at all.
    """
    for command in read_transcript(fence):
        words = shlex.split(command.text, comments=True)
        if words[:1] in (["pip"], ["pipx"]) and words[1:2] == ["install"]:
            for word in words[2:]:
                if not word.startswith("-"):
                    _exists(word)
        elif not command.text.startswith(_OTHERS):
            raise NotGood(f"`{command.text}` installs nothing, and can be run")


def _exists(wanted: str) -> None:
    match = _WANTED.match(wanted)
    name = match["name"] if match else wanted
    if name == "mcpgate":
        raise NotGood("mcpgate on PyPI is another project: name a wheel or a clone")
    name = "mcpgate" if name in (".", "./mcpgate") or name.endswith(".whl") else name
    try:
        found = distribution(name)
    except PackageNotFoundError:
        raise NotGood(f"nobody knows a package {wanted}") from None
    extras = (match["extras"] or "").split(",") if match else []
    for extra in filter(None, extras):
        if extra not in found.metadata.get_all("Provides-Extra", []):
            raise NotGood(f"{name} has no extra {extra}")
