"""How problems are told."""

from pathlib import Path

import pytest

from mcpgate.config.problem import ConfigError, Problem, did_you_mean, nearest, quoted


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        (Problem("gate.state", 3, "is missing"), "gate.state (line 3): is missing"),
        (Problem("gate.state", None, "is missing"), "gate.state: is missing"),
        (Problem("", 3, "this is not UTF-8"), "line 3: this is not UTF-8"),
        (Problem("", None, "the file is empty"), "the file is empty"),
    ],
)
def test_a_problem_says_as_much_of_its_place_as_is_known(problem: Problem, line: str) -> None:
    """Key path, line, both or neither."""
    assert str(problem) == line


def test_the_topic_of_the_first_problem_that_has_one_is_offered() -> None:
    """Only words that C{mcpgate explain} knows."""
    problems = [Problem("x", None, "a"), Problem("gate.state", None, "b", "gate.state")]
    last = str(ConfigError(problems, Path("f"))).splitlines()[-1]
    assert last == "Nothing was started.  More: mcpgate explain gate.state"


def test_a_configuration_without_a_file_is_named_as_such() -> None:
    """An embedding application may make its own."""
    error = ConfigError([Problem("", None, "a")], None)
    assert str(error).startswith("the configuration cannot be used (1 problem)")


@pytest.mark.parametrize(
    ("word", "shown"),
    [("a", '"a"'), ('a"b\n', '"a\\"b\\n"'), ("é", '"é"'), ("a\x7fb\u202e", '"a\\u007fb\\u202e"')],
)
def test_a_quoted_word_is_printable(word: str, shown: str) -> None:
    """A terminal that shows it cannot be led astray."""
    assert quoted(word) == shown
    assert quoted(word).isprintable()


def test_a_long_word_is_cut() -> None:
    """The reason comes after it."""
    assert len(quoted("a" * 10_000)) < 70


def test_the_nearest_word_is_offered_or_else_all_of_them() -> None:
    """As long as they are few enough to read."""
    assert nearest("moderm", ["modern", "intermediate"]) == "modern"
    assert nearest("x" * 10_000, ["x"]) is None
    assert did_you_mean("moderm", ["modern", "intermediate"]) == '; did you mean "modern"?'
    assert did_you_mean("x", ["modern", "intermediate"]) == "; there are modern, intermediate"
    assert did_you_mean("x", ["git"]) == "; there is only git"
    assert did_you_mean("x", []) == ""
    assert did_you_mean("x", [f"route-{number}" for number in range(50)]) == ""
