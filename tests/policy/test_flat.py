"""A JSON document without its escapes, and the strings in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.policy.flat import flat, members

characters = st.sampled_from(
    [*'a"\\/\nu\t\x01\b\f', "\u00e9", "\U0001f600", "\ud83d", "\ude00", "0041", "text"]
)


@given(st.lists(characters).map("".join))
def test_a_string_is_what_a_parser_reads(text: str) -> None:
    """Every escape, pairs of surrogates and halves of them included."""
    raw = json.dumps(text).encode()
    assert flat(raw[1:-1]).decode("utf-8", "surrogatepass") == json.loads(raw)


def test_other_ways_to_write_it() -> None:
    """Escapes that Python does not write, and what is none."""
    assert flat(rb"\/\u00E9\uD83D\uDE00\b\f") == "/\u00e9\U0001f600\b\f".encode()
    assert flat(rb"\ud83dx\ude00") == "\ud83dx\ude00".encode("utf-8", "surrogatepass")
    assert flat(rb"\ud83d\n\ude00") == "\ud83d\n\ude00".encode("utf-8", "surrogatepass")
    assert flat(rb"\u12 \u+123 \x") == rb"\u12 \u+123 \x"
    assert flat(b"as it is") == b"as it is"


values = st.recursive(
    st.lists(characters).map("".join) | st.integers() | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["text", "type", 'x"text"', "\\"]), inner, max_size=3)
    ),
)


def texts(value: Any) -> list[str]:
    """The strings of members named text, in order."""
    found = []
    for name, one in value.items() if isinstance(value, dict) else ():
        found += [one] if name == "text" and isinstance(one, str) else texts(one)
    for one in value if isinstance(value, list) else ():
        found += texts(one)
    return found


@given(values, st.sampled_from([None, 1]))
def test_members_are_those_that_a_parser_reads(value: Any, indent: int | None) -> None:
    """In the order in which they stand, however it is written."""
    raw = json.dumps(value, indent=indent).encode()
    found = [text.decode("utf-8", "surrogatepass") for text in members(raw, b'"text"')]
    assert found == texts(value)


@pytest.mark.parametrize("raw", [b'"text":"open', b'"text"', b'"text":', b'"text":"\\"', b""])
def test_what_is_cut_off_is_no_member(raw: bytes) -> None:
    """Nothing is made up."""
    assert members(raw, b'"text"') == []
