"""How people come in and go."""

from __future__ import annotations

import re
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit

import pytest
from twisted.logger import capturedLogs

from mcpgate.admin import entrance
from mcpgate.admin.asking import COOKIE
from mcpgate.admin.roles import Names
from tests.admin.house import House


def test_a_link_lets_in_once(house: House) -> None:
    """To look at it uses nothing up, and to press its button does."""
    browser = house.start().browser()
    secret = house.link()
    for _ in range(2):
        page = browser.ask(f"/login/link/{secret}")
        assert page.status == 200 and f'value="{secret}"' in page.body
    answer = browser.send("/login", link=secret)
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert "root (uid 0)" in browser.ask("/").body
    other = house.browser()
    again = other.send("/login", link=secret)
    assert again.status == 403 and "mcpgate dashboard" in again.body and not other.cookies


def test_the_cookie_is_the_hosts_alone(house: House) -> None:
    """No script reads it, no plain connection carries it, no other site's request brings it."""
    browser = house.start().browser()
    answer = browser.send("/login", link=house.link())
    line = answer.headers["set-cookie"]
    name, _, rest = line.partition("=")
    assert name == COOKIE == "__Host-mcpgate"
    value, *attributes = rest.split("; ")
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", value)
    assert attributes == ["Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=28800"]


def test_who_is_not_logged_in_is_led_to_the_login_and_back(house: House) -> None:
    """For each page; and nowhere else than to a page of ours."""
    browser = house.start().browser()
    answer = browser.ask("/?a=b")
    assert (answer.status, answer.headers["location"]) == (303, "/login?next=%2F%3Fa%3Db")
    page = browser.ask("/login?next=%2Fheld")
    assert page.status == 200 and "mcpgate dashboard" in page.body
    browser.redeem(house.link())
    assert browser.ask("/login?next=%2Fheld").headers["location"] == "/held"
    for elsewhere in ("//evil.test", "https://evil.test", "/\\evil.test", "/a%0d%0ab", ""):
        assert browser.ask(f"/login?next={elsewhere}").headers["location"] == "/"


def test_a_login_ends_when_its_owner_wants_it(house: House) -> None:
    """With a form of ours; then the cookie is nothing."""
    browser = house.start().logged_in()
    kept = dict(browser.cookies)
    refused = browser.send("/logout", csrf="made up")
    assert refused.status == 403
    csrf = browser.ask("/held").csrf
    assert browser.send("/logout", csrf=csrf).headers["location"] == "/login"
    assert not browser.cookies
    browser.cookies = kept
    assert browser.ask("/").status == 303


def test_a_login_lasts_as_long_as_the_configuration_says(house: House) -> None:
    """The cookie no longer, either."""
    browser = house.start(house.config('session = "1m"')).browser()
    assert "Max-Age=60" in browser.send("/login", link=house.link()).headers["set-cookie"]


def test_a_login_from_another_site_is_none(house: House) -> None:
    """Nobody is logged in as somebody else without seeing it."""
    browser = house.start().browser()
    secret = house.link()
    for headers in (
        {"Origin": "https://evil.test", "Sec_Fetch_Site": "cross-site"},
        {"Origin": "null", "Sec_Fetch_Site": "cross-site"},
    ):
        assert browser.send("/login", headers, link=secret).status == 403
    assert not browser.cookies
    assert browser.send("/login", link=secret).status == 303


def test_a_new_login_ends_the_one_that_the_browser_had(house: House) -> None:
    """A cookie that somebody has planted is worth nothing afterwards."""
    browser = house.start().logged_in()
    planted = dict(browser.cookies)
    browser.redeem(house.link())
    assert browser.cookies != planted
    browser.cookies = planted
    assert browser.ask("/").status == 303


def test_who_guesses_too_often_has_to_wait_and_nobody_else(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A good link works all the same, also from there."""
    monkeypatch.setattr(entrance, "FAILURES", 3)
    browser = house.start().browser()
    statuses = [browser.send("/login", link="made up").status for _ in range(5)]
    assert statuses == [403, 403, 403, 429, 429]
    waiting = browser.send("/login", link="made up")
    assert 0 < int(waiting.headers["retry-after"]) <= 60
    assert house.browser(source="127.0.0.2").send("/login", link="made up").status == 403
    assert browser.send("/login", link=house.link()).status == 303


def test_no_secret_of_a_login_is_in_the_log(house: House) -> None:
    """Neither the link's nor the cookie's."""
    with capturedLogs() as logged:
        browser = house.start().browser()
        secret = house.link()
        browser.ask(f"/login/link/{secret}")
        browser.send("/login", link=secret)
        browser.ask("/")
    (cookie,) = browser.cookies.values()
    assert any("is logged in" in str(event.get("log_format")) for event in logged)
    assert secret not in repr(logged) and cookie not in repr(logged)


def test_without_a_provider_there_is_no_way_to_one(house: House) -> None:
    """As for any page that is not there."""
    browser = house.start().browser()
    assert browser.ask("/login/oidc").status == 404
    assert browser.ask("/login/callback?code=a&state=b").status == 404


def test_strangers_next_door_keep_nobody_from_coming_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind one address there may be a whole house; whoever makes codes up has the provider asked seldom."""
    monkeypatch.setattr(entrance, "FAILURES", 3)
    monkeypatch.setattr(entrance, "QUESTIONS_APART", 3600.0)
    asked: list[str] = []

    async def find(*_: object) -> SimpleNamespace:
        return SimpleNamespace(endpoints={"authorization_endpoint": "https://idp.example.com/authorize"})

    async def prove(provider: object, oidc: object, said: dict[str, str], *_: object) -> tuple[Names, str]:
        asked.append(said["code"])
        return Names(("alice",)), "alice"

    monkeypatch.setattr(entrance, "find", find)
    monkeypatch.setattr(entrance, "prove", prove)
    issuer = '[[issuer]]\nname = "staff"\nissuer = "https://idp.example.com"\n'
    provider = 'public_url = "https://localhost"\nissuer = "staff"\nclient_id = "us"\nviewers = ["alice"]\n'
    stranger = house.start(house.config(provider, issuer)).browser()
    statuses = [stranger.ask("/login/callback?state=made-up&code=made-up").status for _ in range(4)]
    assert statuses == [403, 403, 403, 429] and not asked

    def comes_back(code: str) -> int:
        browser = house.browser()
        place = browser.ask("/login/oidc").headers["location"]
        state = dict(parse_qsl(urlsplit(place).query))["state"]
        return browser.ask(f"/login/callback?state={state}&code={code}").status

    assert (comes_back("good"), asked) == (303, ["good"])
    assert (comes_back("guess"), asked) == (429, ["good"])
