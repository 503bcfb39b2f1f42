"""C{make} in a clone: it takes minutes, has tests of its own, or installs. The targets have to be there."""

from __future__ import annotations

import shlex
import subprocess

from tests.docs.checkers import NotGood
from tests.docs.fences import Fence
from tests.docs.place import ROOT, Place
from tests.docs.transcript import read_transcript


def check(_: Place, fence: Fence, arguments: str) -> None:
    """
    @raise NotGood: for a command that is not of make, or one that make does not know.
    """
    for command in read_transcript(fence):
        words = shlex.split(command.text, comments=True)
        if words[:1] != ["make"]:
            raise NotGood(f"`{command.text}` is no make, and can be run")
        told = subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, capture_output=True, text=True)
        if told.returncode:
            raise NotGood(told.stderr.strip())
