"""What token endpoints answer: a token that can be shown, or a fault in words of ours."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.credentials.answer import LIFETIME, LIFETIME_MOST, TOKEN_LENGTH, Fault, Granted, read_answer

GOOD: dict[str, Any] = {"access_token": "a.b-c_d~e+f/g==", "token_type": "Bearer", "expires_in": 60}
LEAK = "s3cret"


def read(answer: object, status: int = 200, retry_after: str | None = None) -> Granted | Fault:
    """As it was answered."""
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return read_answer(status, retry_after, body)


@pytest.mark.parametrize(
    ("changed", "lifetime"),
    [
        ({}, 60.0),
        ({"token_type": "bearer"}, 60.0),
        ({"expires_in": "3599"}, 3599.0),
        ({"expires_in": 59.5}, 59.5),
        ({"expires_in": 10**12}, LIFETIME_MOST),
        ({"expires_in": 10**400}, LIFETIME_MOST),
        ({"expires_in": 1}, 1.0),
        ({"expires_in": None}, LIFETIME),
        ({"scope": "other", "refresh_token": "r", "id_token": "i"}, 60.0),
    ],
)
def test_a_token_is_read_with_the_time_for_which_it_is_good(
    changed: dict[str, Any], lifetime: float
) -> None:
    """Also where a server writes it in its own way, or leaves it out."""
    assert read(GOOD | changed) == Granted(GOOD["access_token"], lifetime)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "JSON"),
        (b"<html>", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b'{"access_token":"\xff"}', "JSON"),
        ([GOOD], "JSON"),
        ({}, "access_token"),
        (GOOD | {"access_token": ""}, "access_token"),
        (GOOD | {"access_token": ["a"]}, "access_token"),
        (GOOD | {"token_type": "mac"}, "Bearer"),
        (GOOD | {"token_type": "N_A"}, "Bearer"),
        (GOOD | {"token_type": None}, "Bearer"),
        (GOOD | {"access_token": "a\r\nx-admin: 1"}, "header"),
        (GOOD | {"access_token": "a b"}, "header"),
        (GOOD | {"access_token": "ä"}, "header"),
        (GOOD | {"access_token": "a" * (TOKEN_LENGTH + 1)}, "characters"),
        (GOOD | {"expires_in": 0}, "expired"),
        (GOOD | {"expires_in": -5}, "expired"),
        (GOOD | {"expires_in": -(10**400)}, "expired"),
        (GOOD | {"expires_in": 0.5}, "expired"),
        (GOOD | {"expires_in": "soon"}, "when"),
        (GOOD | {"expires_in": True}, "when"),
        (GOOD | {"expires_in": [60]}, "when"),
    ],
)
def test_what_is_no_token_to_show_is_a_fault(answer: object, why: str) -> None:
    """It says what is wrong, and quotes nothing."""
    found = read(answer)
    assert isinstance(found, Fault) and why in found.why
    assert "x-admin" not in found.why


def test_another_type_of_token_than_was_asked_for_is_a_fault() -> None:
    """RFC 8693 section 2.2.1; a server that does not say which it is gets the benefit of the doubt."""
    body = json.dumps(GOOD | {"issued_token_type": "urn:jwt"}).encode()
    assert isinstance(read_answer(200, None, body, "urn:jwt"), Granted)
    assert isinstance(read_answer(200, None, body), Granted)
    assert isinstance(read_answer(200, None, json.dumps(GOOD).encode(), "urn:jwt"), Granted)
    assert isinstance(read_answer(200, None, body, "urn:access"), Fault)


@pytest.mark.parametrize(
    ("status", "answer", "why", "general"),
    [
        (400, {"error": "invalid_grant", "error_description": LEAK}, "it answered 400 invalid_grant", False),
        (400, {"error": "invalid_client"}, "it answered 400 invalid_client", True),
        (401, {"error": "invalid_client"}, "it answered 401 invalid_client", True),
        (400, {"error": "invalid_target"}, "it answered 400 invalid_target", False),
        (400, {"error": LEAK}, "it answered 400", False),
        (400, {"error": {"code": LEAK}}, "it answered 400", False),
        (400, LEAK.encode(), "it answered 400", False),
        (400, {"error": "invalid_scope"}, "it answered 400 invalid_scope", False),
        (401, {"error": "invalid_token"}, "it answered 401 invalid_token", False),
        (403, {"error": "access_denied"}, "it answered 403 access_denied", False),
        (403, b"", "it answered 403", False),
        (401, b"", "it answered 401", True),
        (429, {"error": "access_denied"}, "it answered 429 access_denied", True),
        (500, b"", "it answered 500", True),
        (302, b"", "it answered 302", True),
        (201, GOOD, "it answered 201", True),
    ],
)
def test_a_refusal_is_told_by_its_code(status: int, answer: object, why: str, general: bool) -> None:
    """And by nothing else of it: a description may repeat what was sent."""
    assert read(answer, status) == Fault(why, general=general)


@pytest.mark.parametrize(("given_", "wait"), [("7", 7.0), (None, 0.0), ("Wed, 21 Oct", 0.0), ("1" * 30, 0.0)])
def test_a_server_may_say_how_long_it_wants_to_be_left_alone(given_: str | None, wait: float) -> None:
    """In seconds; a date is passed over."""
    found = read(b"", 503, given_)
    assert isinstance(found, Fault) and found.wait == wait


@given(st.binary(max_size=200), st.integers(200, 599))
def test_nothing_that_a_server_says_raises(body: bytes, status: int) -> None:
    """Whatever it is, it is read."""
    assert isinstance(read_answer(status, None, body), Granted | Fault)


def test_a_token_is_not_shown_by_what_holds_it() -> None:
    """Values end in tracebacks and logs."""
    assert "hidden" not in repr(Granted("hidden", 1.0))
