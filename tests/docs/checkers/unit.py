"""Drop-ins of our units, and what is said to systemd about them: a page's machine has none to say it to.

An C{ini} fence is a drop-in of the unit that follows the name, and has to be one that systemd has nothing to
say of. A C{console} fence has to speak of units that there are, with verbs that there are.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.docs.checkers import NotGood
from tests.docs.fences import Fence
from tests.docs.place import ROOT, Place
from tests.docs.transcript import read_transcript

UNITS = ROOT / "etc" / "systemd"

#: What can be said to systemctl, each about a unit.
VERBS = frozenset("enable disable start stop restart reload status edit cat show reset-failed".split())


def check(_: Place, fence: Fence, arguments: str) -> None:
    """
    @raise NotGood: for what systemd would not take.
    """
    if fence.language == "ini":
        return _drop_in(arguments, fence.text)
    for command in read_transcript(fence):
        words = shlex.split(command.text, comments=True)
        words = words[1:] if words[:1] == ["sudo"] else words
        if words[:1] == ["systemctl"]:
            _said(command.text, [word for word in words[1:] if not word.startswith("-")])
        elif words[:2] == ["journalctl", "-u"]:
            _unit(words[2])
        else:
            raise NotGood(f"`{command.text}` is not about a unit, and can be run")


def _said(command: str, words: list[str]) -> None:
    if words == ["daemon-reload"]:
        return
    if words[:1] == [] or words[0] not in VERBS or len(words) < 2:
        raise NotGood(f"`{command}` says nothing that systemctl knows")
    for word in words[1:]:
        _unit(word)


def _unit(name: str) -> Path:
    file = UNITS / (name if "." in name else f"{name}.service")
    if not file.is_file():
        raise NotGood(f"there is no unit {name}")
    return file


def _drop_in(name: str, text: str) -> None:
    with TemporaryDirectory() as scratch:
        place = Path(scratch)
        for unit in (_unit(name), *UNITS.iterdir()):
            installed = unit.read_text(encoding="utf-8").replace("/usr/bin/mcpgate", sys.executable)
            (place / unit.name).write_text(installed, encoding="utf-8")
        more = place / f"{name}.d"
        more.mkdir()
        # Comments of the page, which systemd takes at the beginning of a line alone.
        if re.search(r"^\s*[^#\s].*\s#\s", text, re.MULTILINE):
            raise NotGood("a comment stands behind a value, where it is a part of it")
        own = text.replace("/usr/bin/mcpgate", sys.executable)
        (more / "override.conf").write_text(own, encoding="utf-8")
        said = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", place / name], capture_output=True, text=True
        )
    if said.returncode or said.stderr:
        raise NotGood(said.stderr.strip().replace(scratch, ""))
