"""Documents of others, read in one way only."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.identity.document import DocumentError, read_base64url, read_object
from tests.identity.minting import base64url


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"{} {}", "not JSON"),
        (b"{'a':1}", "not JSON"),
        (b'{"a":1,}', "not JSON"),
        (b'{"a":01}', "not JSON"),
        (b'\xef\xbb\xbf{"a":1}', "not JSON"),
        ('{"a":1}'.encode("utf-16"), "not JSON"),
        (b'{"a":"\xff"}', "not JSON"),
        (b'{"a":"\xed\xa0\x80"}', "not JSON"),
        (b'{"a":"\x01"}', "not JSON"),
        (b'{"a":' + b"9" * 5000 + b"}", "not JSON"),
        (b'"text"', "not an object"),
        (b"[]", "not an object"),
        (b"null", "not an object"),
        (b'{"a":1,"a":1}', "two members"),
        (b'{"a":1,"\\u0061":1}', "two members"),
        (b'{"a":[{"b":{"c":1,"c":2}}]}', "two members"),
        (b'{"a":NaN}', "NaN"),
        (b'{"a":-Infinity}', "NaN"),
        (b'{"a":1e400}', "out of range"),
        (b'{"a":[-1e400]}', "out of range"),
        (b'{"a":9223372036854775808}', "out of range"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b'{"\\udc00":1}', "surrogate"),
        (b'{"a":[["\\ud800 "]]}', "surrogate"),
        (nested(8), "nested"),
        (b'{"a":' + b"[" * 100_000, "nested"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused_with_why(raw: bytes, why: str) -> None:
    with pytest.raises(DocumentError, match=why):
        read_object(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b' {"a" : [1, 2.5, -0, true, null, "\\ud83d\\ude00", {}]}\n',
        nested(7),
        b'{"a":9223372036854775807,"A":1,"b":1e300}',
    ],
)
def test_what_is_beyond_doubt_is_read_as_json_says(raw: bytes) -> None:
    assert read_object(raw) == json.loads(raw)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_whatever_was_written_is_read_again_or_refused(value: dict[str, Any]) -> None:
    try:
        assert read_object(json.dumps(value).encode()) == value
    except DocumentError as error:
        assert "nested" in str(error) or "surrogate" in str(error)


@given(st.binary(max_size=60))
def test_any_bytes_are_an_object_or_a_document_error(raw: bytes) -> None:
    try:
        assert type(read_object(raw)) is dict
    except DocumentError:
        pass


@pytest.mark.parametrize(
    "text", [b"QQ==", b"QQ=", b"Q", b"QR", b"+w", b"/w", b"QU\n", b"Q Q", b"QQ.", b"Q\xff"]
)
def test_base64url_has_one_spelling(text: bytes) -> None:
    with pytest.raises(DocumentError):
        read_base64url(text)


@given(st.binary(max_size=50))
def test_every_bytes_have_their_base64url(raw: bytes) -> None:
    assert read_base64url(base64url(raw).encode()) == raw
