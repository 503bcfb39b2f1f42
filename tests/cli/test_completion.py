"""C{mcpgate completion} prints what is committed, for each shell."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from mcpgate.cli import cli
from mcpgate.cli.shells import FILES

PLACE = Path(__file__).resolve().parents[2] / "etc/completions"


@pytest.mark.parametrize("shell", FILES)
def test_what_is_printed_is_what_is_installed(shell: str) -> None:
    """So that no package completes what this version does not know."""
    printed = CliRunner().invoke(cli, ["completion", shell])
    committed = (PLACE / shell / FILES[shell]).read_text(encoding="utf-8")
    assert printed.output == committed, f"mcpgate completion {shell} > etc/completions/{shell}/{FILES[shell]}"


def test_a_shell_that_is_not_known_is_refused() -> None:
    """With the names of those that are."""
    said = CliRunner().invoke(cli, ["completion", "csh"])
    assert said.exit_code and "'bash', 'zsh', 'fish'" in said.output
