"""One member is replaced, and nothing else changes."""

from __future__ import annotations

import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.wire.splice import kept, removed, replaced

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_what_is_not_replaced_keeps_its_bytes() -> None:
    before = b'{ "a" : {"keep":1.10,"b":[1 ,2], "big":123456789012345678901234567890} ,"z":1e2,'
    before += b'"\\u00e9":"\\/"}'
    after = replaced(before, ["a", "b"], ["new"])
    assert after == (
        '{"a":{"keep":1.10,"b":["new"],"big":123456789012345678901234567890},"z":1e2,"é":"\\/"}'.encode()
    )


@given(st.dictionaries(st.text(), VALUES, min_size=1), st.data())
def test_it_reads_as_the_same_document_with_another_value(
    document: dict[str, object], data: st.DataObject
) -> None:
    raw = json.dumps(document, ensure_ascii=False).encode()
    name = data.draw(st.sampled_from(sorted(document)))
    after = json.loads(replaced(raw, [name], "new"), parse_float=Decimal)
    expected = {**json.loads(raw, parse_float=Decimal), name: "new"}
    assert after == expected
    assert list(after) == list(expected)


def test_a_member_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        replaced(b'{"a":1}', ["b"], 1)
    with pytest.raises(msgspec.ValidationError):
        replaced(b'{"a":1}', ["a", "b"], 1)


def test_what_is_left_out_is_gone_and_the_rest_keeps_its_bytes() -> None:
    before = b'{ "a" : {"keep":1.10,"b":[1 ,2],"c":null} ,"z":1e2}'
    assert removed(before, ["a"], {"b", "d"}) == b'{"a":{"keep":1.10,"c":null},"z":1e2}'
    assert removed(before, [], {"a"}) == b'{"z":1e2}'


@given(st.dictionaries(st.text(), VALUES, min_size=1), st.data())
def test_without_a_member_it_reads_as_the_same_document(
    document: dict[str, object], data: st.DataObject
) -> None:
    raw = json.dumps({"in": document}, ensure_ascii=False).encode()
    name = data.draw(st.sampled_from(sorted(document)))
    expected = json.loads(raw, parse_float=Decimal)["in"]
    del expected[name]
    assert json.loads(removed(raw, ["in"], [name]), parse_float=Decimal) == {"in": expected}


def test_of_an_array_only_some_elements_stay_in_the_bytes_they_had() -> None:
    before = b'{ "a" : {"b":[ 1.10 ,{"x": 1e2 },"\\u00e9"],"c":1.0}}'
    assert kept(before, ["a", "b"], [True, False, True]) == b'{"a":{"b":[1.10,"\\u00e9"],"c":1.0}}'
    assert kept(before, ["a", "b"], [False] * 3) == b'{"a":{"b":[],"c":1.0}}'
    with pytest.raises(msgspec.ValidationError):
        kept(before, ["a"], [])
