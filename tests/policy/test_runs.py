"""What is said bit by bit passes when it is in no doubt, and what is sought in it does not."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpgate.policy.detectors import NAMES, Detectors
from mcpgate.policy.runs import EVENT, PIECES_MOST, RUNS_MOST, WAIT, WAITING_MOST, Passing, Runs
from tests.policy.samples import AWS, AWS_SECRET, GITHUB, GOOGLE, JWT, PEM, SLACK

ALL = Detectors.compile(NAMES | {"employee"}, {"employee": r"E[0-9]{6}"})
CARD = "4111111111111111"


class Stream:
    """Runs, and what passed: each event is its number and its texts."""

    def __init__(self) -> None:
        self.runs: Runs[tuple[int, list[str]]] = Runs(ALL)
        self.passed: list[tuple[int, list[str]]] = []
        self.counts: dict[str, int] = {}
        self.said = 0

    def hear(self, key: Hashable, *texts: str, now: float = 0.0, size: int = 100) -> None:
        event = (self.said, list(texts))
        self.said += 1
        self._take(self.runs.hear(event, size, key, texts, now))

    def late(self, now: float) -> None:
        self._take(self.runs.late(now))

    def end(self, key: Hashable = None) -> None:
        self._take(self.runs.end_all() if key is None else self.runs.end(key))

    def _take(self, passing: Sequence[Passing[tuple[int, list[str]]]]) -> None:
        for one in passing:
            number, texts = one.event
            shown = []
            for text, finds in zip(texts, one.found or [[] for _ in texts], strict=True):
                at = 0
                out = ""
                for start, end, name in finds:
                    assert at <= start < end <= len(text)
                    out += text[at:start]
                    self.counts[name] = self.counts.get(name, 0) + 1
                    at = end
                shown.append(out + text[at:])
            self.passed.append((number, shown))

    @property
    def shown(self) -> list[str]:
        """What passed, event by event, without what was found."""
        return ["|".join(texts) for _, texts in self.passed]

    @property
    def order(self) -> list[int]:
        return [number for number, _ in self.passed]


def test_what_is_in_no_doubt_passes_at_once() -> None:
    """And nothing is due."""
    stream = Stream()
    for text in ("one", "2 of 3", "see foo", "to foo@example.com, yes", "it is 12:30", ""):
        stream.hear("log", text)
        stream.hear(None)
        assert stream.runs.due is None and len(stream.passed) == stream.said
    assert stream.shown[6] == "to , yes"


@pytest.mark.parametrize("card", [CARD, "4111 1111 1111 1111", "4111-1111-1111-1111", "378282246310005"])
@pytest.mark.parametrize("late", [False, True])
def test_a_card_split_at_any_place_never_passes(card: str, late: bool) -> None:
    """Over two events, whether the second comes in time or not: no more than its first six digits."""
    for at in range(1, len(card)):
        stream = Stream()
        stream.hear("t", "paying with " + card[:at])
        if late:
            stream.late(WAIT)
        stream.hear("t", card[at:] + " now", now=2 * WAIT)
        stream.end()
        before, after = stream.shown
        assert before.startswith("paying with ") and after.endswith(" now")
        left = (before + after).removeprefix("paying with ").removesuffix(" now")
        assert card.startswith(left) and sum(sign.isdigit() for sign in left) <= 6, (at, stream.shown)


def test_what_is_in_doubt_waits_and_everything_behind_it() -> None:
    """Order stays; the next event of the run decides."""
    stream = Stream()
    stream.hear("a", "card 41111111", now=1.0)
    stream.hear("b", "hello", now=1.1)
    stream.hear(None, now=1.2)
    assert stream.passed == [] and stream.runs.due == 1.0 + WAIT
    stream.hear("a", "11111111", now=1.3)
    assert stream.shown == ["card ", "hello", "", ""] and stream.order == [0, 1, 2, 3]
    assert stream.runs.due is None


def test_doubt_that_was_wrong_leaves_no_trace() -> None:
    """What the next event does not go on with was nothing."""
    stream = Stream()
    stream.hear("a", "order 41111111")
    assert stream.passed == []
    stream.hear("a", " of today")
    assert stream.shown == ["order 41111111", " of today"] and stream.counts == {}


def test_at_the_limit_of_time_the_doubtful_tail_is_masked() -> None:
    """Only that; and if the rest comes all the same, it is masked too."""
    stream = Stream()
    stream.hear("a", "card 41111111", now=1.0)
    stream.late(1.0 + WAIT / 2)
    assert stream.passed == []
    stream.late(1.0 + WAIT)
    assert stream.shown == ["card "] and stream.counts == {"card": 1}
    stream.hear("a", "11111111 is it", now=9.0)
    assert stream.shown == ["card ", " is it"]


def test_at_the_limit_of_bytes_too() -> None:
    """Whoever sends much while something is in doubt does not fill our memory."""
    stream = Stream()
    stream.hear("a", "card 41111111")
    stream.hear(None, size=WAITING_MOST)
    assert stream.shown == ["card ", ""] and stream.runs.due is None
    stream.hear("a", "card 41111111")
    for _ in range(WAITING_MOST // EVENT):
        stream.hear(None, size=3)
    assert len(stream.passed) == stream.said
    stream.hear("a", "x" * 2_000_000 + " 41111111", size=2_000_000)
    assert stream.shown[-1] == "x" * 2_000_000 + " "


def test_the_end_of_a_run_ends_its_doubt() -> None:
    """Nobody goes on with it; other runs wait as before."""
    stream = Stream()
    stream.hear("a", "order 41111111", now=1.0)
    stream.hear("b", "mail foo@exa", now=2.0)
    stream.end("a")
    assert stream.shown == ["order 41111111"] and stream.runs.due == 2.0 + WAIT
    stream.end("unknown")
    stream.end()
    assert stream.shown == ["order 41111111", "mail foo@exa"] and stream.runs.due is None


def test_runs_do_not_mix() -> None:
    """Two halves of two tokens are nothing, and each goes on with its own."""
    stream = Stream()
    stream.hear("a", CARD[:8])
    stream.hear("b", AWS[:10])
    stream.hear("b", CARD[8:])
    stream.hear("a", AWS[10:])
    stream.end()
    assert stream.shown == [CARD[:8], AWS[:10], CARD[8:], AWS[10:]]
    stream.hear("a", CARD[:8])
    stream.hear("b", " " + AWS[:10])
    stream.hear("a", CARD[8:] + ".")
    stream.hear("b", AWS[10:] + ".")
    assert stream.shown[4:] == ["", " ", ".", "."]


def test_several_texts_of_an_event_are_read_in_order() -> None:
    """A secret may be split over them, and over the next event as well."""
    stream = Stream()
    stream.hear("log", "card", "4111", "11111111")
    stream.hear("log", "1111", "done")
    assert stream.shown == ["card||", "|done"]


def test_a_key_is_masked_line_by_line() -> None:
    """The first line passes nothing on; prose does pass."""
    stream = Stream()
    for line in ["Reading", *PEM.split("\n"), "Done", "A" * 40]:
        stream.hear("log", line)
    assert stream.shown == ["Reading", *[""] * (PEM.count("\n") + 1), "Done", "A" * 40]


def test_time_does_not_begin_again_with_each_bit() -> None:
    """Who goes on slowly and forever is masked at the limit of the first."""
    stream = Stream()
    stream.hear("a", "eyJhbGciOiJIUzI1", now=1.0)
    for step in range(1, 4):
        stream.hear("a", "NiJ9", now=1.0 + step * 0.4 * WAIT)
        assert stream.runs.due is not None
        if stream.runs.due <= 1.0 + step * 0.4 * WAIT:
            stream.late(stream.runs.due)
    assert stream.order[:1] == [0] and "eyJ" not in stream.shown[0]


def test_what_was_decided_does_not_wait_again() -> None:
    """Behind another run's doubt it may still be there when its own run goes on."""
    stream = Stream()
    stream.hear("b", "mail foo@exa", now=1.2)
    stream.hear("a", CARD[:8], now=1.0)
    stream.late(1.0 + WAIT)
    assert stream.passed == []
    stream.hear("a", CARD[8:12], now=1.6)
    stream.late(1.2 + WAIT)
    assert stream.shown == ["mail ", ""]
    stream.hear("a", CARD[12:] + "!", now=1.8)
    assert stream.shown == ["mail ", "", "", "!"]


def test_only_so_many_runs_are_followed() -> None:
    """The one that was silent for longest is masked where it is in doubt, and forgotten."""
    stream = Stream()
    stream.hear("first", "card 41111111")
    for number in range(RUNS_MOST - 1):
        stream.hear(number, "hello")
    assert stream.passed == []
    stream.hear("one more", "hello")
    assert stream.shown == ["card ", *["hello"] * RUNS_MOST]
    assert len(stream.runs._runs) == RUNS_MOST


def test_only_so_many_pieces_are_in_doubt_together() -> None:
    """Who says a token letter by letter, and goes on, is masked at the limit."""
    stream = Stream()
    stream.hear("a", "eyJhbGciOiJIUzI1")
    for _ in range(PIECES_MOST + 10):
        stream.hear("a", "Q", size=1)
    assert "eyJ" not in "".join(stream.shown) and "Q" not in "".join(stream.shown)
    assert len(stream.passed) > PIECES_MOST
    stream.end()
    assert len(stream.passed) == stream.said


def test_memory_is_bounded() -> None:
    """A long run is remembered as far as it matters."""
    stream = Stream()
    for _ in range(200):
        stream.hear("a", "some words and some more " * 20)
    (run,) = stream.runs._runs.values()
    assert sum(len(piece.text) for piece in run.pieces) < 1000


SECRETS = {
    "card": CARD,
    "iban": "DE89370400440532013000",
    "email": "jane.doe@example.com",
    "aws-key": AWS,
    "github-token": GITHUB,
    "slack-token": SLACK,
    "google-key": GOOGLE,
    "jwt": JWT,
    "ssn": "123-45-6789",
    "employee": "E123456",
    "secret": f"secret_key={AWS_SECRET}",
}
#: What of each may pass before it says too much, or after enough was masked, in characters in a row.
ALLOWED = {
    "card": 6,
    "iban": 8,
    "email": 12,
    "aws-key": 8,
    "github-token": 8,
    "slack-token": 9,
    "google-key": 8,
    "jwt": 11,
    "ssn": 5,
    "employee": 3,
    "secret": 11,
}
WORDS = ["so", "it is", "done,", "- yes;", "\u65e5\u672c", "caf\u00e9 \u00fc", "step 3 of 7", "..."]


@st.composite
def conversations(draw: st.DrawFn) -> list[tuple[str | None, list[str], float, bool]]:
    """Runs whose texts hold secrets, cut anywhere and interleaved: key, texts, time passed, late or not."""
    runs: dict[str, list[str]] = {}
    for key in draw(st.sets(st.sampled_from("abc"), min_size=1)):
        said = ""
        for _ in range(draw(st.integers(1, 4))):
            said += draw(st.sampled_from(WORDS)) + " "
            if draw(st.booleans()):
                said += draw(st.sampled_from(sorted(SECRETS.values())))
                said += draw(st.sampled_from([" ", ", ", ". "]))
        cuts = sorted(draw(st.lists(st.integers(0, len(said)), max_size=8)))
        runs[key] = [said[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(said)], strict=True)]
    events: list[tuple[str | None, list[str], float, bool]] = []
    while runs:
        key = draw(st.sampled_from(sorted(runs)))
        texts = [runs[key].pop(0) for _ in range(min(draw(st.integers(1, 2)), len(runs[key])))]
        if not runs[key]:
            del runs[key]
        passed = draw(st.sampled_from([0.0, 0.01, 0.3, 1.0]))
        events.append((key, texts, passed, draw(st.booleans())))
        if draw(st.booleans()):
            events.append((None, [], 0.0, False))
    return events


def longest(secret: str, text: str) -> int:
    """The most characters in a row that a text and a secret have in common."""
    for size in range(len(secret), 0, -1):
        if any(secret[at : at + size] in text for at in range(len(secret) - size + 1)):
            return size
    return 0


@settings(max_examples=400, deadline=None)
@given(conversations())
def test_whatever_is_said_however_it_is_cut(events: list[tuple[str | None, list[str], float, bool]]) -> None:
    """No secret passes, order stays, all passes in the end, and what is none is untouched."""
    stream = Stream()
    now = 0.0
    for key, texts, passed, late in events:
        stream.hear(key, *texts, now=now)
        now += passed
        due = stream.runs.due
        if late and due is not None and due <= now:
            stream.late(now)
            assert stream.runs.due is None or stream.runs.due > now
    stream.end()
    assert stream.order == list(range(len(events)))
    for key in "abc":
        said = "".join(text for one, texts, _, _ in events if one == key for text in texts)
        left = "".join(
            text for number, texts in stream.passed if events[number][0] == key for text in texts
        )
        for name, secret in SECRETS.items():
            if secret in said:
                assert longest(secret, left) <= ALLOWED[name], (name, left)
        if not any(secret in said for secret in SECRETS.values()):
            assert left == said
        for word in WORDS:
            assert said.count(word + " ") <= left.count(word + " ") or word == "so", (said, left)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text("0123456789 -4eyJ.@abE\u200b\uff11", max_size=9), max_size=12), st.booleans())
def test_nothing_is_lost(texts: list[str], late: bool) -> None:
    """Whatever the texts, all of them pass once, in order."""
    stream = Stream()
    for number, text in enumerate(texts):
        stream.hear("k", text, now=float(number))
        if late:
            stream.late(float(number) + WAIT)
            assert len(stream.passed) == stream.said
    stream.end()
    assert stream.order == list(range(len(texts)))


def test_a_bit_of_a_token_that_looks_like_a_word_ends_no_token() -> None:
    """It passes, as a word would; what comes after it does not."""
    stream = Stream()
    stream.hear("a", f"it is {JWT[:-24]}")
    stream.hear("a", "lnbm", f"{JWT[-20:]} so")
    stream.end()
    assert JWT[-24:-20] == "lnbm"
    assert stream.shown == ["it is ", "lnbm| so"]
