"""What reads beside the gate."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.logger import capturedLogs

from mcpgate.admin import readers
from mcpgate.admin.readers import _name
from mcpgate.evidence.keyfile import KeyFile
from mcpgate.index.store import StoreError
from tests.admin.house import House, line
from tests.waiting import eventually


def with_index(house: House, index: str, more: str = "") -> str:
    """A configuration with an index."""
    return house.config(more=more).replace('index = "off"', f'index = "{index}"')


def test_the_index_is_filled_and_asked(house: House) -> None:
    """By a thread of its own, from where it was."""
    keys, _ = KeyFile(house.directory / "state").begin(0.0)
    house.write(line("decision", id="n1", exchange=None, hold="h1", decided="approved", by="a", why=None))
    house.start(with_index(house, "sqlite"))
    running = house.admin._readers
    eventually(lambda: running.freshness.lines == 1 and not running.freshness.behind, "it is filled")
    assert running.freshness.trouble is None
    page = eventually(lambda: running.index.events("decision").rows, "it is found")
    assert len(page) == 1
    assert _name(house.directory / "state") == keys.gate


def test_without_an_index_pages_have_none(house: House) -> None:
    """And a reload may bring one, or take it away."""
    house.start()
    running = house.admin._readers
    assert running.index is None and running.freshness is None
    house.adopt(with_index(house, "sqlite"), None, "")
    first = running._enough
    assert running.index is not None and not first.is_set()
    house.adopt(house.config(), None, "")
    assert running.index is None and first.is_set()


def test_an_index_that_cannot_be_asked_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest goes on."""
    def fail(index: str, state: Path) -> None:
        raise StoreError("an index in PostgreSQL needs the extra")

    monkeypatch.setattr(readers, "to_ask", fail)
    with capturedLogs() as logged:
        house.start(with_index(house, "env:NONE"))
    assert any("needs the extra" in str(event.get("why")) for event in logged)
    assert house.browser().ask("/healthz").status == 200


def test_records_are_counted(house: House) -> None:
    """As metrics, also of lines that are none."""
    browser = house.start().logged_in()
    eventually(lambda: house.admin._readers.feed._follower is not None, "the journal is followed")
    house.write(b"{broken\n")
    metrics = eventually(
        lambda: (page := browser.ask("/metrics").body) and "unreadable" in page and page, "it is counted"
    )
    assert "mcpgate_" in metrics


def test_a_gate_without_a_key_is_called_by_its_directory(house: House) -> None:
    """And one whose key cannot be read."""
    state = house.directory / "state"
    assert _name(state) == "state"
    KeyFile(state).path.write_text("{", encoding="ascii")
    assert _name(state) == "state"


def test_the_gates_process_is_told_how_far_the_journal_is_read(house: House) -> None:
    """For whoever comes after this process."""
    house.write(line("echo"))
    told: list[object] = []
    house.loop.call(house._start)
    house._gate._verbs = {**house._gate._verbs, "read": lambda positions: told.append(positions)}
    place = house.directory / "state" / "journal" / "journal-0-00000001.jsonl"
    house.adopt(house.config(), house.bind(), read={"0": [1, place.stat().st_size, 1]})
    house.write(line("answered"))
    feed = house.admin._readers.feed
    eventually(lambda: feed.positions[0].seq == 2, "it is read")
    house.loop.call(house.admin._readers.lookout.look)
    eventually(lambda: told[-1:] == [{"0": [1, place.stat().st_size, 2]}], "it is told")
