"""What stands where in a JSON text, and what is left when some of it goes."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.wire.jsonrpc import Message, parse
from mcpgate.wire.spans import edited, elements, found_at, members, without

#: White space everywhere, a name with an escaped quote, numbers that a second encoding would change.
TEXT = b' {"a" : [ 1.10 , {"x\\"y":1e2} ,"\xc3\xa9\\\\"] , "\\u0062":{"c"\n:\t123456789012345678901 }} \n'

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda of: st.lists(of) | st.dictionaries(st.text(), of),
)


def test_members_are_found_where_they_stand() -> None:
    """By the names that they mean, however those are written."""
    found = members(TEXT)
    assert {name: TEXT[slice(*at)] for name, at in found.items()} == {
        "a": b'[ 1.10 , {"x\\"y":1e2} ,"\xc3\xa9\\\\"]',
        "b": b'{"c"\n:\t123456789012345678901 }',
    }
    assert TEXT[slice(*found_at(TEXT, ("b", "c")))] == b"123456789012345678901"
    assert [TEXT[slice(*at)] for at in elements(TEXT, found["a"])] == [
        b"1.10",
        b'{"x\\"y":1e2}',
        b'"\xc3\xa9\\\\"',
    ]


@pytest.mark.parametrize(
    ("going", "left"),
    [
        ((False, False, False), b"[ 1 , 2,\n3 ]"),
        ((True, False, False), b"[ 2,\n3 ]"),
        ((False, True, False), b"[ 1 , 3 ]"),
        ((False, False, True), b"[ 1 , 2 ]"),
        ((False, True, True), b"[ 1 ]"),
        ((True, True, True), b"[]"),
    ],
)
def test_elements_go_with_one_comma_each(going: tuple[bool, ...], left: bytes) -> None:
    """And an array that lost all of them is an array still."""
    document = b'{"a":[ 1 , 2,\n3 ],"b":1.0}'
    assert (
        edited(document, [without(document, found_at(document, ("a",)), going)]) == b'{"a":%b,"b":1.0}' % left
    )


def test_what_is_not_there_is_said() -> None:
    """No member of that name, or nothing that could have members."""
    with pytest.raises(KeyError):
        found_at(TEXT, ("z",))
    with pytest.raises(msgspec.ValidationError):
        found_at(TEXT, ("a", "b"))


@given(st.dictionaries(st.text(), VALUES), st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_every_value_of_any_text_is_found(
    value: dict[str, object], escaped: bool, indent: int | str | None
) -> None:
    """The span of a member, or of an element, is that value and nothing else."""
    document = json.dumps(value, ensure_ascii=escaped, indent=indent).encode()
    spans = members(document)
    assert {name: json.loads(document[slice(*at)]) for name, at in spans.items()} == value
    for name, inside in value.items():
        if isinstance(inside, list):
            assert [json.loads(document[slice(*at)]) for at in elements(document, spans[name])] == inside


@given(st.lists(VALUES), st.randoms(use_true_random=False), st.sampled_from([None, 1]))
def test_what_stays_of_an_array_is_what_was_there(
    items: list[object], chance: object, indent: int | None
) -> None:
    """Whichever elements go."""
    going = [chance.random() < 0.5 for _ in items]  # type: ignore[attr-defined]
    message = {"jsonrpc": "2.0", "id": 1, "result": {"tools": items, "after": [1]}}
    raw = json.dumps(message, indent=indent).encode()
    left = edited(raw, [without(raw, found_at(raw, ("result", "tools")), going)])
    kept = [item for item, goes in zip(items, going, strict=True) if not goes]
    assert json.loads(left) == {**message, "result": {"tools": kept, "after": [1]}}
    if isinstance(parse(raw), Message):
        assert isinstance(parse(left), Message)
