"""What is said bit by bit on a stream reaches the caller whole, in order, and without what is masked."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpgate.policy.echo import Secrets
from mcpgate.policy.masks import Masks
from mcpgate.policy.runs import EVENT, WAIT, WAITING_MOST
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay.hearing import Hearing
from mcpgate.relay.reply import Events
from mcpgate.wire.sse import EventReader
from tests.relay.test_reply import as_it_is, result, waiting

CARD = "4111111111111111"
MASKS = Masks.compile(mask=frozenset({"card", "email"}), block={"private-key": "no-keys"})


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Stream:
    """An upstream's stream on its way to a caller."""

    def __init__(self, ends: bool = True) -> None:
        self.clock = Clock()
        self.hearing = Hearing({1: waiting()}, as_it_is, asked={}, masks=MASKS)
        self.events = Events(self.hearing, 1 << 20, self.clock, ends)
        self.passed = b""

    def say(self, *payloads: bytes, finished: bool = False) -> None:
        for payload in payloads:
            passed = self.events.take(payload, finished)
            assert isinstance(passed, bytes)
            self.passed += passed

    def texts(self) -> list[Any]:
        """What the caller has heard."""
        found = []
        for event in EventReader().feed(self.passed):
            if event.data:
                message = json.loads(event.data)
                params = message.get("params", {})
                found.append(params.get("message", params.get("data", message.get("id"))))
        return found


def event(message: dict[str, Any], before: str = "") -> bytes:
    return f"{before}data: {json.dumps({'jsonrpc': '2.0', **message})}\n\n".encode()


def progress(text: str, token: object = 7) -> bytes:
    params = {"progressToken": token, "progress": 1, "message": text}
    return event({"method": "notifications/progress", "params": params})


def log(data: object, logger: str = "db") -> bytes:
    params = {"level": "info", "logger": logger, "data": data}
    return event({"method": "notifications/message", "params": params})


ANSWER = b"data: " + result(1) + b"\n\n"


@pytest.mark.parametrize("at", range(1, len(CARD)))
@pytest.mark.parametrize("say", [progress, log])
def test_a_card_number_split_over_two_events_does_not_pass(at: int, say: Any) -> None:
    """At any place; what may be left of it is what may be shown of a card: its first six, its last four."""
    stream = Stream()
    stream.say(say("pay with " + CARD[:at]), say(CARD[at:] + " now"), ANSWER)
    heard = stream.texts()
    assert heard[-1] == 1 and len(heard) == 3
    together = "".join(heard[:2])
    assert CARD not in together
    digits = "".join(sign for sign in together if sign.isdigit())
    assert len(digits) <= 6
    assert heard[1].endswith(" now") and heard[0].startswith("pay with ")


@pytest.mark.parametrize("at", range(1, len("kim@example.com")))
@pytest.mark.parametrize("beside", ["-", ".", "+", "_", "'"])
def test_an_address_that_stands_right_behind_another_does_not_pass(at: int, beside: str) -> None:
    """The first is found at once, and ends in what may be the beginning of the second."""
    said = "kim@example.com"
    stream = Stream()
    stream.say(log("jo@example.com" + beside + said[:at]), log(said[at:]), ANSWER)
    together = "".join(map(str, stream.texts()))
    assert said not in together and not MASKS.detectors.find(together)


@pytest.mark.parametrize(
    "parts",
    [
        ["a@", "example.com-kim", "@example.com"],
        ["a@example.com4", "111kim", "@example.com"],
        ["a@example.com4", "111", "kim", "@example.com"],
    ],
)
def test_an_address_that_goes_over_into_another_hides_none(parts: list[str]) -> None:
    stream = Stream()
    stream.say(*map(log, parts), ANSWER)
    assert "kim@example.com" not in "".join(map(str, stream.texts()))


def test_what_is_in_no_doubt_passes_at_once_in_its_own_bytes() -> None:
    stream = Stream()
    for raw in (progress("half done"), b": ping\n\n", log({"rows": 1.10})):
        before = stream.passed
        stream.say(raw)
        assert stream.passed == before + raw


def test_all_that_is_behind_what_waits_waits_too_and_passes_in_order() -> None:
    stream = Stream()
    stream.say(progress("4111 1111 11"), b": ping\n\n", log("beside"))
    assert stream.passed == b"" and stream.events.due == WAIT
    stream.say(progress("done"))
    assert stream.passed == progress("4111 1111 11") + b": ping\n\n" + log("beside") + progress("done")
    assert stream.events.due is None


def test_what_waits_too_long_passes_without_what_is_in_doubt() -> None:
    stream = Stream()
    stream.say(progress("see 4111 1111 11"), b": ping\n\n")
    stream.clock.now = WAIT
    stream.passed += stream.events.late()
    assert stream.texts() == ["see [card]"] and stream.passed.endswith(b": ping\n\n")
    assert stream.events.due is None
    assert stream.hearing.masked == {"card": 1}


def test_the_answer_ends_what_was_said_before_it() -> None:
    """Nobody goes on, so what was in doubt is nothing."""
    stream = Stream()
    stream.say(progress("order 4111 1111 11"), ANSWER)
    assert stream.passed == progress("order 4111 1111 11") + ANSWER


def test_behind_the_answer_nobody_gets_the_rest() -> None:
    """An upstream may say more there, and a card that goes on over the answer is a card."""
    stream = Stream()
    stream.say(log("order 4111 1111 11"), ANSWER, log("11 1111"), b": ping\n\n")
    assert stream.texts() == ["order 4111 1111 11", 1, "[card]"]


def test_a_batch_is_followed_message_by_message() -> None:
    """Each of its messages is judged, and what one leaves open is waited for (2025-03-26)."""
    stream = Stream()
    stream.hearing.batches = True
    changed = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
    said = [json.loads(one[6:]) for one in (progress("to kim@example.com"), progress("see 4111 1111 11"))]
    one, other = json.dumps([*said, changed]).encode(), b"[%b,%b]" % (progress("11 1111")[6:-2], result(1))
    stream.say(b"id: 5\ndata: " + one + b"\n\n", b": ping\n\n")
    assert stream.texts() == ["to [email]"]
    assert stream.events.resumable
    stream.say(b"data: " + other + b"\n\n")
    assert stream.texts() == ["to [email]", "see [card]", None, "[card]", 1]
    # Who resumes behind an event must have had all of it.
    assert stream.passed.index(b"id: 5") > stream.passed.index(b"see ")
    assert stream.hearing.answered == {1} and not stream.hearing.dropped


def test_a_batch_that_cannot_be_read_ends_the_stream_whole() -> None:
    stream = Stream()
    stream.hearing.batches = True
    stream.say(progress("half done"))
    payload = b"data: [%b,{}]\n\n" % progress("to kim@example.com")[6:-2]
    assert isinstance(stream.events.take(payload, False), Refusal)


def test_what_is_kept_behind_what_waits_is_bounded() -> None:
    """Events of a few bytes: each takes some room, so thousands end the wait."""
    stream = Stream()
    stream.say(progress("to kim@exam"))
    for _ in range(2 * WAITING_MOST // EVENT):
        stream.say(b"data:\n\n")
    assert stream.events.due is None and stream.texts()[0] == "to [email]"


def test_on_a_stream_of_many_answers_one_of_them_ends_nothing() -> None:
    stream = Stream(ends=False)
    stream.say(progress("order 4111 1111 11"), ANSWER)
    assert stream.passed == b""
    stream.say(progress("11 1111"))
    assert "4111" not in stream.passed.decode()


def test_the_end_of_the_stream_lets_everything_pass() -> None:
    stream = Stream(ends=False)
    stream.say(progress("order 4111 1111 11"))
    stream.say(b"", finished=True)
    assert stream.passed == progress("order 4111 1111 11")


def test_a_private_key_that_is_logged_line_by_line_is_not_seen() -> None:
    """Its rule lets no message with it pass."""
    stream = Stream()
    lines = ["-----BEGIN PRIVATE KEY-----", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "-----END PRIVATE KEY-----"]
    stream.say(*(log(line) for line in lines), log("after"), ANSWER)
    assert "MIIE" not in stream.passed.decode() and stream.texts()[-2:] == ["after", 1]
    assert {refusal.reason for refusal in stream.hearing.dropped} == {Reason.POLICY_CONTENT}


def test_what_stands_around_a_message_is_left_out_where_it_holds_something() -> None:
    stream = Stream()
    message = {"method": "notifications/message", "params": {"level": "info", "data": "x"}}
    stream.say(event(message, before="id: a@example.com\n"), b": b@example.com\n\n")
    stream.say(event(message, before="id: 5\n"))
    assert b"example.com" not in stream.passed and b"id: 5\n" in stream.passed
    assert stream.texts() == ["x", "x"]


@settings(deadline=None, max_examples=500)
@given(
    st.lists(st.text("ab 4-1\n@", max_size=8) | st.sampled_from([CARD, "a@example.com"]), max_size=6),
    st.integers(1, 40),
    st.data(),
)
def test_however_it_is_said_nothing_passes_that_is_looked_for(
    words: list[str], piece: int, data: st.DataObject
) -> None:
    """Cut into messages at any place, and the stream into pieces at any place."""
    text = "".join(words)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    raw = b"".join(map(log, parts)) + ANSWER
    stream = Stream()
    for at in range(0, len(raw), piece):
        stream.say(raw[at : at + piece])
    heard = stream.texts()
    assert heard[-1] == 1 and len(heard) == len(parts) + 1
    found = MASKS.detectors.find
    assert not found("".join(heard[:-1])) and not any(map(found, heard[:-1]))
    ends = range(1, len(parts) + 1)
    if not any(found("".join(parts[begin:end])) for end in ends for begin in range(end)):
        assert heard[:-1] == parts


def test_a_token_that_is_newer_than_the_stream_is_followed() -> None:
    """What the upstream is shown since may be said bit by bit as well."""
    first, second = "first-token-of-the-upstream", "second-token-of-the-upstream"
    echoing: Any = SimpleNamespace(
        secrets=Secrets([first.encode()]), clear=lambda raw: True, spoken=lambda: None
    )
    stream = Stream()
    stream.hearing.echoing, stream.hearing.masks = echoing, None
    stream.events = Events(stream.hearing, 1 << 20, stream.clock, True)
    stream.say(progress("it was " + first[:20]), progress(first[20:]))
    echoing.secrets = Secrets([second.encode()])
    stream.say(progress("it is " + second[:20]), progress(second[20:]), ANSWER)
    shown = "".join(map(str, stream.texts()))
    assert shown == "it was [credential][credential]it is [credential][credential]1"
