"""News for open pages."""

from __future__ import annotations

import http.client
import json
from collections import Counter

import pytest

from mcpgate.admin import feed, live
from tests.admin.browser import Browser
from tests.admin.house import House, line
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "PAUSE", 0.02)
    monkeypatch.setattr(live, "TICK", 0.02)
    monkeypatch.setattr(live, "APART", 0.05)


def listens(browser: Browser) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    """Its stream, of which the beginning has come."""
    connection, answer = browser.open("/live")
    assert answer.status == 200
    assert answer.getheader("content-type") == "text/event-stream; charset=utf-8"
    assert answer.readline() == b"retry: 3000\n"
    return connection, answer


def news(answer: http.client.HTTPResponse, wanted: Counter[str]) -> None:
    """Read until all of that was told, and nothing else."""
    told: Counter[str] = Counter()
    while told != wanted:
        said = answer.readline()
        assert said, "the stream has ended"
        if said.startswith(b"data: "):
            told += Counter(json.loads(said.removeprefix(b"data: ")))
        assert told <= wanted


def test_an_open_page_is_told_what_has_happened(house: House) -> None:
    """As numbers; nothing of a record is in it."""
    browser = house.start().logged_in("viewer")
    eventually(lambda: house.admin._readers.feed._follower is not None, "the journal is followed")
    connection, answer = listens(browser)
    house.write(line("open", name="a secret"), line("close"), line("open"))
    news(answer, Counter(open=2, close=1))
    house.write(line("close"))
    news(answer, Counter(close=1))
    connection.close()
    eventually(lambda: house.admin._live.count() == 0, "it is forgotten")
    assert house.admin._live._leave is None


def test_a_quiet_stream_lives_by_its_heartbeat(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in between ends streams that say nothing."""
    monkeypatch.setattr(live, "HEARTBEAT", 0.1)
    connection, answer = listens(house.start().logged_in())
    assert [answer.readline() for _ in range(3)] == [b"\n", b": still here\n", b"\n"]
    connection.close()


def test_a_stream_ends_with_its_login(house: House) -> None:
    """At once, and not with the next request."""
    browser = house.start().logged_in()
    connection, answer = listens(browser)
    browser.send("/logout", csrf=browser.ask("/held").csrf)
    assert answer.read() == b"\n"
    connection.close()


def test_who_is_not_logged_in_is_told_nothing(house: House) -> None:
    """And a page of another site neither, although its browser has the cookie."""
    house.start()
    assert house.browser().ask("/live").status == 403
    browser = house.logged_in()
    assert browser.ask("/live", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="cors").status == 403


def test_there_is_a_bound_on_open_pages(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more has to be looked at without news."""
    monkeypatch.setattr(live, "CLIENTS_MOST", 1)
    browser = house.start().logged_in()
    connection, _ = listens(browser)
    assert browser.ask("/live").status == 503
    connection.close()


def test_a_browser_that_reads_slowly_has_one_event_to_come(house: House) -> None:
    """Whatever happens meanwhile is a number in the next."""
    class Request:
        def __init__(self) -> None:
            self.written: list[bytes] = []

        def write(self, data: bytes) -> None:
            self.written.append(data)

    request = Request()
    client = live._Client(request, 0.0)
    client.news += Counter(open=1)
    client.pauseProducing()
    for now in range(1, 1000):
        client.news += Counter(open=1)
        client.tell(float(now))
    assert request.written == []
    client.resumeProducing()
    client.tell(1000.0)
    assert request.written == [b'event: news\ndata: {"open": 1000}\n\n']
    client.stopProducing()
    client.news += Counter(open=1)
    client.tell(2000.0)
    assert len(request.written) == 1


def test_the_end_of_the_process_ends_all_streams(house: House) -> None:
    """A browser asks again by itself."""
    connection, answer = listens(house.start().logged_in())
    house.loop.call(house.admin._live.stop)
    assert answer.read() == b"\n"
    connection.close()
