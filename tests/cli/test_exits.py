"""Exit codes: each kind of failure has the one that sysexits.h gives it."""

import os
from pathlib import Path

import click
import pytest

from mcpgate.cli.exits import Stop, ends_well
from mcpgate.config.problem import ConfigError, ConfigUnreadable, Problem
from mcpgate.evidence.journal import JournalError
from mcpgate.gate import ListenError
from mcpgate.ops.control import NoGate

FILE = Path("/etc/mcpgate/mcpgate.toml")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (click.UsageError("no such option"), os.EX_USAGE),
        (ConfigUnreadable([Problem("", None, "the file cannot be read")], FILE), os.EX_NOINPUT),
        (FileNotFoundError(2, "No such file or directory", "/x"), os.EX_NOINPUT),
        (ListenError("listener main: address in use"), os.EX_UNAVAILABLE),
        (NoGate("no gate is running"), os.EX_UNAVAILABLE),
        (JournalError("disk full"), os.EX_CANTCREAT),
        (FileExistsError(17, "File exists", "/x"), os.EX_CANTCREAT),
        (PermissionError(13, "Permission denied", "/x"), os.EX_NOPERM),
        (ConfigError([Problem("gate.state", 1, "is missing")], FILE), os.EX_CONFIG),
        (Stop("anything", 42), 42),
    ],
)
def test_what_a_person_can_mend_is_one_message_and_a_code(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message is on stderr, nothing is on stdout, and the code says what kind of failure it was."""
    with pytest.raises(SystemExit) as ended, ends_well():
        raise error
    said = capsys.readouterr()
    assert ended.value.code == code
    assert said.out == ""
    assert said.err and "Traceback" not in said.err


@pytest.mark.parametrize("error", [Stop("gone", 1), ConfigError([Problem("", None, "gone")], FILE)])
def test_a_message_names_us_once(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    """Every message begins with our name, which whoever raised it left to us."""
    with pytest.raises(SystemExit), ends_well():
        raise error
    said = capsys.readouterr().err
    assert said.startswith("mcpgate: ") and said.count("mcpgate: ") == 1


def test_a_defect_of_ours_keeps_its_traceback() -> None:
    """What nobody outside can mend is not dressed up as if they could."""
    with pytest.raises(ZeroDivisionError), ends_well():
        raise ZeroDivisionError
