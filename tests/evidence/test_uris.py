"""A record says which resource it was, and nothing by which its reader could have it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.evidence.uris import shown


@pytest.mark.parametrize(
    ("name", "recorded"),
    [
        ("get_weather", "get_weather"),
        ("file:///srv/notes.txt", "file:///srv/notes.txt"),
        ("urn:isbn:0451450523", "urn:isbn:0451450523"),
        ("mailto:ada@example.com", "mailto:ada@example.com"),
        ("https://ada:s3cret@host:8443/a", "https://***@host:8443/a"),
        ("db://s3cret@host/a", "db://***@host/a"),
        ("https://host/a?token=s3cret&page=2", "https://host/a?token=***&page=***"),
        ("https://host/a?s3cret", "https://host/a?***"),
        ("https://host/a?", "https://host/a?"),
        ("https://host/a?x=a=s3cret#s3cret", "https://host/a?x=***#***"),
        ("https://host/a#s3cret?s3cret@", "https://host/a#***"),
        ("note:a?key=s3cret", "note:a?key=***"),
        ("data:text/plain;base64,s3cret", "data:text/plain;base64,***"),
        ("DATA:s3cret,s3cret", "DATA:,***"),
        ("data:image/png;x=s3cret;base64,s3cret", "data:image/png,***"),
        ("data:,s3cret", "data:,***"),
        ("/a?key=s3cret", "/a?key=***"),
        ("?s3cret", "?***"),
        ("a#s3cret", "a#***"),
        ("//ada:s3cret@host/a", "//***@host/a"),
        (r"https:\\ada:s3cret@host", r"https:\\***@host"),
        ("https:/ada:s3cret@host/a", "https:/***@host/a"),
        ("https:ada:s3cret@host/a", "https:***@host/a"),
        ("https%3A//ada:s3cret@host/a", "https%3A//***@host/a"),
        (" https://ada:s3cret@host/a", " https://***@host/a"),
        ("npm:lodash@4", "npm:lodash@4"),
        ("https://host/a;key=s3cret/b;c;d=s3cret", "https://host/a;key=***/b;c;d=***"),
        ("https://host/@ada/package@1.2", "https://host/@ada/package@1.2"),
        ("npm:/@scope/package", "npm:/@scope/package"),
        ("sip:ada@example.com", "sip:ada@example.com"),
        ("calculate: a?", "calculate: a?"),
        ("list @mentions", "list @mentions"),
    ],
)
def test_what_may_be_a_secret_in_a_uri_is_not_recorded(name: str, recorded: str) -> None:
    """The rest is as it came."""
    assert shown(name) == recorded


_SECRET = st.text(st.characters(exclude_characters="/?#@&=:,", codec="utf-8"), min_size=12)


_PLACES = ["s://{}@h/", "s://h/?{}", "s://h/?a={}", "s:#{}", "s://u:{}@h?x", "?{}", "a?b={}"]


@given(secret=_SECRET, place=st.sampled_from(_PLACES))
def test_no_secret_is_recorded_in_its_usual_place(secret: str, place: str) -> None:
    """Whatever it is made of."""
    assert secret not in shown(place.format(secret))


@given(st.text())
def test_any_name_is_shown_and_shown_the_same_again(name: str) -> None:
    """What was left out is not left out twice."""
    assert shown(shown(name)) == shown(name)
