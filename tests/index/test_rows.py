"""From lines to rows and sums, in whichever pieces they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from mcpgate.evidence.reading import Follower, Read
from mcpgate.evidence.record import VERSION, timestamp
from mcpgate.index.rows import (
    FAULTS_MOST,
    OTHER_METHOD,
    Gathered,
    Had,
    Row,
    gather,
    had_of,
    method_of,
    session_id,
    settled,
    used,
)
from mcpgate.index.schema import CALLS, EVENT, EXCHANGE, FAULT, HANDSHAKE, HOUR, REFUSAL, SESSION, TRAFFIC
from tests.evidence.made import BEGIN, make_journal, said
from tests.index.test_lines import records

NOW = timestamp(BEGIN)


def reads(*lines: bytes) -> list[Read]:
    return [Read(0, 1, seq, line) for seq, line in enumerate(lines)]


class Memory:
    """An index in memory: rows by their keys, and sums that are added up."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[tuple[object, ...], Row]] = {}

    def take(self, found: Gathered) -> None:
        exchanges = {str(row["id"]): row for row in self.rows.get("exchange", {}).values()}
        shaken = {str(row["id"]): row for row in self.rows.get("handshake", {}).values()}
        told = shaken.keys() | {str(row["id"]) for row in self.rows.get("event", {}).values()}
        had = {id: had_of(shaken[id]) for id in found.legs if id in shaken}
        known = {id: exchanges[id] for id in found.exchanges() if id in exchanges}
        for table, rows in settled(found, known, told, had).items():
            kept = self.rows.setdefault(table.name, {})
            for row in rows:
                full = {name: row.get(name) for name in table.columns}
                key = tuple(full[name] for name in table.keys)
                old = kept.get(key)
                if old is not None and table.kept:
                    continue
                if old is not None:
                    full |= {name: old[name] + full[name] for name in table.sums}  # type: ignore[operator]
                    full |= {name: min(old[name], full[name]) for name in table.least}  # type: ignore[type-var]
                    full |= {name: max(old[name], full[name]) for name in table.most}  # type: ignore[type-var]
                kept[key] = full


@lru_cache
def journal() -> Sequence[Read]:
    """All lines of a journal."""
    with TemporaryDirectory() as directory:
        make_journal(Path(directory) / "journal", workers=2, exchanges=150, unfinished=2)
        return tuple(Follower(Path(directory)).read(10_000))


def pieces(cuts: Sequence[int]) -> Iterator[Sequence[Read]]:
    """The journal, cut at some places."""
    for start, end in pairwise([0, *sorted(cuts), len(journal())]):
        yield journal()[start:end]


@lru_cache
def whole() -> Memory:
    """What comes of all lines at once."""
    memory = Memory()
    memory.take(gather("gate", journal()))
    return memory


@given(st.lists(st.integers(0, 330), max_size=12))
@settings(max_examples=40)
def test_the_pieces_do_not_matter(cuts: list[int]) -> None:
    """Nor that a piece is read twice: all rows and sums come out the same."""
    memory = Memory()
    before: Sequence[Read] = ()
    for piece in pieces(cuts):
        memory.take(gather("gate", piece))
        memory.take(gather("gate", before))
        before = piece
    for table, rows in whole().rows.items():
        assert memory.rows[table] == rows, table


@given(st.lists(st.one_of(st.binary(), records()), max_size=6))
def test_any_lines_can_be_gathered(lines: list[bytes]) -> None:
    """Those that do not fit are counted, and no line breaks anything."""
    found = gather("gate", reads(*lines))
    assert found.lines[0] == len(lines)
    assert found.faulty[0] == len(found.faults) <= len(lines)
    Memory().take(found)


def test_faulty_lines_are_named_within_bounds() -> None:
    """All are counted."""
    found = gather("gate", reads(*[b"nothing\n"] * 50))
    assert found.faulty[0] == 50 and len(found.faults) == FAULTS_MOST
    assert [row["seq"] for row in settled(found, {}, (), {})[FAULT]] == list(range(FAULTS_MOST))


def closing(id: str, **facts: object) -> bytes:
    usual = {"inbound": "h-1", "outbound": "h-2", "outcome": "completed", "bytes_in": 1, "bytes_out": 2}
    return said("close", id, NOW, **(usual | facts))


def opening(id: str, **facts: object) -> bytes:
    usual = {"inbound": "h-1", "outbound": "h-2", "principal": "ci", "how": "token", "route": "files"}
    return said("open", id, NOW, **(usual | facts))


def test_an_exchange_had_the_connection_that_its_end_names() -> None:
    """The one that was leased first may have been gone."""
    lines = reads(
        opening("x-1"), closing("x-1", outbound="h-3"), opening("x-2"), closing("x-2", outbound=None)
    )
    had = {"h-3": Had("TLSv1.3", "X25519", "SUITE", 0, 0)}
    found = settled(gather("gate", lines), {}, (), had)
    assert [row["outbound"] for row in found[EXCHANGE]] == ["h-3", None]
    outbound = [row for row in found[TRAFFIC] if row["leg"] == "outbound" and row["step"] == HOUR]
    assert [(row["version"], row["exchanges"]) for row in outbound] == [("TLSv1.3", 1)]
    inbound = [row for row in found[TRAFFIC] if row["leg"] == "inbound" and row["step"] == HOUR]
    assert [(row["version"], row["exchanges"]) for row in inbound] == [("", 2)]


def test_what_both_lines_say_is_added_up() -> None:
    """Masked values of the request and of the answer; and what else each of them says."""
    lines = reads(
        opening("x-1", masked={"email": 2, "card": 1}, trace="00-1"),
        closing("x-1", masked={"email": 3}, over=["calls"]),
    )
    found = settled(gather("gate", lines), {}, (), {})
    (row,) = found[EXCHANGE]
    assert row["masked"] == '{"email":5,"card":1}'
    assert row["more"] == '{"trace":"00-1","over":["calls"]}'
    assert {row["masked"] for row in found[CALLS]} == {6}
    assert [row["masked"] for row in found[SESSION]] == [6]


def test_an_end_without_a_beginning_is_an_exchange() -> None:
    """Its beginning is from before what the index keeps."""
    found = settled(
        gather("gate", reads(closing("x-1", reason="client.gone", outcome="client_gone"))), {}, (), {}
    )
    (row,) = found[EXCHANGE]
    assert (row["segment"], row["session"], row["outcome"]) == (None, None, "client_gone")
    assert row["time"] == row["closed"]
    assert found[SESSION] == [] and [row["reason"] for row in found[REFUSAL]] == ["client.gone"] * 2


def test_sessions_are_of_one_principal_on_one_route() -> None:
    """Within a session of MCP's, on whatever connection; or else within a connection."""
    one = session_id("g", "ci", "token", "files", "s", "h-1")
    assert one == session_id("g", "ci", "token", "files", "s", "h-2")
    others = {
        session_id("h", "ci", "token", "files", "s", "h-1"),
        session_id("g", "di", "token", "files", "s", "h-1"),
        session_id("g", "ci", "jwt", "files", "s", "h-1"),
        session_id("g", "ci", "token", "crm", "s", "h-1"),
        session_id("g", "ci", "token", "files", None, "h-1"),
        session_id("g", "ci", "token", "files", None, "h-2"),
        one,
    }
    assert len(others) == 7
    nobodys = opening("x-1", principal=None)
    assert settled(gather("gate", reads(nobodys)), {}, (), {})[SESSION] == []


def test_methods_that_callers_make_up_are_one() -> None:
    """Else the sums would have a row for each."""
    assert method_of("tools/call") == "tools/call"
    assert method_of("notifications/initialized") == "notifications/initialized"
    assert method_of("made/up") == OTHER_METHOD and method_of(None) == ""


def test_floods_are_counted() -> None:
    """The refused handshakes that have no line of their own."""
    flood = said("handshakes", "f-1", NOW, leg="inbound", where="public", reason="tls.version", count=700)
    found = settled(gather("gate", reads(flood)), {}, (), {})
    assert {(row["what"], row["reason"], row["refused"]) for row in found[REFUSAL]} == {
        ("handshake", "tls.version", 700)
    }
    assert [row["place"] for row in found[EVENT]] == ["public"]
    assert settled(gather("gate", reads(flood)), {}, {"f-1"}, {})[REFUSAL] == []


def test_that_handshakes_are_in_use_is_noted_once_an_hour() -> None:
    """Else each exchange would change two more rows."""
    found = gather("gate", reads(opening("x-1")))
    now = round(BEGIN * 1_000_000)
    had = {"h-1": Had("", "", "", 0, now - 3600 * 1_000_000), "h-2": Had("", "", "", 0, now)}
    assert {id: one.used for id, one in used(found, had).items()} == {"h-1": now}
    assert used(gather("gate", ()), had) == {}


def test_what_is_too_old_is_left_out() -> None:
    """But for handshakes, which may still be in use, and generations, one of which is in force."""
    shaken = said("handshake", "h-1", NOW, leg="inbound", outcome="ok", where="public")
    generation = said("generation", "g-1", NOW, number=1)
    lines = reads(opening("x-1"), closing("x-1"), shaken, generation, said("gap", "q-1", NOW))
    since = round((BEGIN + 1) * 1_000_000)
    found = settled(gather("gate", lines, since=since), {}, (), {})
    assert found[EXCHANGE] == found[TRAFFIC] == found[SESSION] == []
    assert [row["id"] for row in found[HANDSHAKE]] == ["h-1"]
    assert [row["id"] for row in found[EVENT]] == ["g-1"]


def test_older_versions_are_read_as_far_as_they_say_the_same() -> None:
    """A journal from before there was a chain is not lost."""
    assert VERSION == 2
    line = opening("x-1").replace(b'"v":2', b'"v":1')
    assert gather("gate", reads(line)).faulty[0] == 0
