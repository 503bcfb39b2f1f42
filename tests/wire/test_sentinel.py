"""Base64 in a sentinel is read in one way only (2026-07-28, streamable HTTP, "Value Encoding")."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.inbound import decode_header_value, encode_header_value

from mcpgate.wire.http import VALUE
from mcpgate.wire.sentinel import decode, encode

#: The table of the page, and that of SEP-2243, "Value Encoding Edge Cases".
ENCODED = [
    ("us-west1", b"us-west1"),
    ("us west 1", b"us west 1"),
    ("Hello, 世界", b"=?base64?SGVsbG8sIOS4lueVjA==?="),
    (" padded ", b"=?base64?IHBhZGRlZCA=?="),
    ("line1\nline2", b"=?base64?bGluZTEKbGluZTI=?="),
    ("line1\r\nline2", b"=?base64?bGluZTENCmxpbmUy?="),
    ("\tindented", b"=?base64?CWluZGVudGVk?="),
    ("us-west1 ", b"=?base64?dXMtd2VzdDEg?="),
    ("=?base64?literal?=", b"=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
    ("=?base64?=", b"=?base64?PT9iYXNlNjQ/PQ==?="),
    ("=?base64?half", b"=?base64?half"),
    ("", b""),
]


@pytest.mark.parametrize(("text", "value"), ENCODED)
def test_texts_are_encoded_as_the_specification_shows(text: str, value: bytes) -> None:
    assert encode(text) == value
    assert decode(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        # SEP-2243, "Base64 Decoding".
        (b"=?base64?SGVsbG8=?=", "Hello"),
        (b"SGVsbG8=", "SGVsbG8="),
        (b"=?base64?SGVsbG8=", "=?base64?SGVsbG8="),
        (b"=?BASE64?SGVsbG8=?=", "=?BASE64?SGVsbG8=?="),
        (b"=?Base64?SGVsbG8=?=", "=?Base64?SGVsbG8=?="),
        (b"SGVsbG8=?=", "SGVsbG8=?="),
        (b"=?base64??=", ""),
        (b"a\tb", "a\tb"),
    ],
)
def test_what_lacks_a_marker_is_literal(value: bytes, text: str) -> None:
    assert decode(value) == text


@pytest.mark.parametrize(
    "value",
    [
        b"=?base64?SGVsbG8?=",  # no padding
        b"=?base64?SGVsbG8==?=",  # too much
        b"=?base64?SGVs!!!bG8=?=",
        b"=?base64?SGVs bG8=?=",
        b"=?base64? SGVsbG8=?=",
        b"=?base64?SGVsbG9=?=",  # bits left over that are not zero
        b"=?base64?SGVs\tbG8=?=",
        b"=?base64?SGVsbG8=SGVsbG8=?=",
        b"=?base64?=?=",
        b"=?base64?____?=",  # the alphabet of URLs
        b"=?base64?/w==?=",  # no UTF-8
        b"=?base64?7aCA?=",  # a surrogate
        b"=?base64?wK8=?=",  # overlong
        b"=?base64?=",  # both markers in one
        "Zürich".encode(),
        "Zürich".encode("latin-1"),
    ],
)
def test_what_two_readers_could_take_for_two_texts_is_malformed(value: bytes) -> None:
    assert decode(value) is None


@given(st.text())
def test_what_is_encoded_is_decoded_and_fits_a_header(text: str) -> None:
    value = encode(text)
    assert decode(value) == text
    assert VALUE.fullmatch(value) and value == value.strip(b" \t") and value.isascii()


@given(st.binary().map(lambda raw: b"=?base64?" + raw + b"?=") | st.binary())
def test_only_canonical_base64_of_utf_8_is_decoded(value: bytes) -> None:
    text = decode(value)
    if text is None:
        return
    if value.startswith(b"=?base64?") and value.endswith(b"?="):
        assert b64encode(text.encode()) == value[9:-2]
    else:
        assert text.encode() == value


@given(st.binary(max_size=12), st.integers(0, 30), st.sampled_from(b"ABC+/=-_ \t!\x00\xff"))
def test_a_changed_byte_never_decodes_to_the_same_text(raw: bytes, at: int, other: int) -> None:
    """So a text has one encoded form: nobody can write it in a way that only some decoders read."""
    encoded = b64encode(raw)
    changed = encoded[:at] + bytes([other]) + encoded[at + 1 :]
    text = decode(b"=?base64?" + changed + b"?=")
    assert text is None or changed == b64encode(text.encode())
    assert text is None or b64decode(changed, validate=True) == text.encode()


@given(st.text())
def test_the_official_sdk_reads_what_we_write(text: str) -> None:
    assert decode_header_value(encode(text).decode()) == text


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)) | st.text())
def test_we_read_what_the_official_sdk_writes(text: str) -> None:
    value = encode_header_value(text)
    # It tells the two markers apart by a pattern, so it writes one text literally that the page's
    # rule (begins with one and ends with the other) has encoded.
    assert decode(value.encode()) == (None if value == "=?base64?=" else text)
