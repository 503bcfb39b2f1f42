"""Questions and their answers, by either database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mcpgate.evidence.record import timestamp
from mcpgate.index import queries
from mcpgate.index.answers import Exchange, Filter, Page
from mcpgate.index.asking import PlaceError
from mcpgate.index.filling import Filler
from mcpgate.index.postgres import PostgresAsked, PostgresStore
from mcpgate.index.queries import EXPIRIES, Index
from mcpgate.index.sqlite import SQLiteAsked, SQLiteStore
from tests.evidence.made import BEGIN, LISTENER, OLD, OWN, UPSTREAMS, make_journal
from tests.index.database import Database
from tests.index.truth import Truth, counted, truth_of

START = datetime.fromtimestamp(BEGIN, UTC)
END = START + timedelta(hours=1)


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """A journal, and what it says."""
    made = make_journal(
        tmp_path_factory.mktemp("made") / "journal", workers=2, exchanges=1500, unfinished=2, calls=5
    )
    return made.directory, truth_of(made.directory)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def index(
    request: pytest.FixtureRequest, truth: tuple[Path, Truth], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Index]:
    """An index of that journal."""
    opened: Callable[[], Any]
    if request.param == "sqlite":
        state = tmp_path_factory.mktemp("state")
        opened, asked = (lambda: SQLiteStore(state)), SQLiteAsked(state)
    else:
        postgres: Database = request.getfixturevalue("postgres")
        url = postgres.url(postgres.base())
        opened, asked = (lambda: PostgresStore(lambda: url)), PostgresAsked(lambda: url)  # type: ignore[assignment]
    filler = Filler(truth[0], None, opened, keep=1e10)
    filler.whole()
    filler.close()
    yield Index(asked)
    asked.close()


def all_of(page: Callable[[str | None], Page[Any]]) -> list[Any]:
    """What is on all pages."""
    found, after, seen = [], None, set()
    while True:
        one = page(after)
        found += one.rows
        after = one.after
        if after is None:
            return found
        assert after not in seen
        seen.add(after)


def test_posture_is_what_the_journal_says(index: Index, truth: tuple[Path, Truth]) -> None:
    """Exchanges by version, group and suite on each leg, and by what they were."""
    said = truth[1]
    found = index.posture(START, END + timedelta(minutes=1))
    assert found.exchanges == len(said.closed)
    for name, leg in (("inbound", found.inbound), ("outbound", found.outbound)):
        assert counted(leg, "versions") == said.leg(name, "version")
        assert counted(leg, "groups") == said.leg(name, "group")
        assert counted(leg, "suites") == said.leg(name, "cipher")
        assert leg.post_quantum.count == said.leg(name, "group")["X25519MLKEM768"]
        assert sum(one.share for one in leg.versions) == pytest.approx(1.0)
        assert leg.versions[0].count == max(one.count for one in leg.versions)
    opened = [said.opened[id] for id in said.closed]
    by_route = {one.name: one.count for one in found.routes}
    assert by_route == {r: sum(one["route"] == r for one in opened) for r in {one["route"] for one in opened}}
    assert {one.name for one in found.methods} == {"tools/call", None}
    assert {one.name for one in found.verdicts} == {"allow", "block", "hold", None}
    assert found.refused_exchanges == sum(one["outcome"] == "refused" for one in said.closed.values())
    assert found.bytes_out == sum(one["bytes_out"] for one in said.closed.values())
    assert found.masked == sum(sum(one.get("masked", {}).values()) for one in said.closed.values())
    assert found.gates == ("gate-made",)
    assert index.posture(START, END + timedelta(minutes=1), gate="gate-other").exchanges == 0


def test_refusals_are_counted_by_their_reasons(index: Index, truth: tuple[Path, Truth]) -> None:
    """Those of handshakes beside those of exchanges."""
    found = index.posture(START, END + timedelta(minutes=1))
    for one in found.refusals:
        shaken = sum(each["reason"] == one.reason for each in truth[1].handshakes.values())
        ended = sum(each["reason"] == one.reason for each in truth[1].closed.values())
        assert (one.handshakes, one.exchanges) == (shaken, ended), one.reason
    assert found.refused_handshakes == sum(1 for one in truth[1].handshakes.values() if one["reason"])
    together = [one.handshakes + one.exchanges for one in found.refusals]
    assert together == sorted(together, reverse=True)


def test_posture_of_a_part_is_that_part(index: Index, truth: tuple[Path, Truth]) -> None:
    """To the minute, whether or not it is made up of hours."""
    since, until = START + timedelta(minutes=7), START + timedelta(minutes=29, seconds=10)
    found = index.posture(since, until)
    assert (found.since, found.until) == (since, START + timedelta(minutes=30))
    ended = [datetime.fromisoformat(one["time"]) for one in truth[1].closed.values()]
    assert found.exchanges == sum(found.since <= time < found.until for time in ended)
    nothing = index.posture(START - timedelta(days=2), START - timedelta(days=1))
    assert (nothing.exchanges, nothing.inbound.versions, nothing.inbound.post_quantum.share) == (0, (), 0.0)


def test_the_next_to_expire_and_the_pinned_are_shown(index: Index) -> None:
    """Certificates of others' clients are not ours to renew; each is shown once."""
    found = index.posture(START, END)
    names = [one.subject for one in found.expiries]
    assert names == ["CN=github", "CN=gate", "CN=files", "CN=crm", "CN=Staff CA"]
    assert len(names) <= EXPIRIES
    assert {one.place: one.pinned for one in found.pinned} == {"files": True, "github": None, "crm": False}


@pytest.mark.parametrize("steps", [1, 7, 60, 10_000])
@pytest.mark.parametrize("leg", ["inbound", "outbound"])
def test_what_was_used_over_time(index: Index, truth: tuple[Path, Truth], leg: str, steps: int) -> None:
    """In steps of one length, without a hole, which together are the whole."""
    found = index.over_time(leg, START, END + timedelta(minutes=1), steps)
    assert found.whole.exchanges == sum(truth[1].leg(leg, "version").values())
    assert counted(found.whole, "groups") == truth[1].leg(leg, "group")
    times = [one.at for one in found.steps]
    assert times[0] == found.since <= START and found.until >= END
    assert {(b - a).total_seconds() for a, b in zip(times, times[1:], strict=False)} <= {found.seconds}
    assert sum(one.leg.exchanges for one in found.steps) == found.whole.exchanges
    assert len(found.steps) <= steps + 1


def test_certificates_are_shown_where_they_were_seen(index: Index, truth: tuple[Path, Truth]) -> None:
    """On the wire and on disk, by the time of their end."""
    found = index.certificates()
    assert list(found) == sorted(found, key=lambda one: one.not_after)
    own = {(one.seen, one.role, one.leg, one.place) for one in found if one.sha256 == OWN.sha256}
    assert own == {("wire", "own", "inbound", LISTENER), ("disk", "own", None, LISTENER)}
    peers = {one.place: one for one in found if one.role == "peer"}
    for upstream in UPSTREAMS:
        one = peers[upstream.name]
        shaken = [
            each
            for each in truth[1].handshakes.values()
            if each["where"] == upstream.name and each["outcome"] == "ok"
        ]
        assert one.handshakes == len(shaken)
        assert timestamp(one.first.timestamp()) == min(each["time"] for each in shaken)
        assert timestamp(one.last.timestamp()) == max(each["time"] for each in shaken)
        assert (one.subject, one.key) == (upstream.peer.subject, upstream.peer.key)
        assert one.chain[0] == upstream.peer.spki_pin and one.names == (
            *upstream.peer.dns_names,
            *upstream.peer.uris,
        )
    assert [one.in_force for one in found if one.seen == "disk"] == [True, True]
    assert not any(one.in_force for one in found if one.seen == "wire")
    assert any(one.role == "client" for one in found)


def test_exchanges_come_in_pages_the_latest_first(index: Index, truth: tuple[Path, Truth]) -> None:
    """None twice, and none left out; however many rows a page has."""
    found: list[Exchange] = all_of(lambda after: index.exchanges(after=after, rows=130))
    assert {one.id for one in found} == truth[1].opened.keys()
    keys = [(one.time, one.gate, one.id) for one in found]
    assert keys == sorted(keys, reverse=True)
    assert len(index.exchanges().rows) == 50
    assert len(index.exchanges(rows=0).rows) == 1


@pytest.mark.parametrize(
    "facts",
    [
        {"route": "crm"},
        {"principal": "ci"},
        {"name": "read_file"},
        {"principal": "bob@example.com", "verdict": "block"},
        {"method": "tools/call", "upstream": "files"},
        {"outcome": "timeout"},
        {"reason": "policy.blocked"},
        {"gate": "gate-made", "outcome": "client_gone"},
        {"gate": "gate-other"},
    ],
)
def test_exchanges_can_be_chosen(index: Index, truth: tuple[Path, Truth], facts: dict[str, str]) -> None:
    """By what they are; all that is said must fit."""
    found = all_of(lambda after: index.exchanges(Filter(**facts), after=after, rows=100))
    whole = {
        id: {**one, **truth[1].closed.get(id, {}), "gate": "gate-made"} for id, one in truth[1].opened.items()
    }
    wanted = {id for id, one in whole.items() if all(one.get(name) == value for name, value in facts.items())}
    assert {one.id for one in found} == wanted
    for one in found:
        assert all(getattr(one, name) == value for name, value in facts.items())


def test_exchanges_can_be_chosen_by_time_and_by_beginnings(index: Index, truth: tuple[Path, Truth]) -> None:
    """At or after one time and before another; a name that ends in a star is a beginning."""
    since, until = START + timedelta(minutes=10), START + timedelta(minutes=20)
    found = all_of(lambda after: index.exchanges(Filter(since=since, until=until), after=after))
    times = {id: datetime.fromisoformat(one["time"]) for id, one in truth[1].opened.items()}
    assert {one.id for one in found} == {id for id, time in times.items() if since <= time < until}
    found = all_of(lambda after: index.exchanges(Filter(name="list_*"), after=after))
    wanted = {id for id, one in truth[1].opened.items() if (one["name"] or "").startswith("list_")}
    assert {one.id for one in found} == wanted


@pytest.mark.parametrize("most", [0, 2, 30])
def test_beginnings_may_be_of_few_texts_or_of_many(
    index: Index, truth: tuple[Path, Truth], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are the same, whichever way they are found, in pages of any size."""
    monkeypatch.setattr(queries, "CHOICES_MOST", most)
    for filter, fits in (
        (Filter(name="*", principal="b*"), lambda one: one["name"] and (one["principal"] or "")[:1] == "b"),
        (Filter(name="read_*", route="files"), lambda one: one["name"] == "read_file"),
        (Filter(name="nothing*"), lambda one: False),
    ):
        found = all_of(lambda after, filter=filter: index.exchanges(filter, after=after, rows=23))  # type: ignore[misc]
        assert [one.id for one in found] == [
            one["id"]
            for one in sorted(
                truth[1].opened.values(), key=lambda one: (one["time"], one["id"]), reverse=True
            )
            if fits(one)  # type: ignore[no-untyped-call]
        ]


@pytest.mark.parametrize("after", ["x", "W10", "WzEsMiwzXQ", "é", "W1syXSwiYSIsImIiXQ"])
def test_a_place_that_no_page_has_named_is_refused(index: Index, after: str) -> None:
    """Whoever makes one up is told so."""
    with pytest.raises(PlaceError):
        index.exchanges(after=after)


def test_an_exchange_is_told_with_its_handshakes(index: Index, truth: tuple[Path, Truth]) -> None:
    """Both as they were, and whatever else happened to it."""
    id = next(
        one["id"]
        for one in truth[1].closed.values()
        if one["outbound"] is not None and truth[1].opened[one["id"]]["principal"] is not None
    )
    opened, closed = truth[1].opened[id], truth[1].closed[id]
    found = index.exchange(id)
    assert found is not None and found.inbound is not None and found.outbound is not None
    one = found.exchange
    assert (one.principal, one.route, one.method, one.name) == (
        opened["principal"],
        opened["route"],
        opened["method"],
        opened["name"],
    )
    assert (one.outcome, one.status, one.bytes_in, one.seconds, one.waited) == (
        closed["outcome"],
        closed["status"],
        closed["bytes_in"],
        closed["seconds"],
        closed["waited"],
    )
    assert one.time == datetime.fromisoformat(opened["time"]) and one.seq == opened["seq"]
    shaken = truth[1].handshakes[closed["outbound"]]
    assert (found.outbound.id, found.outbound.version) == (shaken["id"], shaken["handshake"]["version"])
    assert found.outbound.place == one.upstream and found.inbound.place == LISTENER
    assert index.exchange("x-nobody") is None and index.exchange(id, gate="gate-other") is None
    events = [one for one in truth[1].others.values() if one.get("exchange") is not None]
    assert events
    for event in events:
        story = index.exchange(event["exchange"])
        assert story is not None and event["id"] in [one.id for one in story.events]


def test_an_exchange_that_has_not_ended_has_no_outcome(index: Index, truth: tuple[Path, Truth]) -> None:
    """It is known what it was to be."""
    (left, _) = sorted(truth[1].opened.keys() - truth[1].closed.keys())
    found = index.exchange(left)
    assert found is not None and found.exchange.name is not None
    assert found.exchange.outcome is None and found.exchange.closed is None


def test_a_session_is_told_in_its_order(index: Index, truth: tuple[Path, Truth]) -> None:
    """Its handshakes first, then its exchanges as they came; its sums are theirs."""
    sessions = all_of(lambda after: index.sessions(after=after, rows=30))
    assert [one.last for one in sessions] == sorted((one.last for one in sessions), reverse=True)
    told = 0
    for session in sessions[:40] + sessions[-5:]:
        story = index.session(session.id, rows=7)
        assert story is not None and story.session == session
        exchanges = [*story.exchanges.rows]
        after = story.exchanges.after
        while after is not None:
            more = index.session(session.id, after=after, rows=7)
            assert more is not None
            exchanges += more.exchanges.rows
            after = more.exchanges.after
        keys = [(one.time, one.id) for one in exchanges]
        assert keys == sorted(keys) and len(exchanges) == session.exchanges
        assert {(one.principal, one.route) for one in exchanges} == {(session.principal, session.route)}
        if session.kind == "session":
            assert {one.mcp_session for one in exchanges} == {session.mcp_session}
        else:
            assert session.mcp_session is None and len({one.inbound for one in exchanges}) == 1
        legs = {one.inbound for one in exchanges} | {one.outbound for one in exchanges} - {None}
        assert {one.id for one in story.handshakes} == legs
        assert session.refused == sum(one.outcome == "refused" for one in exchanges)
        assert session.open == sum(one.outcome is None for one in exchanges)
        assert session.bytes_out == sum(one.bytes_out or 0 for one in exchanges)
        assert session.masked == sum(sum(one.masked.values()) for one in exchanges)
        told += len(exchanges)
    assert told and len(sessions) > 45
    assert {one.kind for one in sessions} == {"session", "connection"}
    assert index.session("nobody") is None
    mine = all_of(lambda after: index.sessions(Filter(principal="ci", route="crm"), after=after))
    assert mine and {(one.principal, one.route) for one in mine} == {("ci", "crm")}


def test_no_more_handshakes_are_told_than_anybody_reads(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that makes one for each call may have thousands in a session: the first ones are."""
    longest = max(index.sessions(rows=1000).rows, key=lambda one: one.exchanges)
    story = index.session(longest.id)
    assert story is not None and len(story.handshakes) > 2
    monkeypatch.setattr(queries, "SHAKEN_MOST", 2)
    shorter = index.session(longest.id)
    assert shorter is not None and shorter.handshakes == story.handshakes[:2]


def test_refused_handshakes_say_what_was_offered(index: Index, truth: tuple[Path, Truth]) -> None:
    """The latest first, and by reason or leg."""
    found = all_of(lambda after: index.refused_handshakes(after=after, rows=9))
    wanted = {one["id"] for one in truth[1].handshakes.values() if one["outcome"] == "refused"}
    assert {one.id for one in found} == wanted
    old = index.refused_handshakes(Filter(reason="tls.version", leg="inbound")).rows
    assert old and {one.offer and one.offer.versions for one in old} == {OLD.versions}
    assert index.refused_handshakes(Filter(place="nowhere")).rows == ()


def test_events_are_told_by_their_type(index: Index, truth: tuple[Path, Truth]) -> None:
    """With all that their lines say, but for what has rows of its own."""
    found = all_of(lambda after: index.events(after=after, rows=11))
    assert {one.id for one in found} == truth[1].others.keys()
    (first, *_) = index.events("generation").rows
    line = truth[1].others[first.id]
    assert first.facts["policy"] == line["policy"] and "certificates" not in first.facts
    decisions = index.events("decision", Filter(since=START, until=END)).rows
    assert decisions and {one.what for one in decisions} <= {"approved", "denied"}
    assert [one.place for one in index.events("issuer").rows][0] == "okta"


def test_whatever_has_an_id_is_found(index: Index, truth: tuple[Path, Truth]) -> None:
    """And whoever, and whatever tool, has a name that begins so."""
    said = truth[1]
    exchange, shaken, event = (next(iter(kind)) for kind in (said.opened, said.handshakes, said.others))
    assert [one.id for one in index.search(exchange).exchanges] == [exchange]
    assert [one.id for one in index.search(f" {shaken} ").handshakes] == [shaken]
    assert [one.id for one in index.search(event).events] == [event]
    assert {one.principal for one in index.search("alice").sessions} == {"alice@example.com"}
    assert {one.name for one in index.search("create_").exchanges} == {"create_issue"}
    session = index.sessions().rows[0].id
    assert [one.id for one in index.search(session).sessions] == [session]
    nothing = index.search("  *")
    assert not any((nothing.sessions, nothing.exchanges, nothing.handshakes, nothing.events))


def test_it_says_how_far_it_is(index: Index, truth: tuple[Path, Truth]) -> None:
    """By worker."""
    found = index.filled()
    assert [(one.gate, one.worker) for one in found] == [("gate-made", 0), ("gate-made", 1)]
    assert sum(one.lines for one in found) == truth[1].lines
    assert all(one.last is not None and one.last > START + timedelta(minutes=58) for one in found)
    assert index.faults() == ()
