"""Pages, and what is said where there is none."""

from __future__ import annotations

import threading

import pytest

from mcpgate.admin.page import Asked, NotFound, Page, Shown, Sources
from mcpgate.admin.site import AT_ONCE
from tests.admin.house import STATUS, House, line
from tests.waiting import PATIENCE, eventually


def given(house: House, show: object, asks: tuple[str, ...] = ("status",)) -> None:
    """A page for this test alone, at C{/test/NAME}."""
    page = Page("/test/<name>", "A test", show, menu=False, asks=asks)  # type: ignore[arg-type]
    house.loop.call(house.admin.dashboard._add, page)


def test_a_page_gets_what_was_asked_and_what_the_gate_says(house: House) -> None:
    """It runs in a thread, and is given values alone."""
    found: list[tuple[Asked, Sources]] = []

    def show(asked: Asked, sources: Sources) -> Shown:
        found.append((asked, sources))
        return Shown("message.html", {"words": "<b>all</b> & well"})

    browser = house.start().logged_in("viewer")
    given(house, show, ("status", "held"))
    page = browser.ask("/test/a%2Bb?x=1&x=2&y=%C3%A9")
    assert page.status == 200
    assert "&lt;b&gt;all&lt;/b&gt; &amp; well" in page.body and "<b>all" not in page.body
    ((asked, sources),) = found
    assert (asked.path, dict(asked.parts)) == ("/test/a%2Bb", {"name": "a+b"})
    assert dict(asked.query) == {"x": "1", "y": "é"}
    assert asked.person.name == "root (uid 0)" and not asked.person.decides
    assert sources.gate.status == STATUS and sources.gate.held == () and sources.gate.problem is None
    assert sources.config.listeners[0].name == "public"


def test_a_page_is_shown_although_the_gate_does_not_answer(house: House) -> None:
    """And says so."""
    house.answers["status"] = "is gone"
    browser = house.start().logged_in()
    page = browser.ask("/held")
    assert page.status == 200 and "is gone" in page.body


def test_what_a_page_does_not_find_is_404(house: House) -> None:
    """In its own words."""

    def show(asked: Asked, sources: Sources) -> Shown:
        raise NotFound("No such session is known.")

    browser = house.start().logged_in()
    given(house, show)
    page = browser.ask("/test/x")
    assert page.status == 404 and "No such session is known." in page.body


def test_a_page_that_fails_says_nothing_of_why(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """The log does."""

    def show(asked: Asked, sources: Sources) -> Shown:
        raise RuntimeError("a secret of the inside")

    browser = house.start().logged_in()
    given(house, show)
    page = browser.ask("/test/x")
    assert page.status == 500 and "secret" not in page.body and "the gate&#39;s log says why" in page.body


@pytest.mark.parametrize(
    "path", ["/nothing", "/static/../service.py", "/static/none.css", "/static/", "/%ff", "/held/a/b"]
)
def test_what_is_not_there_is_said_to_be_so(house: House, path: str) -> None:
    """Whoever asks; and no path leads out of the static files."""
    answer = house.start().logged_in().ask(path)
    assert answer.status in (400, 404)
    assert "Admin" not in answer.body


def test_a_page_is_not_for_posting_to(house: House) -> None:
    """But for those that take forms."""
    assert house.start().logged_in().send("/", a="b").status == 405


def test_pages_that_wait_hold_up_nothing_but_pages(house: House) -> None:
    """An index that hangs must not keep alerts from being told, nor names from being resolved."""
    enough, begun = threading.Event(), threading.Semaphore(0)

    def show(asked: Asked, sources: Sources) -> Shown:
        begun.release()
        assert enough.wait(PATIENCE)
        return Shown("message.html", {"words": "late"})

    browser = house.start().logged_in()
    given(house, show)
    heard: list[object] = []
    house.loop.call(house.admin._readers.feed.subscribe, heard.append)
    askers = [threading.Thread(target=browser.ask, args=("/test/x",)) for _ in range(20)]
    try:
        for asker in askers:
            asker.start()
        for _ in range(AT_ONCE):
            assert begun.acquire(timeout=PATIENCE)
        house.write(line("answered"))
        eventually(lambda: heard, "the journal is read")
        assert browser.ask("/healthz").status == 200
    finally:
        enough.set()
        for asker in askers:
            asker.join()
