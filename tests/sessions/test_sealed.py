"""Sealed session ids: opened for the principal and at the place that they were sealed for, and else never."""

from __future__ import annotations

import re
import secrets
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.identity.principal import Principal
from mcpgate.sessions.sealed import (
    RIPE,
    UPSTREAM_ID_MOST,
    Kind,
    Session,
    SessionKey,
    SessionKeys,
    digest_of,
    leads_to,
    place_of,
    route_in,
)

NOW = 1_800_000_000.0
DAY = 86400.0
CI = Principal("ci", "token", "0123456789ab", NOW + DAY)
PLACE = place_of("github", b"mcp.test:8443", b"/mcp")
UPSTREAM_ID = b"5f2b0c7ad1e94d0f8a3e"


def key(id: int, created: float = NOW - DAY) -> SessionKey:
    return SessionKey(id.to_bytes(6, "big"), created, secrets.token_bytes(32))


KEYS = SessionKeys((key(1),), DAY)
SEALED = KEYS.seal("session", UPSTREAM_ID, CI, PLACE, NOW)


def test_what_was_sealed_is_opened_for_who_it_was_sealed_for() -> None:
    """With any proof of being that principal: tokens are renewed while sessions go on."""
    other_proof = Principal("ci", "token", "ba9876543210", None)
    assert KEYS.unseal(SEALED, other_proof, PLACE, NOW + 1) == Session(
        kind="session",
        upstream_id=UPSTREAM_ID,
        principal=("token", "ci"),
        place=PLACE,
        opened=NOW,
        digest=digest_of(SEALED)[:16],
    )


def test_it_is_visible_ascii_and_no_two_are_alike() -> None:
    """As MCP asks of a Mcp-Session-Id; one who sees two cannot tell whether they are of one session."""
    again = KEYS.seal("session", UPSTREAM_ID, CI, PLACE, NOW)
    assert again != SEALED
    for sealed in (again, SEALED):
        assert re.fullmatch(rb"[\x21-\x7e]+", sealed)
        assert UPSTREAM_ID not in sealed


@pytest.mark.parametrize(
    "principal",
    [
        Principal("ci2", "token", CI.id, CI.expires),
        Principal("ci", "certificate", CI.id, CI.expires),
        Principal("", "token", CI.id, None),
        Principal("anonymous", "anonymous", "", None),
    ],
)
def test_nobody_else_can_use_it(principal: Principal) -> None:
    assert KEYS.unseal(SEALED, principal, PLACE, NOW) is None


@pytest.mark.parametrize(
    "place",
    [
        place_of("github-read", b"mcp.test:8443", b"/mcp"),
        place_of("github", b"mcp.test", b"/mcp"),
        place_of("github", b"mcp.test:8443", b"/mcp2"),
        b"",
    ],
)
def test_it_is_nothing_at_another_place(place: bytes) -> None:
    assert KEYS.unseal(SEALED, CI, place, NOW) is None


def test_parts_that_join_to_the_same_bytes_are_not_the_same() -> None:
    """A name that ends where a place begins proves nothing."""
    sealed = KEYS.seal("session", b"x", Principal("ab", "token", "", None), b"c", NOW)
    assert KEYS.unseal(sealed, Principal("a", "token", "", None), b"bc", NOW) is None


def test_a_session_is_no_endpoint() -> None:
    endpoint = KEYS.seal("endpoint", b"/messages/?session_id=1", CI, PLACE, NOW)
    assert KEYS.unseal(endpoint, CI, PLACE, NOW) is None
    assert KEYS.unseal(SEALED, CI, PLACE, NOW, kind="endpoint") is None
    opened = KEYS.unseal(endpoint, CI, PLACE, NOW, kind="endpoint")
    assert opened is not None
    assert (opened.kind, opened.upstream_id) == ("endpoint", b"/messages/?session_id=1")


def test_it_is_over_after_its_lifetime_and_can_only_be_ended_then() -> None:
    assert KEYS.unseal(SEALED, CI, PLACE, NOW + DAY - 1) is not None
    assert KEYS.unseal(SEALED, CI, PLACE, NOW + DAY) is None
    assert KEYS.unseal(SEALED, CI, PLACE, float("nan")) is None
    # A clock that was set back, or a replica's: what was sealed is authentic all the same.
    assert KEYS.unseal(SEALED, CI, PLACE, NOW - 60) is not None
    opened = KEYS.opened(SEALED, CI, PLACE)
    assert opened is not None and opened.upstream_id == UPSTREAM_ID


@pytest.mark.parametrize(
    "upstream_id", [b"", b"a b", b"a\n", b"\x7f", b"caf\xc3\xa9", b"x" * (UPSTREAM_ID_MOST + 1)]
)
def test_an_id_that_no_header_could_hold_is_not_sealed(upstream_id: bytes) -> None:
    with pytest.raises(ValueError, match="visible ASCII"):
        KEYS.seal("session", upstream_id, CI, PLACE, NOW)


@given(st.binary(min_size=1, max_size=64).map(lambda raw: bytes(0x21 + byte % 94 for byte in raw)))
def test_whatever_an_upstream_may_choose_comes_back(upstream_id: bytes) -> None:
    sealed = KEYS.seal("session", upstream_id, CI, PLACE, NOW)
    session = KEYS.unseal(sealed, CI, PLACE, NOW)
    assert session is not None and session.upstream_id == upstream_id


def test_the_longest_one_comes_back() -> None:
    sealed = KEYS.seal("session", b"~" * UPSTREAM_ID_MOST, CI, PLACE, NOW)
    assert len(sealed) == 1422
    session = KEYS.unseal(sealed, CI, PLACE, NOW)
    assert session is not None and len(session.upstream_id) == UPSTREAM_ID_MOST


# What is not ours.


def test_a_thousand_tampered_and_invented_ids_open_nothing() -> None:
    """Every single character changed, to each of some others; and as many at random."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    tried = set()
    for at in range(len(SEALED)):
        for other in secrets.SystemRandom().sample(alphabet, 16):
            tried.add(SEALED[:at] + bytes([other]) + SEALED[at + 1 :])
    tried |= {secrets.token_urlsafe(len(SEALED) * 3 // 4).encode() for _ in range(1000)}
    # With the id of a key that there is.
    tried |= {urlsafe_b64encode(bytes(5) + b"\1" + secrets.token_bytes(60)).rstrip(b"=") for _ in range(1000)}
    tried.discard(SEALED)
    assert len(tried) > 3000
    assert not [sealed for sealed in tried if KEYS.unseal(sealed, CI, PLACE, NOW) is not None]


def test_one_session_has_one_name() -> None:
    """The spare bits of the last character, padding and the other alphabet name nothing."""
    odd = SEALED
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(odd[-1:])
    assert len(odd) % 4, "there are spare bits"
    same_bytes = odd[:-1] + alphabet[last ^ 1 : (last ^ 1) + 1]
    for sealed in (same_bytes, odd + b"=", odd + b"\n", b" " + odd, odd.replace(b"_", b"/") + b"=="):
        assert KEYS.unseal(sealed, CI, PLACE, NOW) is None


@given(st.binary(max_size=200) | st.binary(max_size=120).map(lambda raw: urlsafe_b64encode(raw).rstrip(b"=")))
def test_opening_never_raises(sealed: bytes) -> None:
    assert KEYS.unseal(sealed, CI, PLACE, NOW) is None


@given(st.integers(0, len(SEALED)), st.binary(max_size=3), st.integers(0, 3))
def test_a_mutated_one_is_never_opened(at: int, put: bytes, gone: int) -> None:
    mutated = SEALED[:at] + put + SEALED[at + gone :]
    if mutated != SEALED:
        assert KEYS.unseal(mutated, CI, PLACE, NOW) is None


def test_nothing_shows_a_secret() -> None:
    (one,) = KEYS._keys
    session = KEYS.unseal(SEALED, CI, PLACE, NOW)
    seen = repr(one) + repr(session) + repr(KEYS)
    assert UPSTREAM_ID.decode() not in seen
    assert repr(one.secret)[2:-1] not in seen
    assert session is not None and session.digest.encode() not in SEALED


# Keys.


def test_the_newest_key_seals_once_all_have_it_and_all_open() -> None:
    """So a worker or replica that got it a moment later knows what another has sealed."""
    old, new = key(1, NOW - 10 * DAY), key(2, NOW)
    keys = SessionKeys((new, old), DAY)
    assert keys.seals(NOW) is old and keys.seals(NOW + RIPE) is new
    first = keys.seal("session", b"a", CI, PLACE, NOW)
    second = keys.seal("session", b"b", CI, PLACE, NOW + RIPE)
    for sealed in (first, second):
        assert keys.unseal(sealed, CI, PLACE, NOW + RIPE) is not None
    assert SessionKeys((old,), DAY).unseal(second, CI, PLACE, NOW + RIPE) is None
    assert SessionKeys((new,), DAY).unseal(first, CI, PLACE, NOW + RIPE) is None


def test_the_only_key_seals_at_once() -> None:
    """Also one of a clock that was ahead."""
    assert SessionKeys((key(1, NOW + DAY),), DAY).seals(NOW).id == bytes(5) + b"\1"


def test_a_key_of_the_same_id_is_not_the_same_key() -> None:
    assert SessionKeys((key(1),), DAY).unseal(SEALED, CI, PLACE, NOW) is None


def test_without_a_key_nothing_is_sealed_or_opened() -> None:
    with pytest.raises(ValueError, match="no session key"):
        SessionKeys().seal("session", b"a", CI, PLACE, NOW)
    assert SessionKeys().unseal(SEALED, CI, PLACE, NOW) is None
    assert not SessionKeys()


def test_a_place_says_which_route_and_where() -> None:
    assert route_in(PLACE) == "github"
    assert leads_to(PLACE, b"mcp.test:8443", b"/mcp")
    assert not leads_to(PLACE, b"mcp.test", b"/mcp")
    assert not leads_to(PLACE, b"mcp.test:8443", b"/")
    assert not leads_to(b"", b"mcp.test:8443", b"/mcp")


def test_one_kind_of_sealed_text_is_not_another() -> None:
    """The id of a held call opens no session, and the other way round."""
    kinds: tuple[Kind, ...] = ("session", "endpoint", "hold")
    keys = SessionKeys((key(1),), DAY)
    for kind in kinds:
        sealed = keys.seal(kind, b"a", CI, PLACE, NOW)
        opened = [other for other in kinds if keys.opened(sealed, CI, PLACE, kind=other) is not None]
        assert opened == [kind]
