"""The lane of the lowest versions is installed with what setup.cfg says, and with nothing else."""

import configparser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.release.floors import EXTRAS, NoFloorError, floors

SETUP = (Path(__file__).resolve().parents[2] / "setup.cfg").read_text(encoding="utf-8")


def test_each_requirement_of_ours_has_a_floor_that_is_tried() -> None:
    """Each library that a gate is run with is held to exactly its lowest version."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(SETUP)
    extras = parser["options.extras_require"]
    stated = [parser["options"]["install_requires"], *(extras[name] for name in EXTRAS)]
    lines = [line for text in stated for line in text.splitlines() if line and not line.startswith("#")]
    expected = [Requirement(line) for line in lines]
    lines = floors(SETUP)
    assert "twisted==25.5" in lines and len(lines) == len(expected)
    for line, requirement in zip(lines, expected, strict=True):
        name, _, floor = line.partition("==")
        assert name == requirement.name
        assert floor in requirement.specifier, "the floor itself is allowed"


@pytest.mark.parametrize("line", ["twisted", "twisted == 25.5", "twisted < 27", "twisted > 25"])
def test_a_requirement_without_a_floor_is_an_error(line: str) -> None:
    """A library of which any version would do is not left out in silence."""
    with pytest.raises(NoFloorError, match="has no lowest version"):
        floors(_setup(line))


def test_bounds_from_above_and_extras_of_libraries_do_not_count() -> None:
    """What is held is the floor alone."""
    assert floors(_setup("  psycopg[binary] >= 3.1.4, < 4")) == ["psycopg==3.1.4"]


def _setup(requirement: str) -> str:
    empty = "".join(f"{name} =\n" for name in EXTRAS)
    return f"[options]\ninstall_requires =\n  # why\n  {requirement}\n[options.extras_require]\n{empty}"
