"""C{mcpgate evidence}: its verbs, each found when it is used."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from mcpgate.cli.evidence import VERBS, command


def test_every_verb_has_help_of_its_own() -> None:
    said = CliRunner().invoke(command, ["--help"]).stdout
    for verb in VERBS:
        assert f"\n  {verb}" in said
        assert CliRunner().invoke(command, [verb, "--help"]).exit_code == 0


@pytest.mark.parametrize("verb", ["nothing", "../verify", "__init__"])
def test_what_is_no_verb_is_a_mistake(verb: str) -> None:
    assert CliRunner().invoke(command, [verb]).exit_code == 2
