"""Docstrings as Markdown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.reference.epytext import inline, markdown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("C{code} and L{name}", "`code` and `name`"),
        ("I{so} B{very} U{https://example.com}", "*so* **very** https://example.com"),
        ('C{{"a": 1}} has braces', '`{"a": 1}` has braces'),
        ("{ min = 1 } and X{y} are nothing", "{ min = 1 } and X{y} are nothing"),
    ],
)
def test_what_is_marked_stays_marked(text: str, shown: str) -> None:
    """By the marks of Markdown; braces that mark nothing are braces."""
    assert inline(text) == shown


def test_a_docstring_is_paragraphs_blocks_and_fields() -> None:
    """In one line each; what goes on in the next line belongs to it."""
    docstring = """
    Open the C{door},
    wide::

        door = Door()
        door.open()

    It has a handle.

    @param wide: how far, in
        C{metres}.
    @return: whether it is open.
    @raise DoorError: it is locked.
    """
    assert markdown(docstring) == (
        "Open the `door`, wide:\n\n```text\ndoor = Door()\ndoor.open()\n```\n\nIt has a handle.\n\n"
        "- `wide`: how far, in `metres`.\n- Returns: whether it is open.\n- Raises `DoorError`: it is locked."
    )


def test_a_list_stays_one() -> None:
    """Item by item."""
    assert markdown("Either:\n\n - C{a}\n - b") == "Either:\n\n- `a`\n- b"


def test_what_is_no_field_is_no_page() -> None:
    """A slip is found when the page is made."""
    with pytest.raises(ValueError, match="is no field"):
        markdown("@param x without a colon")


@given(st.text())
def test_any_text_passes(text: str) -> None:
    """Whatever stands in a docstring, nothing but its marks is lost."""
    shown = inline(text)
    kept = [char for char in text if char.isalnum() and char not in "CLIBU"]
    assert [char for char in shown if char.isalnum() and char not in "CLIBU"] == kept
