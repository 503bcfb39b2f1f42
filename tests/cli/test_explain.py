"""C{mcpgate explain}."""

import os

import pytest
from click.testing import CliRunner

from mcpgate.cli.explain import command
from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("word", "first", "words"),
    [
        ("tls.pin", "tls.pin", "HTTP 502"),
        ("upstream.pins", "upstream.pins", "example:  pins = ["),
        ("upstream.git.pins[0]", "upstream.pins", "example:  pins = ["),
        ("upstream", "[[upstream]]", "pin_at"),
        ("tls", "Reasons that begin with tls.", "tls.pin"),
    ],
)
def test_a_reason_or_a_key_is_explained(word: str, first: str, words: str) -> None:
    """Words that messages use are explained, written as the messages write them; so is a group of them."""
    said = CliRunner().invoke(command, [word])
    assert said.exit_code == 0
    assert said.output.splitlines()[0] == first
    assert words in said.output


def test_without_a_word_it_lists_what_it_knows() -> None:
    """The list holds keys and reasons."""
    assert {"tls.pin", "upstream.pins"} <= set(CliRunner().invoke(command, []).output.split())


def test_an_unknown_word_is_a_usage_error_with_the_nearest_one(run: Run) -> None:
    """A typing mistake is answered with what was probably meant."""
    said = run("explain", "tls.pim")
    assert said.returncode == os.EX_USAGE
    assert "did you mean tls.pin?" in said.stderr
