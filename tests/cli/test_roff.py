"""Text becomes roff in which nothing of it is a command, as two formatters read it."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpgate.cli import roff

#: Whatever could stand in a help text, with all that roff gives a meaning to.
TEXT = st.text(st.sampled_from("ab.'\\-\"`^~*%{}[]()=é… \t"), min_size=1, max_size=60)


def shown(page: str) -> str:
    """What mandoc makes of a page: its text, without the lines at the top and the bottom."""
    ran = subprocess.run(
        ["mandoc", "-T", "utf8", "-O", "width=200"], input=page, capture_output=True, text=True, check=True
    )
    # Bold is a character, a backspace, and the character again; italic has an underscore there.
    plain = re.sub(r".\x08", "", ran.stdout)
    return "\n".join(plain.split("\n")[1:-2])


def page(body: str) -> str:
    return roff.title("PAGE", 8, "2026-01-01", "mcpgate", "Tests") + roff.heading("NAME") + body


def test_mandoc_is_there() -> None:
    """What the others need."""
    assert shutil.which("mandoc"), "mandoc is missing: make test installs it"


@settings(max_examples=40, deadline=None)
@given(TEXT)
def test_any_text_is_shown_as_it_is(words: str) -> None:
    """No dot, quote or backslash in it is taken for a command, wherever it is wrapped."""
    body = roff.paragraphs([roff.text(f"x {words} y")])
    assert " ".join(shown(page(body)).split()) == " ".join(f"NAME x {words} y".split())


@settings(max_examples=20, deadline=None)
@given(TEXT.filter(str.strip))
def test_an_example_keeps_its_lines(words: str) -> None:
    """Also one that begins with a dot, and its spaces."""
    line = words.replace("\t", " ").rstrip()
    lines = shown(page(roff.example(f"{line}\nnext"))).split("\n")
    assert [each.strip() for each in lines if each.strip()] == ["NAME", line.strip(), "next"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Say `run` to *FILE*.", "Say \\fBrun\\fR to \\fIFILE\\fR."),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("`--config`", "\\fB\\-\\-config\\fR"),
        ("an é", "an \\[u00E9]"),
    ],
)
def test_marks_are_fonts(words: str, expected: str) -> None:
    """Typed words are bold, and what stands for something else is italic."""
    assert roff.marked(words) == expected


def test_a_sentence_begins_a_line_and_a_long_one_is_wrapped() -> None:
    """As mandoc asks for; a line that would begin with a dot is guarded."""
    lines = roff.paragraphs(["One. Two " + "long " * 20 + ".hidden " * 3]).split("\n")
    assert lines[0] == "One." and lines[1].startswith("Two long")
    assert all(len(line) <= roff.WIDTH + 2 and not line.startswith(".") for line in lines)
