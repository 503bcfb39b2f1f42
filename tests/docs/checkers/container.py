"""Building and running the image, which C{make container-test} does: the lines have to be ones for it.

What they name has to be there, and the user has to be the image's.
"""

from __future__ import annotations

import shlex

from tests.docs.checkers import NotGood
from tests.docs.fences import Fence
from tests.docs.place import ROOT, Place
from tests.docs.transcript import read_transcript

FILE = "etc/container/Containerfile"
_COMMANDS = ("buildah", "podman", "docker", "install")


def check(place: Place, fence: Fence, arguments: str) -> None:
    """
    @raise NotGood: for what is not there, or not as the image has it.
    """
    lines = (ROOT / FILE).read_text(encoding="utf-8").splitlines()
    user = next(line.removeprefix("USER ") for line in lines if line.startswith("USER "))
    state = next(line.removeprefix("VOLUME ") for line in lines if line.startswith("VOLUME "))
    for command in read_transcript(fence):
        words = shlex.split(command.text.replace("\\\n", " "), comments=True)
        if words[0] not in _COMMANDS:
            raise NotGood(f"`{command.text}` can be run")
        given = dict(zip(words, words[1:], strict=False))
        if not (ROOT / given.get("-f", FILE)).is_file():
            raise NotGood(f"there is no {given['-f']}")
        if given.get("--user", user) != user:
            raise NotGood(f"the image's user is {user}")
        if words[:2] == ["podman", "run"] and not any(word.endswith(f":{state}") for word in words):
            raise NotGood(f"what is kept in {state} is lost with the container")
