"""A C{console} fence as what is typed and what is printed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.docs.fences import Fence
from tests.docs.transcript import Command, NoTranscript, read_transcript


def read(text: str) -> list[Command]:
    """The commands of a fence that begins at line 10."""
    return read_transcript(Fence("console", text, 10))


def test_commands_go_on_and_are_followed_by_what_they_print() -> None:
    """By a backslash, or by lines as the shell asks for them; blank lines at the end are no output."""
    assert read("$ curl \\\n    -v\nanswer\n\n$ cat <<END\n> text\n> END\ntext\n$ true\n") == [
        Command("curl \\\n    -v", 10, ("answer",)),
        Command("cat <<END\ntext\nEND", 14, ("text",)),
        Command("true", 18, ()),
    ]


def test_a_command_says_how_it_ends_and_that_it_goes_on() -> None:
    """By its last words."""
    [check, run, both, redirected] = read(
        "$ check # exits with 78\n$ run &\n$ a && b\n$ a 2>&1 | tail # exits with 1 (not sound)\n"
    )
    assert (check.status, check.background) == (78, False)
    assert (run.status, run.background) == (0, True)
    assert (both.background, redirected.background, redirected.status) == (False, False, 1)


@pytest.mark.parametrize("text", ["output\n$ true\n", "", "\n"])
def test_output_of_no_command_is_refused(text: str) -> None:
    """Nothing would run it."""
    with pytest.raises(NoTranscript):
        read(text)


@given(
    st.lists(
        st.tuples(st.text("abc -", min_size=1, max_size=8), st.lists(st.text("xyz", min_size=1), max_size=3)),
        min_size=1,
        max_size=5,
    )
)
def test_nothing_is_lost(story: list[tuple[str, list[str]]]) -> None:
    """Every command has the lines that follow it."""
    text = "".join(f"$ {typed}\n" + "".join(f"{line}\n" for line in printed) for typed, printed in story)
    assert [(one.text, list(one.expected)) for one in read(text)] == story
