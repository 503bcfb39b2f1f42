"""Those who check fences see what they are for."""

from pathlib import Path

import pytest

from tests.docs.checkers import NotGood, checker, there_is
from tests.docs.fences import Fence


def judged(name: str, text: str, language: str = "console") -> None:
    """Have a fence checked; none of these asks the machine for anything."""
    checker(name)(None, Fence(language, text, 1), "")


@pytest.mark.parametrize("path", sorted(Path(__file__).with_name("checkers").glob("[a-z]*.py")), ids=str)
def test_every_checker_is_one(path: Path) -> None:
    """A module with a function that checks."""
    assert there_is(path.stem)
    assert callable(checker(path.stem))


@pytest.mark.parametrize("name", ["nobody", "", "__init__x", "a/b"])
def test_others_are_none(name: str) -> None:
    """So that a misspelt one is told."""
    assert not there_is(name)


def test_what_is_installed_has_to_exist() -> None:
    """Packages, extras; and nothing but installing."""
    judged("installs", "$ pip install cryptography\n$ pip install './mcpgate[saml]'\n$ pip install .\n")
    unknown = ("$ pip install no-such-thing\n", "$ pip install './mcpgate[xyz]'\n")
    of_a_stranger = ("$ pip install mcpgate\n", "$ pip install 'mcpgate[saml]'\n")
    for wrong in (*unknown, *of_a_stranger, "$ mcpgate check\n"):
        with pytest.raises(NotGood):
            judged("installs", wrong)


def test_what_is_made_has_to_be_a_target() -> None:
    """Of the Makefile of this clone."""
    judged("make", "$ make lint\n$ make test ARGS='tests/wire -k chunk'   # some\n")
    for wrong in ("$ make nothing-of-the-kind\n", "$ rm -rf build\n"):
        with pytest.raises(NotGood):
            judged("make", wrong)


def test_what_is_said_to_systemd_is_about_our_units() -> None:
    """With verbs that it has; a drop-in is one that it has nothing to say of."""
    judged("unit", "$ sudo systemctl enable --now mcpgate.socket\n$ journalctl -u mcpgate\n")
    for wrong in ("systemctl start nothing", "systemctl begin mcpgate", "mcpgate run", "systemctl"):
        with pytest.raises(NotGood):
            judged("unit", f"$ {wrong}\n")
    unit = checker("unit")
    unit(None, Fence("ini", "[Service]\nReadWritePaths=/srv\n", 1), "mcpgate.service")
    for wrong in ("[Service]\nReadWritePath=/srv\n", "[Service]\nLimitNOFILE=9 # more\n"):
        with pytest.raises(NotGood):
            unit(None, Fence("ini", wrong, 1), "mcpgate.service")


def test_what_is_measured_is_asked_for_in_words_that_the_program_knows() -> None:
    """Its peers, loads and rows, by the program's own parser."""
    judged("measured", '$ make bench ARGS="--rounds 3 --peers mcpgate,nginx --loads post-32"\n$ make bench\n')
    judged("measured", "$ make conformance ARGS=\"--only ', rules'\"\n$ make conformance ARGS=--help\n")
    for wrong in ('bench ARGS="--peers nobody"', "bench ARGS=--fast", 'conformance ARGS="--only 1999"'):
        with pytest.raises(NotGood):
            judged("measured", f"$ make {wrong}\n")


def test_what_is_done_with_a_package_has_the_options_that_the_command_has() -> None:
    """Also where another user does it."""
    judged("package", "$ sudo -u mcpgate mcpgate token list --format json\n$ mcpgate check\n")
    for wrong in ("mcpgate check --onlin", "sudo -u mcpgate mcpgate check --nothing", "mcpgate begin"):
        with pytest.raises(NotGood):
            judged("package", f"$ {wrong}\n")
