"""Tokens are asked for when they are needed, by one question each, and kept while they are good.

Here the clock is ours and the token endpoint a list of answers; over the wire, with a gate:
C{test_gate_with_tokens.py}.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mcpgate.config.tables.credential import CredentialTable
from mcpgate.credentials import kept as module
from mcpgate.credentials.form import Wish
from mcpgate.credentials.kept import FLIGHTS_MOST, Kept
from mcpgate.credentials.slot import Slot
from mcpgate.credentials.terms import Choice, Client, CredentialTerms, GrantTerms, chosen
from mcpgate.identity.principal import Principal
from mcpgate.policy.who import EVERYBODY
from mcpgate.provider.client import ProviderError, Reply
from mcpgate.reasons import Reason, Refusal

BEGAN, WALL = 1000.0, 1_800_000_000.0
ANN, BEN = (Principal(f"okta/{name}", "jwt", f"id-{name}", None, "okta", name) for name in ("ann", "ben"))


def answer(token: str, lifetime: float = 3600) -> Reply:
    """A token endpoint's good answer."""
    body = b'{"access_token":"%b","token_type":"Bearer","expires_in":%d}' % (token.encode(), lifetime)
    return Reply(200, {}, body)


class Bench:
    """What keeps tokens, between a clock and a token endpoint that answer when they are told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.readiness = SimpleNamespace(now=BEGAN)
        self.asked: list[dict[str, str]] = []
        self.flights: list[Deferred[Reply]] = []
        self.stopped = 0
        monkeypatch.setattr(module, "Provider", lambda *_: self)
        monkeypatch.setattr(module, "monotonic", lambda: self.readiness.now)
        self.terms: Any = None
        force = SimpleNamespace(readiness=self.readiness, witness=None, wall=lambda: WALL)
        self.kept = Kept(self.clock, force)
        self.upstream: Any = SimpleNamespace(mapped=())

    def adopt(self, *grants: GrantTerms) -> None:
        """A generation that has these comes into force."""
        tables = [
            CredentialTerms(CredentialTable(name=each.name, upstream="up"), EVERYBODY, grant=each)
            for each in grants
        ]
        self.upstream = SimpleNamespace(mapped=tuple(tables))
        self.kept.adopt([self.upstream])

    def choice(self, who: Principal = ANN, grant: int = 0) -> Choice:
        """What a caller is to be shown with."""
        return chosen(self.upstream.mapped[grant], who)

    def line(self, who: Principal = ANN, grant: int = 0) -> bytes | Refusal | None:
        """What there is for a caller now."""
        slot = self.kept.slot(self.choice(who, grant), b"Bearer token of %b" % (who.subject or "").encode())
        self.clock.advance(0)
        return slot.line if isinstance(slot, Slot) else slot

    def refused(self, line: bytes) -> None:
        """The upstream did not take that."""
        slot = self.kept.slot(self.choice(), None)
        assert isinstance(slot, Slot)
        slot.refused(line, self.readiness.now)

    def wait(self, who: Principal = ANN) -> list[str]:
        """Wait for it; the list has something in it once there is an answer."""
        told: list[str] = []
        assert self.kept.wait(self.choice(who), lambda: told.append("told")) is None
        return told

    def later(self, seconds: float) -> None:
        """Time passes."""
        self.readiness.now += seconds

    async def post(self, url: str, form: Any, *, headers: Any, most: int, within: float) -> Reply:
        """What the provider does."""
        self.asked.append(dict(form))
        flight: Deferred[Reply] = Deferred()
        self.flights.append(flight)
        return await flight

    def stop(self) -> None:
        """What the provider does when it is over."""
        self.stopped += 1


OWN = GrantTerms(
    name="own",
    upstream="up",
    peer=None,  # type: ignore[arg-type]
    url="https://login.test/token",
    client=Client("gate", "s3cret"),
    wish=Wish(),
    exchange=False,
    fingerprint=b"own",
    timeout=5.0,
    queue=3,
)
THEIRS = evolve(OWN, name="theirs", exchange=True, fingerprint=b"theirs")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    bench = Bench(monkeypatch)
    bench.adopt(OWN)
    return bench


def why(line: object) -> str:
    """The detail of a refusal."""
    assert isinstance(line, Refusal) and line.reason is Reason.UPSTREAM_CREDENTIAL
    return line.detail


def test_one_question_serves_all_who_wait(bench: Bench) -> None:
    """And everybody who comes after them, without another."""
    assert bench.line() is None
    told = [bench.wait(), bench.wait(BEN)]
    assert bench.line(BEN) is None
    assert len(bench.flights) == 1 and told == [[], []]
    bench.flights[0].callback(answer("T1"))
    assert told == [["told"], ["told"]]
    assert bench.line() == bench.line(BEN) == b"authorization: Bearer T1\r\n"
    assert len(bench.flights) == 1


def test_the_next_token_is_asked_for_while_this_one_is_good(bench: Bench) -> None:
    """Nobody waits for it, nor for a server that does not give it."""
    bench.line()
    bench.flights[0].callback(answer("T1"))
    bench.later(2699)
    assert bench.line() == b"authorization: Bearer T1\r\n" and len(bench.flights) == 1
    bench.later(2)
    assert bench.line() == b"authorization: Bearer T1\r\n" and len(bench.flights) == 2
    bench.flights[1].errback(ProviderError("login", "https://login.test/token", "it is down"))
    assert bench.line() == b"authorization: Bearer T1\r\n" and len(bench.flights) == 2
    bench.later(2)
    assert bench.line() == b"authorization: Bearer T1\r\n" and len(bench.flights) == 3
    bench.flights[2].callback(answer("T2"))
    assert bench.line() == b"authorization: Bearer T2\r\n"


def test_after_its_end_a_token_is_shown_to_nobody(bench: Bench) -> None:
    """Whoever comes then waits, and is refused if there is none."""
    bench.line()
    bench.flights[0].callback(answer("T1"))
    bench.later(3591)
    assert bench.line() is None
    told = bench.wait()
    bench.flights[1].errback(ProviderError("login", "https://login.test/token", "it is down"))
    assert told == ["told"]
    assert why(bench.line()) == "own: the token endpoint: it is down"
    assert len(bench.flights) == 2


def test_a_server_that_fails_is_left_alone_for_a_while(bench: Bench) -> None:
    """A storm of calls asks it once; a second later, once more."""
    bench.line()
    bench.flights[0].callback(Reply(503, {"retry-after": "7"}, b""))
    for _ in range(100):
        refused = bench.line()
        assert why(refused) == "own: the token endpoint: it answered 503"
        assert isinstance(refused, Refusal) and refused.retry_after == 7
    assert len(bench.flights) == 1
    (row,) = bench.kept.facts()
    assert (row["problem"], row["held"], row["asked"]) == ("it answered 503", 0, 1)
    bench.later(7)
    assert bench.line() is None and len(bench.flights) == 2
    bench.flights[1].callback(answer("T1"))
    assert bench.line() == b"authorization: Bearer T1\r\n"
    assert bench.kept.facts()[0]["problem"] is None


def test_a_token_that_the_upstream_refuses_is_asked_for_anew_once(bench: Bench) -> None:
    """Not for each call, where it refuses all of them."""
    bench.line()
    bench.flights[0].callback(answer("T1"))
    first = bench.line()
    assert isinstance(first, bytes)
    bench.refused(first)
    assert bench.line() is None
    bench.flights[1].callback(answer("T2"))
    second = bench.line()
    assert isinstance(second, bytes)
    bench.refused(first)
    bench.refused(second)
    assert bench.line() == second and len(bench.flights) == 2


def test_each_caller_has_a_token_of_its_own_in_an_exchange(bench: Bench) -> None:
    """Got for its own, and shown for nobody else; nor for another token of the same caller's."""
    bench.adopt(THEIRS)
    assert bench.line(ANN) is None and bench.line(BEN) is None
    assert [form["subject_token"] for form in bench.asked] == ["token of ann", "token of ben"]
    bench.flights[1].callback(answer("B"))
    bench.flights[0].callback(answer("A"))
    assert bench.line(ANN) == b"authorization: Bearer A\r\n"
    assert bench.line(BEN) == b"authorization: Bearer B\r\n"
    assert bench.line(evolve(ANN, id="another")) is None
    assert bench.line(evolve(ANN, how="opaque")) is None
    assert bench.line(evolve(ANN, name="okta/anna")) is None


def test_what_is_got_for_a_callers_next_token_is_looked_for_on_streams_of_before(bench: Bench) -> None:
    """And not for other callers, of whom there may be thousands."""
    bench.adopt(THEIRS)
    tokens = ("0123456789abcdef", "fedcba9876543210", "a-token-of-bens-own")
    for number, who in enumerate((ANN, evolve(ANN, id="next"), BEN)):
        bench.line(who)
        bench.flights[number].callback(answer(tokens[number]))
    first = bench.kept.slot(bench.choice(ANN), None)
    assert isinstance(first, Slot)
    found = first.secrets(bench.readiness.now)
    assert [found.clear(token.encode()) for token in tokens] == [False, False, True]


def test_a_fault_about_one_callers_token_is_that_callers_alone(bench: Bench) -> None:
    """Others are served; nobody's fault is everybody's."""
    bench.adopt(THEIRS)
    bench.line(ANN)
    bench.line(BEN)
    bench.flights[0].callback(Reply(400, {}, b'{"error":"invalid_grant"}'))
    bench.flights[1].callback(answer("B"))
    assert why(bench.line(ANN)) == "theirs: the token endpoint: it answered 400 invalid_grant"
    assert bench.line(BEN) == b"authorization: Bearer B\r\n"
    (row,) = bench.kept.facts()
    assert (row["problem"], row["denied"], row["held"]) == (None, 1, 1)


def test_a_few_questions_are_on_their_way_at_once_and_a_general_fault_ends_all(bench: Bench) -> None:
    """A thousand callers do not make a thousand connections, nor wait for each other's timeouts."""
    bench.adopt(evolve(THEIRS, queue=1000))
    crowd = [evolve(ANN, name=f"okta/{number}", id=str(number)) for number in range(2 * FLIGHTS_MOST + 1)]
    told = []
    for each in crowd:
        assert bench.line(each) is None
        told.append(bench.wait(each))
    assert len(bench.flights) == FLIGHTS_MOST
    bench.flights[0].callback(answer("A"))
    bench.clock.advance(0)
    assert len(bench.flights) == FLIGHTS_MOST + 1
    bench.flights[1].errback(ProviderError("login", "https://login.test/token", "it is down"))
    # Those that had not been asked for, and that one.
    assert sum(map(bool, told)) == 1 + 1 + FLIGHTS_MOST
    for flight in bench.flights[2:]:
        flight.errback(ProviderError("login", "https://login.test/token", "it is down"))
    bench.clock.advance(0)
    assert all(told) and len(bench.flights) == FLIGHTS_MOST + 1
    assert bench.kept.facts()[0]["waiting"] == 0
    assert "it is down" in why(bench.line(crowd[-1]))


def test_no_more_wait_than_there_is_room_for(bench: Bench) -> None:
    """Each holds its request; whoever leaves makes room."""
    bench.line()
    told: list[str] = []

    def waiter() -> None:
        told.append("told")

    for _ in range(3):
        assert bench.kept.wait(bench.choice(), waiter) is None
    assert why(bench.kept.wait(bench.choice(), waiter)) == "own: 3 callers are waiting"
    bench.kept.withdraw(bench.choice(), waiter)
    assert bench.kept.wait(bench.choice(), waiter) is None
    for _ in range(3):
        bench.kept.withdraw(bench.choice(), waiter)
    bench.flights[0].callback(answer("T1"))
    assert told == []


def test_what_nobody_waits_for_is_not_asked_for(bench: Bench) -> None:
    """Who calls with ever new tokens and leaves does not have others wait behind them."""
    bench.adopt(evolve(THEIRS, queue=FLIGHTS_MOST + 2))
    crowd = [evolve(ANN, name=f"okta/{number}", id=str(number)) for number in range(FLIGHTS_MOST + 2)]
    for each in crowd:
        assert bench.line(each) is None
        bench.wait(each)
    # One too many, and one that leaves.
    assert bench.line(BEN) is None
    assert "callers are waiting" in why(bench.kept.wait(bench.choice(BEN), lambda: None))
    (waiter,) = bench.kept._slots[bench.choice(crowd[-2]).key].waiting
    bench.kept.withdraw(bench.choice(crowd[-2]), waiter)
    for flight in bench.flights[:FLIGHTS_MOST]:
        flight.callback(answer("A"))
    bench.clock.advance(0)
    assert len(bench.asked) == FLIGHTS_MOST + 1
    # Whoever comes back has it asked for.
    assert bench.line(BEN) is None and len(bench.asked) == FLIGHTS_MOST + 2
    bench.flights[-1].callback(answer("B"))
    assert bench.line(BEN) == b"authorization: Bearer B\r\n"


def test_a_reload_keeps_what_is_got_in_the_same_way(bench: Bench) -> None:
    """And forgets what is not: whoever waits for it is refused."""
    bench.line()
    bench.flights[0].callback(answer("T1"))
    bench.adopt(evolve(OWN, timeout=9.0))
    assert bench.line() == b"authorization: Bearer T1\r\n" and bench.stopped == 0
    old = bench.choice()
    bench.adopt(evolve(OWN, fingerprint=b"another secret"))
    assert bench.stopped == 1
    assert why(bench.kept.slot(old, None)) == "own: it was reconfigured while the request arrived"
    assert bench.line() is None
    told, old = bench.wait(), bench.choice()
    bench.adopt(OWN)
    assert told == ["told"]
    assert why(bench.kept.wait(old, lambda: None)) == "own: it was reconfigured while the request arrived"
    # What was on its way for it is nobody's.
    bench.flights[1].callback(answer("T2"))
    assert bench.line() is None


def test_nothing_is_kept_that_cannot_be_shown(bench: Bench) -> None:
    """Neither a token that has expired nor the memory of a failure."""
    bench.adopt(THEIRS)
    bench.line(ANN)
    bench.line(BEN)
    bench.flights[0].callback(answer("A", 60))
    bench.flights[1].callback(answer("B", 3600))
    bench.later(61)
    bench.kept.forget_old()
    assert len(bench.kept._slots) == 1
    assert bench.line(BEN) == b"authorization: Bearer B\r\n"


def test_room_is_made_for_the_latest(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest goes; its caller has another one asked for."""
    monkeypatch.setattr(module, "SLOTS_MOST", 2)
    bench.adopt(THEIRS)
    for number, who in enumerate((ANN, BEN, evolve(ANN, id="third"))):
        bench.line(who)
        bench.flights[number].callback(answer(f"T{number}"))
    assert len(bench.kept._slots) == 2
    assert bench.line(BEN) == b"authorization: Bearer T1\r\n"
    assert bench.line(ANN) is None


def test_who_is_not_here_is_shown_with_what_is_left(bench: Bench) -> None:
    """A session is ended with what it was opened with; nothing is asked for with a token that is gone."""
    bench.adopt(OWN, THEIRS)
    absent = Principal(ANN.name, ANN.how, "", None)
    own = bench.kept.again(bench.upstream, "own", absent)
    assert bench.kept.slot(own, None) is None
    assert bench.kept.again(bench.upstream, "theirs", absent).refusal is not None
    bench.line(ANN, 1)
    bench.clock.advance(0)
    bench.flights[-1].callback(answer("A"))
    theirs = bench.kept.again(bench.upstream, "theirs", absent)
    kept = bench.kept.slot(theirs, None)
    assert isinstance(kept, Slot) and kept.line == b"authorization: Bearer A\r\n"
    ben = Principal(BEN.name, "jwt", "", None)
    assert bench.kept.again(bench.upstream, "theirs", ben).refusal is not None
    bench.later(3591)
    assert why(bench.kept.slot(theirs, None)).startswith("theirs: there is no caller")
    gone = bench.kept.again(bench.upstream, "no-more", absent)
    assert gone.refusal is not None and not gone.ready


def test_a_bug_of_ours_is_a_failure_like_others(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever."""

    def broken(*_: object) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(bench, "post", broken)
    assert bench.line() is None
    assert "a bug in the gate" in why(bench.line())


def test_status_says_since_when_and_until_when_but_not_what(bench: Bench) -> None:
    """Neither the token nor the client's secret."""
    bench.adopt(OWN, THEIRS)
    bench.line()
    bench.flights[0].callback(answer("T1", 60))
    first, second = bench.kept.facts()
    assert first == {
        "name": "own",
        "upstream": "up",
        "kind": "client_credentials",
        "held": 1,
        "waiting": 0,
        "asked": 1,
        "denied": 0,
        "obtained": "2027-01-15T08:00:00+00:00",
        "expires": "2027-01-15T08:01:00+00:00",
        "problem": None,
    }
    assert (second["kind"], second["held"], second["obtained"]) == ("token_exchange", 0, None)
    assert "s3cret" not in repr(OWN)


def test_when_the_gate_stops_nobody_waits_any_more(bench: Bench) -> None:
    bench.line()
    told = bench.wait()
    bench.kept.stop()
    assert told == ["told"] and bench.stopped == 1
