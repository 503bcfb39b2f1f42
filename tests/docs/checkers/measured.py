"""What is measured: C{make bench} and C{make conformance}, which take many minutes and what there is to
download; and C{tests.bench.parts}, which takes seconds.

Of make the target has to be there, and its program has to understand what it is given: the peers, loads and
rows that a page names are read by the program's own parser. The parts are measured, and have to be those of
the page.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from io import StringIO

from tests.docs.alike import alike
from tests.docs.checkers import NotGood
from tests.docs.checkers.make import check as check_make
from tests.docs.fences import Fence
from tests.docs.place import ROOT, Place
from tests.docs.transcript import Command, read_transcript

PARTS = ".venv/bin/python -m tests.bench.parts"


def check(place: Place, fence: Fence, arguments: str) -> None:
    """
    @raise NotGood: for what make or the program does not know.
    """
    (*commands,) = read_transcript(fence)
    if [command.text for command in commands] == [PARTS]:
        return measure(commands[0])
    check_make(place, fence, arguments)
    for command in commands:
        _, target, *words = shlex.split(command.text, comments=True)
        given = dict(word.split("=", 1) for word in words)
        understands(target, given.get("ARGS", ""))


def measure(command: Command) -> None:
    """
    @raise NotGood: if the parts are others than the page shows.
    """
    run = [sys.executable, "-m", "tests.bench.parts"]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True)
    if done.returncode or not alike(command.expected, done.stdout.splitlines()):
        raise NotGood(f"it has printed\n{done.stdout}{done.stderr}")


def understands(target: str, arguments: str) -> None:
    """
    @raise NotGood: if the program of that target does not know what it is given.
    """
    program = import_module(f"tests.{target}.__main__")
    said = StringIO()
    try:
        with redirect_stderr(said), redirect_stdout(said):
            program.asked(shlex.split(arguments))
    except SystemExit as end:
        # 0: it was asked for its help.
        if end.code:
            raise NotGood(said.getvalue().strip()) from None
