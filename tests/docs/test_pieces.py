"""Pieces of configurations, put into whole ones and written."""

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.docs.pieces import put_into, written

TEXT = st.text(max_size=8)
VALUES = st.recursive(
    st.booleans() | st.integers(-9, 9) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
TABLES = st.dictionaries(TEXT, VALUES, max_size=3)


def test_a_piece_completes_the_table_of_its_name() -> None:
    """Keys are added to it, or replaced; other tables of that kind stay, new ones are added."""
    whole = {
        "gate": {"state": "s"},
        "listener": [{"name": "a", "listen": "tcp:1"}, {"name": "b"}],
        "route": [{"path": "/a", "upstream": "u"}],
    }
    piece = {
        "gate": {"watch": "1s"},
        "listener": [{"name": "a", "profile": "modern"}],
        "route": [{"path": "/a", "scopes": ["x"]}, {"path": "/b"}],
        "include": ["p.toml"],
    }
    assert put_into(whole, piece) == {
        "gate": {"state": "s", "watch": "1s"},
        "listener": [{"name": "a", "listen": "tcp:1", "profile": "modern"}, {"name": "b"}],
        "route": [{"path": "/a", "upstream": "u", "scopes": ["x"]}, {"path": "/b"}],
        "include": ["p.toml"],
    }
    assert whole["listener"] == [{"name": "a", "listen": "tcp:1"}, {"name": "b"}]


@given(st.dictionaries(TEXT, VALUES | TABLES | st.lists(TABLES, min_size=1, max_size=2), max_size=4))
def test_what_is_written_is_read_again(whole: dict[str, Any]) -> None:
    """Keys and texts of any kind."""
    assert tomllib.loads(written(whole)) == whole
