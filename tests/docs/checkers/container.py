"""Building and running the container image, which C{make container-test} does: here its words are judged.

The file that is built has to be there, and so have the arguments that it is given; what is mounted has to be
where the image has its configuration and its state, and the user the one that it knows.
"""

from __future__ import annotations

import re
import shlex

from tests.docs.checkers import NotGood
from tests.docs.fences import Fence
from tests.docs.place import ROOT, Place
from tests.docs.transcript import read_transcript

FILE = "etc/container/Containerfile"


def check(_: Place, fence: Fence, arguments: str) -> None:
    """
    @raise NotGood: for what the image does not know.
    """
    known = (ROOT / FILE).read_text(encoding="utf-8")
    for command in read_transcript(fence):
        words = shlex.split(command.text.replace("\\\n", " "), comments=True)
        if words[:2] == ["buildah", "build"]:
            _built(words, known)
        elif words[:2] == ["podman", "run"]:
            _ran(words, known)
        elif words[0] != "install":
            raise NotGood(f"`{command.text}` is nothing about an image, and can be run")


def _built(words: list[str], known: str) -> None:
    if FILE not in words:
        raise NotGood(f"builds another file than {FILE}")
    for word in words[words.index("--build-arg") + 1 :: 2] if "--build-arg" in words else []:
        if f"ARG {word.partition('=')[0]}" not in known:
            raise NotGood(f"there is no argument {word}")


def _ran(words: list[str], known: str) -> None:
    for option, value in zip(words, words[1:], strict=False):
        if option == "--volume" and value.split(":")[1] not in known:
            raise NotGood(f"nothing is at {value.split(':')[1]} in the image")
        if option == "--user" and not re.search(rf"\b{value.partition(':')[0]}\b", known):
            raise NotGood(f"there is no user {value} in the image")
