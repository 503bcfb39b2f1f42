"""Words and tables of pages."""

from __future__ import annotations

from mcpgate.config.tables.gate import GateTable
from mcpgate.reference.words import plain, sentence, table


def test_a_table_is_markdown_whatever_is_in_its_cells() -> None:
    """A bar does not end a cell."""
    assert table(["a", "b"], [["1", "x|y"], ["", "z"]]) == "| a | b |\n|---|---|\n| 1 | x\\|y |\n|  | z |"


def test_text_stays_what_it_is() -> None:
    """Nothing in it is emphasis, code or markup."""
    assert plain("get_* and `x` of <NAME>") == "get_\\* and \\`x\\` of \\<NAME>"


def test_a_table_class_is_explained_by_its_docstring() -> None:
    """Without the name that it begins with."""
    assert sentence(GateTable) == "What is true of the whole gate."
