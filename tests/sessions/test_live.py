"""What a worker knows of sessions: bounded, and no more than it needs to be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mcpgate.sessions import live as module
from mcpgate.sessions.live import EVENT_ID_LENGTH, TOUCH, EventIds, Live, Recent, Sessions
from mcpgate.sessions.marks import Marks
from mcpgate.sessions.sealed import Session, digest_of
from mcpgate.upstream.terms import UpstreamTerms
from tests.upstream.test_connect import Demand

TERMS = Demand().terms(443)


class Counted(Marks):
    """Marks that count how often a file is reached for."""

    touches = 0

    def touch(self, *arguments: Any) -> bool:
        self.touches += 1
        return super().touch(*arguments)


class Shop:
    """Sessions, and the time."""

    def __init__(self, directory: Path) -> None:
        self.now = 1_800_000_000.0
        self.marks = Counted(directory / "sessions")
        self.marks.begin()
        self.sessions = Sessions(self.marks, lambda: self.now)

    def live(self, sealed: bytes, kind: Any = "session", terms: UpstreamTerms = TERMS) -> Live:
        session = Session(kind, b"id", ("token", "ci"), b"r\na\nt", self.now, digest_of(sealed)[:16])
        return self.sessions.live(session, sealed, terms)

    @property
    def marked(self) -> dict[str, float]:
        return dict(self.marks.all())


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_the_same_id_is_the_same_session(shop: Shop) -> None:
    """With the terms of its last request: what holds for its upstream may have changed."""
    live = shop.live(b"a")
    shop.now += 5
    other_terms = Demand().terms(443)
    assert shop.live(b"a", terms=other_terms) is live and live.terms is other_terms
    assert live.used == shop.now
    assert shop.live(b"b") is not live
    assert shop.sessions.counts() == {"known": 2, "unmarked": 0, "ended_idle": 0}


def test_a_mark_is_moved_on_once_a_minute(shop: Shop) -> None:
    """Else a request costs no file; a clock that was set back does not stop it."""
    began = shop.now
    for seconds in (0, 1, TOUCH - 1):
        shop.now = began + seconds
        shop.live(b"a")
    assert (shop.marks.touches, shop.marked) == (1, {digest_of(b"a"): began})
    shop.now = began + TOUCH
    shop.live(b"a")
    assert (shop.marks.touches, shop.marked) == (2, {digest_of(b"a"): began + TOUCH})
    shop.now = began - 9
    shop.live(b"a")
    assert shop.marked == {digest_of(b"a"): began - 9}


def test_an_endpoint_of_the_old_transport_is_not_marked(shop: Shop) -> None:
    """There is no DELETE: it is over with its stream."""
    live = shop.live(b"a", "endpoint")
    live.streams += 1
    list(shop.sessions.touch_open())
    assert shop.marked == {}


def test_what_its_client_has_ended_is_forgotten_at_once(shop: Shop) -> None:
    live = shop.live(b"a")
    shop.sessions.ended(live)
    assert (shop.sessions.counts()["known"], shop.marked) == (0, {})
    assert shop.live(b"a") is not live


def test_only_open_streams_are_use_without_a_request(shop: Shop) -> None:
    """One that ends meanwhile is not."""
    busy, quiet, ending = shop.live(b"busy"), shop.live(b"quiet"), shop.live(b"ending")
    busy.streams = ending.streams = 1
    began, shop.now = shop.now, shop.now + 900
    steps = shop.sessions.touch_open()
    next(steps)
    ending.streams = 0
    assert list(steps) == []
    assert quiet.streams == 0
    assert shop.marked == {
        digest_of(b"busy"): shop.now,
        digest_of(b"quiet"): began,
        digest_of(b"ending"): began,
    }


def test_those_that_were_not_used_for_longest_go_first(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for those with open streams, as far as one looks; their marks stay."""
    monkeypatch.setattr(module, "KNOWN_MOST", 3)
    a, b, c = (shop.live(name) for name in (b"a", b"b", b"c"))
    shop.live(b"a")
    shop.live(b"d")
    assert shop.live(b"a") is a and shop.live(b"c") is c
    assert shop.live(b"b") is not b
    assert len(shop.marked) == 4 and shop.sessions.counts()["known"] == 3
    # Now a, c, b, from the oldest on.
    a.streams = c.streams = 1
    shop.live(b"e")
    assert shop.live(b"a") is a and shop.live(b"c") is c
    shop.live(b"e").streams = 1
    shop.live(b"f")
    assert shop.sessions.counts()["known"] == 3


def test_what_could_not_be_marked_is_counted_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """And served."""
    monkeypatch.setattr(Marks, "touch", lambda *_: False)
    for seconds in (0, 60, 60):
        shop.now += seconds
        shop.live(b"a")
    shop.live(b"b")
    assert shop.sessions.counts() == {"known": 2, "unmarked": 2, "ended_idle": 0}


def test_a_disk_that_refuses_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    shop = Shop(tmp_path)
    monkeypatch.setattr(shop.sessions, "log", _Log(told))
    (tmp_path / "sessions").rmdir()
    for name in (b"a", b"b"):
        shop.live(name)
    assert len(told) == 1 and "No such file" in told[0]


class _Log:
    def __init__(self, told: list[str]) -> None:
        self._told = told

    def warn(self, _: str, *, why: str) -> None:
        self._told.append(why)


def test_what_is_remembered_is_bounded_and_the_oldest_goes() -> None:
    """One that is asked again under the same id displaces nobody."""
    recent: Recent[int | str, str] = Recent(8)
    for number in range(8):
        recent[number] = "ping"
    recent[5] = "pong"
    assert len(recent) == 8 and recent[0] == "ping"
    recent["5"] = "ping"
    assert len(recent) == 8
    assert 0 not in recent and recent[5] == "pong"


def test_a_long_id_of_an_event_is_known_and_takes_no_room() -> None:
    """An event may have a MiB, and all of it may be its id."""
    ids = EventIds(3)
    long = [b"x" * 1024 * 1024 + b"%d" % number for number in range(4)]
    for id in long:
        ids[id] = None
    assert [id in ids for id in long] == [False, True, True, True]
    assert max(map(len, ids)) <= EVENT_ID_LENGTH
    ids[b"5"] = None
    assert b"5" in ids and b"6" not in ids and long[1] not in ids
