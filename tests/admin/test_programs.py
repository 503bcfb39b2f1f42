"""What programs ask for."""

from __future__ import annotations

import os

from tests.admin.house import STATUS, House

TOKEN = "a-token-for-metrics-alone"


def with_token(house: House) -> House:
    """A house whose metrics have a token."""
    file = house.directory / "token"
    with open(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as written:
        written.write(f"{TOKEN}\n")
    return house.start(house.config(f'metrics_token = "file:{file}"'))


def test_health_says_that_the_process_lives(house: House) -> None:
    """Whatever the gate does; to anybody."""
    house.answers["status"] = "is gone"
    answer = house.start().browser().ask("/healthz")
    assert (answer.status, answer.body) == (200, "ok\n")


def test_readiness_is_the_gates_own_word_of_the_last_second(house: House) -> None:
    """Asked once for all who ask."""
    browser = house.start().browser()
    before = len(house.asked)
    assert [browser.ask("/readyz").status for _ in range(3)] == [200] * 3
    assert len(house.asked) - before <= 2


def test_a_draining_gate_is_not_ready(house: House) -> None:
    """One word, and 503."""
    house.answers["status"] = {**STATUS, "draining": True}
    answer = house.start().browser().ask("/readyz")
    assert (answer.status, answer.body) == (503, "draining\n")


def test_a_gate_that_does_not_answer_is_not_ready(house: House) -> None:
    """Neither is one whose journal fails."""
    house.answers["status"] = "did not answer"
    browser = house.start().browser()
    assert browser.ask("/readyz").body == "gate\n"
    house.answers["status"] = {**STATUS, "journal": {"failure": "no space"}}
    assert browser.ask("/readyz").body == "journal\n"


def test_metrics_are_for_a_token_or_a_login(house: House) -> None:
    """They say who is called how often."""
    browser = with_token(house).browser()
    refused = browser.ask("/metrics")
    assert refused.status == 401 and refused.headers["www-authenticate"].startswith("Bearer ")
    for wrong in ("Bearer wrong", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer ", "Bearer \xff"):
        assert browser.ask("/metrics", Authorization=wrong).status == 401
    page = browser.ask("/metrics", Authorization=f"bearer {TOKEN}")
    assert page.status == 200 and "mcpgate_" in page.body
    assert page.headers["content-type"].startswith("text/plain")
    assert browser.redeem(house.link("viewer")).ask("/metrics").status == 200


def test_a_token_for_metrics_is_good_for_nothing_else(house: House) -> None:
    """It opens no page."""
    browser = with_token(house).browser()
    for path in ("/", "/live"):
        assert browser.ask(path, Authorization=f"Bearer {TOKEN}").status in (303, 403)


def test_metrics_are_open_only_where_the_configuration_says_so(house: House) -> None:
    """In so many words."""
    browser = house.start(house.config("unsafe_open_metrics = true")).browser()
    assert browser.ask("/metrics").status == 200
    assert browser.ask("/").status == 303


def test_openmetrics_is_given_to_whoever_asks_for_it(house: House) -> None:
    """As Prometheus does."""
    browser = house.start().logged_in()
    page = browser.ask("/metrics", Accept="application/openmetrics-text;version=1.0.0")
    assert page.headers["content-type"].startswith("application/openmetrics-text")
    assert page.body.endswith("# EOF\n")
