"""A form is read in one way, or not at all."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.form import CONTENT_TYPE, read_form


def test_names_and_values_are_decoded() -> None:
    """A plus is a space, an escape what it says, and a name may have several values."""
    found = read_form(b"grant_type=urn%3Aa%3Ab&scope=a+b&resource=https://x/y&resource=%C3%AB&empty=")
    assert found == {
        "grant_type": ("urn:a:b",),
        "scope": ("a b",),
        "resource": ("https://x/y", "\u00eb"),
        "empty": ("",),
    }
    assert read_form(b"") == {}


@pytest.mark.parametrize(
    "body",
    [b"a", b"=a", b"&", b"a=1&", b"a=%", b"a=%4", b"a=%zz", b"a=\xff", b"a=%ff", b"a=%00", b"a=b c", b"a=b=c"]
    + [b"a=1\r\n", b"a=%0d%0a", b'{"a":1}', b"&".join([b"a=1"] * 65)],
)
def test_what_is_no_form_is_refused(body: bytes) -> None:
    """And nothing of it is repeated."""
    refused = read_form(body)
    assert isinstance(refused, Refusal) and refused.reason is Reason.AUTH_REQUEST
    assert len(refused.detail) < 60


NAMES = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1)
VALUES = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]))


@given(st.dictionaries(NAMES, VALUES, max_size=9))
def test_what_a_library_writes_is_read_as_it_was(fields: dict[str, str]) -> None:
    """Whatever characters are in it."""
    assert read_form(urlencode(fields).encode()) == {name: (value,) for name, value in fields.items()}


def test_the_type_of_a_form_is_its_own() -> None:
    """With or without the one charset that it has."""
    for good in (b"application/x-www-form-urlencoded", b"Application/X-WWW-Form-Urlencoded; charset=UTF-8"):
        assert CONTENT_TYPE.fullmatch(good)
    other = b"application/x-www-form-urlencoded; charset=utf-16"
    for bad in (b"application/json", other, b"text/plain", b""):
        assert not CONTENT_TYPE.fullmatch(bad)
