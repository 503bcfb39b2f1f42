"""Links, logins and journeys to a provider: what is kept, for how long, and for whom."""

from __future__ import annotations

import re

import pytest

from mcpgate.admin import login
from mcpgate.admin.login import AWAY, AWAY_MOST, LINK, LINKS_MOST, Logins
from mcpgate.admin.roles import Person, Role

SOMEBODY = Person("somebody", "link", Role.APPROVER)
OTHER = Person("other", "oidc", Role.VIEWER)


@pytest.fixture
def logins() -> Logins:
    return Logins()


def test_a_link_is_good_once_and_for_five_minutes(logins: Logins) -> None:
    """It says who it is for."""
    first, second = logins.link(SOMEBODY, 0.0), logins.link(OTHER, 0.0)
    assert logins.redeem(first, LINK - 1) == SOMEBODY
    assert logins.redeem(first, LINK - 1) is None
    assert logins.redeem(second, LINK) is None
    assert logins.redeem(second, 1.0) is None


def test_secrets_have_256_bits_and_only_hashes_are_kept(logins: Logins) -> None:
    """Whoever could read this memory could log in as nobody."""
    secrets = [logins.link(SOMEBODY, 0.0), logins.begin(SOMEBODY, 0.0, 60.0), *logins.leave(0.0, "/")[:2]]
    assert len({*secrets}) == 4
    kept = repr(vars(logins))
    for secret in secrets:
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", secret)
        assert secret not in kept


def test_a_login_ends_by_itself_and_when_its_owner_wants(logins: Logins) -> None:
    """And another one does not end with it."""
    one, two = logins.begin(SOMEBODY, 0.0, 60.0), logins.begin(OTHER, 0.0, 30.0)
    found = logins.find(one, 29.0)
    assert found is not None and found.person == SOMEBODY
    assert logins.count(29.0) == 2
    assert logins.find(two, 30.0) is None
    logins.end(one)
    assert logins.find(one, 1.0) is None
    assert logins.find(two, 1.0) is not None


def test_a_new_list_ends_the_logins_that_were_by_the_old_one(logins: Logins) -> None:
    """Of that kind alone."""
    one, two = logins.begin(SOMEBODY, 0.0, 60.0), logins.begin(OTHER, 0.0, 60.0)
    logins.end_all("oidc")
    assert logins.find(one, 1.0) is not None
    assert logins.find(two, 1.0) is None


def test_forms_belong_to_one_login(logins: Logins) -> None:
    """What one login's forms say is nothing in another's, nor in another process."""
    one = logins.find(logins.begin(SOMEBODY, 0.0, 60.0), 1.0)
    two = logins.find(logins.begin(SOMEBODY, 0.0, 60.0), 1.0)
    assert one is not None and two is not None and one.csrf != two.csrf
    assert logins.marked(one.csrf, one.csrf)
    assert not logins.marked(two.csrf, one.csrf)
    assert not logins.marked("", one.csrf)
    assert Logins().mark("a") != logins.mark("a")


def test_who_comes_back_is_who_has_left(logins: Logins) -> None:
    """A state counts once, in the browser it was given to, and for ten minutes."""
    state, browser, journey = logins.leave(0.0, "/held")
    assert logins.arrive(state, browser, 1.0) == journey and journey.after == "/held"
    assert logins.arrive(state, browser, 1.0) is None
    state, _, _ = logins.leave(0.0, "/")
    assert logins.arrive(state, browser, 1.0) is None
    state, browser, _ = logins.leave(0.0, "/")
    assert logins.arrive(state, browser, AWAY) is None
    assert logins.arrive("made up", browser, 1.0) is None
    assert logins.arrive("", "", 1.0) is None


def test_what_is_kept_is_bounded(logins: Logins, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest makes room; what is over is forgotten first; and no guess is hashed that is too long."""
    links = [logins.link(SOMEBODY, 0.0) for _ in range(LINKS_MOST + 1)]
    assert logins.redeem(links[0], 1.0) is None
    assert logins.redeem(links[1], 1.0) is not None
    monkeypatch.setattr(login, "hashed", lambda secret: pytest.fail("it was hashed"))
    assert logins.redeem("x" * 65, 1.0) is None
    assert logins.find("x" * 65, 1.0) is None


def test_a_secret_that_is_no_text_is_none(logins: Logins) -> None:
    """Lone surrogates, say, as forms may be decoded to."""
    assert logins.redeem("\udc80", 1.0) is None
    assert logins.find("\udc80", 1.0) is None


def test_whoever_leaves_a_thousand_times_keeps_nobody_from_coming_back() -> None:
    """It takes no proof to leave: of one address the oldest makes room, and nobody else's."""
    logins = Logins()
    state, browser, journey = logins.leave(0.0, "/", "192.0.2.1")
    first = logins.leave(0.0, "/", "203.0.113.5")
    for _ in range(2 * AWAY_MOST):
        last = logins.leave(1.0, "/", "203.0.113.5")
    for number in range(AWAY_MOST):
        logins.leave(2.0, "/", f"203.0.113.{number % 40}")
    assert logins.arrive(*first[:2], 3.0) is None
    assert logins.arrive(state, browser, 3.0) == journey
    assert logins.arrive(*last[:2], 3.0) is None


def test_those_on_their_way_are_bounded() -> None:
    """Whoever has most of them loses one first."""
    logins = Logins()
    state, browser, journey = logins.leave(0.0, "/", "192.0.2.1")
    for number in range(3 * AWAY_MOST):
        logins.leave(1.0, "/", f"203.0.113.{number % 250}")
    assert len(logins._journeys.found) == AWAY_MOST
    assert logins.arrive(state, browser, 3.0) == journey
