"""Granted tokens say what was sealed, to the gate that sealed it, until they are over."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.identity.granted import (
    PREFIX,
    TOKEN_MOST,
    Grant,
    Granting,
    Grants,
    TooLarge,
    granted_token,
    id_of,
)
from mcpgate.identity.principal import Principal
from mcpgate.identity.saml.terms import Assertions
from mcpgate.reasons import Reason, Refusal
from mcpgate.sessions.sealed import SessionKey, SessionKeys

NOW = 1_800_000_000.0


def keys(*secrets: bytes, granting: tuple[Granting, ...] = (Granting("corp"),)) -> Grants:
    """Of these session keys, each a day older than the next."""
    session_keys = tuple(
        SessionKey(secret[:6], NOW - 86400.0 * (len(secrets) - index), secret)
        for index, secret in enumerate(secrets or (b"a" * 32,))
    )
    return Grants(SessionKeys(session_keys), {one.name: one for one in granting}, Assertions(()))


GRANT = Grant("corp", "alice@example.org", NOW + 900, ("dev",), {"mail": "a@b"}, ("mcp",))


def test_a_token_says_what_was_granted() -> None:
    """Who its subject is, by whose word, until when; and its id gives nothing of it away."""
    token = keys().seal(GRANT, NOW)
    found = keys().judge(token, "github", NOW)
    assert isinstance(found, Principal)
    assert (found.name, found.how, found.issuer) == ("corp/alice@example.org", "saml", "corp")
    assert (found.subject, found.groups, found.claims) == ("alice@example.org", ("dev",), {"mail": "a@b"})
    assert (found.scopes, found.expires) == (frozenset({"mcp"}), NOW + 900)
    assert found.id == id_of(token) and re.fullmatch("[0-9a-f]{64}", found.id)
    assert granted_token(b"bearer  " + token) == token
    for other in (b"Bearer mcpgate_0123456789ab_x", token, b"Basic " + token, b"Bearer " + token + b" x"):
        assert granted_token(other) is None
    assert re.fullmatch(rb"mcpgate_s_[A-Za-z0-9_-]+", token)


def test_nothing_of_it_can_be_read_without_the_key() -> None:
    """Two tokens of the same grant have nothing in common, and the subject is in neither."""
    one, two = (keys().seal(GRANT, NOW) for _ in range(2))
    inside = [urlsafe_b64decode(token[len(PREFIX) :] + b"==") for token in (one, two)]
    assert inside[0][6:] != inside[1][6:] and not any(b"alice" in raw for raw in inside)


def test_a_token_is_over_when_it_says() -> None:
    """Not a moment later."""
    token = keys().seal(GRANT, NOW)
    assert isinstance(keys().judge(token, "github", NOW + 899.9), Principal)
    over = keys().judge(token, "github", NOW + 900)
    assert isinstance(over, Refusal) and over.reason is Reason.AUTH_EXPIRED


def test_a_token_is_good_as_long_as_its_key_is_there() -> None:
    """A rotation keeps the old key, and takes it away when every session is to end."""
    token = keys(b"a" * 32).seal(GRANT, NOW)
    assert isinstance(keys(b"a" * 32, b"b" * 32).judge(token, "github", NOW), Principal)
    gone = keys(b"b" * 32).judge(token, "github", NOW)
    assert isinstance(gone, Refusal) and gone.reason is Reason.AUTH_INVALID


def test_a_session_key_itself_opens_nothing() -> None:
    """It is for another purpose: a token is no session, and a session no token."""
    session_keys = SessionKeys((SessionKey(b"a" * 6, NOW, b"a" * 32),), 1e9)
    alice = Principal("corp/alice@example.org", "saml", "", None)
    token = keys().seal(GRANT, NOW)
    assert session_keys.unseal(token.removeprefix(PREFIX), alice, b"place", NOW) is None
    session = session_keys.seal("session", b"upstream", alice, b"place", NOW)
    assert isinstance(keys().judge(PREFIX + session, "github", NOW), Refusal)


def test_a_token_is_for_its_routes() -> None:
    """Those that it was asked for, and those that its issuer's table names, as it does now."""
    bound = keys().seal(Grant("corp", "alice", NOW + 900, routes=("github",)), NOW)
    assert isinstance(keys().judge(bound, "github", NOW), Principal)
    free = keys().seal(GRANT, NOW)
    narrower = keys(granting=(Granting("corp", frozenset({"github"})),))
    assert isinstance(narrower.judge(free, "github", NOW), Principal)
    for found in (keys().judge(bound, "jira", NOW), narrower.judge(free, "jira", NOW)):
        assert isinstance(found, Refusal) and found.reason is Reason.AUTH_AUDIENCE


def test_a_token_ends_with_the_table_that_it_was_granted_by() -> None:
    """Nobody vouches for its subject any more."""
    token = keys().seal(GRANT, NOW)
    gone = keys(granting=(Granting("other"),)).judge(token, "github", NOW)
    assert isinstance(gone, Refusal) and gone.reason is Reason.AUTH_ISSUER


def test_a_token_that_no_head_could_carry_is_not_made() -> None:
    """What can be said of a subject is bounded."""
    with pytest.raises(TooLarge, match="more than 3072"):
        keys().seal(Grant("corp", "alice", NOW + 900, tuple(f"group-{n}" for n in range(300))), NOW)
    with pytest.raises(ValueError, match="no session key"):
        Grants(SessionKeys(), {"corp": Granting("corp")}, Assertions(())).seal(GRANT, NOW)


TOKEN = keys().seal(GRANT, NOW)


@given(st.integers(0, len(TOKEN) - 1), st.binary(max_size=3), st.integers(0, 3))
def test_no_other_text_is_a_token(at: int, put: bytes, drop: int) -> None:
    """Not even one that decodes to the same bytes: a token has one text, so that its id is one."""
    text = TOKEN[:at] + put + TOKEN[at + drop :]
    if text != TOKEN:
        assert isinstance(keys().judge(text, "github", NOW), Refusal)


def test_what_is_too_long_is_not_looked_at() -> None:
    """However it begins."""
    assert isinstance(keys().judge(PREFIX + b"A" * TOKEN_MOST, "github", NOW), Refusal)
