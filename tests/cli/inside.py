"""The command line inside this process: for tests of many runs, as each start of Python takes its time."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from attrs import frozen

from mcpgate.cli import cli
from mcpgate.cli.exits import ends_well


@frozen
class Done:
    """As a process that was run to its end."""

    returncode: int
    stdout: str
    stderr: str


def inside(*words: str | Path) -> Done:
    """Run C{mcpgate} with these words."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            with ends_well():
                cli.main(args=list(map(str, words)), prog_name="mcpgate", standalone_mode=False)
        except SystemExit as end:
            code = int(end.code or 0)
    return Done(code, out.getvalue(), err.getvalue())
