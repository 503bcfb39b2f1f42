"""Facts as text."""

from mcpgate.cli.text import cell, outline, table


def test_columns_line_up_and_lines_end_without_spaces() -> None:
    """A table's columns are as wide as their widest cell."""
    assert table([("a", 1), ("long", None)], heads=("name", "n")) == "name  n\na     1\nlong  -"


def test_a_value_cannot_move_the_cursor_or_break_the_line() -> None:
    """What a peer may have chosen (a certificate's name) is shown escaped, on its line."""
    assert cell("a\x1b[2Jb\u202ec") == "a\\x1b[2Jb\\u202ec"
    assert cell("two\n  lines") == "two; lines"


def test_facts_are_told_as_people_say_them() -> None:
    """Booleans, lists and nothing at all read as words."""
    told = [cell(value) for value in (True, False, None, [], {}, ["a", "b"], 3)]
    assert told == ["yes", "no", "-", "-", "-", "a, b", "3"]


def test_an_outline_shows_all_that_is_inside() -> None:
    """Mappings are indented; lists of flat ones are tables, of deeper ones paragraphs."""
    facts = {
        "not_after": "today",
        "journal": {"dropped": 0},
        "routes": [{"path": "/a"}, {"path": "/b", "host": "h"}],
        "upstreams": [{"name": "u", "handshake": {"version": "TLSv1.3"}}],
    }
    assert outline(facts).splitlines() == [
        "not after  today",
        "journal",
        "  dropped  0",
        "routes",
        "  path  host",
        "  /a    -",
        "  /b    h",
        "upstreams",
        "  name  u",
        "  handshake",
        "    version  TLSv1.3",
    ]
