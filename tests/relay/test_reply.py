"""What an upstream may say, message by message; and that what passes is what was judged, to the byte."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpgate.policy.asked import Asked
from mcpgate.policy.masks import Masks
from mcpgate.policy.rules import Action, Verdict
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay.hearing import ANSWERED_MOST, Hearing
from mcpgate.relay.reply import Document, Error, Events, Silence, reply_to
from mcpgate.wire.call import Call, Nature
from mcpgate.wire.http import ResponseHead, read_response_head
from mcpgate.wire.jsonrpc import Message
from tests.wire import event_source

ALLOWED = Verdict(Action.ALLOW, "some", None)
MOST = 1 << 20


def no_time() -> float:
    """Time that does not pass."""
    return 0.0



def waiting(method: str = "tools/call", exchange: str = "x1") -> Asked:
    """A request that awaits its answer."""
    return Asked(Call(method, "get_x", Nature.NAMED, ((method, "get_x"),)), ALLOWED, exchange)


def as_it_is(asked: Asked | None, message: Message, raw: bytes) -> bytes | None | Refusal:
    """Nothing becomes of an answer."""
    return raw


def hearing(*ids: int | str, **more: Any) -> Hearing:
    """What a request, or several of a batch, may be answered with, in a revision before 2026-07-28."""
    return Hearing({id: waiting() for id in ids}, more.pop("amend", as_it_is), **{"asked": {}, **more})


def result(id: object = 1, value: object = "ok") -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": id, "result": {"value": value}}).encode()


def error(id: object = 1) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": id, "error": {"code": -32000, "message": "no"}}).encode()


NOTE = b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}'
PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


def event(data: bytes, before: bytes = b"") -> bytes:
    return before + b"".join(b"data: %b\n" % line for line in data.split(b"\n")) + b"\n"


def reasons(heard: Hearing) -> list[Reason]:
    return [refusal.reason for refusal in heard.dropped]


def why(passed: bytes | None | Refusal) -> Reason:
    assert isinstance(passed, Refusal), passed
    return passed.reason


# What may be said.


@pytest.mark.parametrize("raw", [result(), error(), b' { "id" : 1 , "jsonrpc":"2.0","result":[1.10, 1e2]}\n'])
def test_an_answer_passes_in_the_bytes_in_which_it_came(raw: bytes) -> None:
    """A result or an error, to the request that waits; and then nothing waits any more."""
    heard = hearing(1)
    assert heard.hear(raw) is raw
    assert (heard.outstanding, heard.answered, heard.dropped) == ({}, {1}, [])


def test_what_was_answered_is_not_remembered_for_ever() -> None:
    """A stream of 2024-11-05 may bring a million answers, to requests that another worker took."""
    heard = hearing(strangers=True)
    for id in range(3 * ANSWERED_MOST):
        assert heard.hear(result(id)) is not None
        assert len(heard.answered) <= ANSWERED_MOST
    assert 3 * ANSWERED_MOST - 1 in heard.answered


@pytest.mark.parametrize("id", [2, "1", -1, 0, "", "\u00b9"])
def test_an_answer_to_another_id_is_kept(id: object) -> None:
    """1 and "1" are two ids, and nothing that looks alike is the same."""
    heard = hearing(1)
    assert heard.hear(result(id)) is None
    assert reasons(heard) == [Reason.UPSTREAM_UNASKED]
    assert list(heard.outstanding) == [1]


def test_zero_and_the_empty_text_are_ids() -> None:
    """Neither is taken for none."""
    heard = hearing(0, "")
    assert heard.hear(result(0)) == result(0)
    assert heard.hear(result("")) == result("")
    assert not heard.outstanding


def test_a_second_answer_is_kept_and_called_so() -> None:
    """The first one was passed on."""
    heard = hearing(1, 2)
    assert heard.hear(result(1, "first")) is not None
    assert heard.hear(result(1, "second")) is None
    assert reasons(heard) == [Reason.UPSTREAM_REPEATED]


def test_where_strangers_may_be_answered_both_are_passed_on_and_told_apart() -> None:
    """A resumed stream brings answers to what another worker had forwarded."""
    seen: list[Asked | None] = []

    def amend(asked: Asked | None, message: Message, raw: bytes) -> bytes:
        seen.append(asked)
        return raw

    known = waiting()
    heard = Hearing({1: known}, amend, asked={}, strangers=True)
    assert heard.hear(result(1)) == result(1)
    assert heard.hear(result("elsewhere")) == result("elsewhere")
    assert seen == [known, None]


def test_what_amending_says_becomes_of_the_answer() -> None:
    """Other bytes, nothing, or the end of it all."""
    for becomes in (b'{"other":1}', None, Refusal(Reason.UPSTREAM_REVISION)):
        heard = hearing(1, amend=lambda *_, becomes=becomes: becomes)
        assert heard.hear(result()) is becomes


def test_a_notification_passes_at_any_time() -> None:
    """It answers nothing and asks for no answer."""
    heard = hearing(1)
    assert heard.hear(NOTE) is NOTE
    assert list(heard.outstanding) == [1] and not heard.answered


def test_the_upstream_asks_only_where_the_revision_lets_it() -> None:
    """Up to 2025-11-25. Its ids are its own: they answer nothing."""
    heard = hearing(1)
    assert heard.hear(PING) is PING
    assert heard.asked == {1: "ping"} and list(heard.outstanding) == [1]
    modern = hearing(1, asked=None)
    assert modern.hear(PING) is None
    assert reasons(modern) == [Reason.UPSTREAM_ASKS]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"x",
        b"{}",
        b"null",
        b'"text"',
        result() + result(),
        b"\xef\xbb\xbf" + result(),
        result().decode().encode("utf-16"),
        b'{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"x"}}',
        b'{"jsonrpc":"2.0","id":1,"result":{},"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"id":2,"result":{}}',
        b'{"jsonrpc":"2.0","id":1,"\\u0069d":2,"result":{}}',
        b'{"jsonrpc":"2.0","id":1,"ID":2,"result":{}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":2}}',
        b'{"jsonrpc":"2.0","id":null,"result":{}}',
        b'{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}',
        b'{"jsonrpc":"2.0","id":1.0,"result":{}}',
        b'{"jsonrpc":"2.0","id":true,"result":{}}',
        b'{"jsonrpc":"1.0","id":1,"result":{}}',
        b'{"jsonrpc":"2.0","id":1,"result":"\\ud800"}',
        b'{"jsonrpc":"2.0","id":1,"result":NaN}',
        b'{"jsonrpc":"2.0","id":1,"result":' + b"[" * 64 + b"]" * 64 + b"}",
        b'{"jsonrpc":"2.0","id":1,"result":' + b"1" * 310 + b"}",
        b"[]",
        b"[" + result() + b"]",
    ],
)
def test_what_can_be_read_in_two_ways_or_none_ends_the_answer(raw: bytes) -> None:
    """A client might read it in the other one."""
    assert why(hearing(1).hear(raw)) is Reason.UPSTREAM_MESSAGE


# Batches (2025-03-26).


def test_of_a_batch_what_may_be_said_passes() -> None:
    """Each message by itself; a batch of which nothing is left is not passed on."""
    heard = hearing(1, "b", batches=True)
    passed = heard.hear(b"[%b,\n %b, %b,%b]" % (result(1), result(7), NOTE, error("b")))
    assert passed == b"[%b,%b,%b]" % (result(1), NOTE, error("b"))
    assert reasons(heard) == [Reason.UPSTREAM_UNASKED]
    assert heard.hear(b"[%b]" % result(8)) is None


def test_an_untouched_batch_keeps_its_bytes() -> None:
    """White space between its messages included: nothing was taken out."""
    heard = hearing(1, 2, batches=True)
    raw = b" [ %b ,\n%b ]\n" % (result(1), result(2))
    assert heard.hear(raw) is raw


@pytest.mark.parametrize(
    "raw",
    [
        b"[]",
        b"[[]]",
        b"[%b,1]" % result(),
        b"[%b,%b]" % (result(), error()),
        b"[" + b",".join(map(result, range(101))) + b"]",
    ],
)
def test_a_batch_that_nobody_may_send_ends_the_answer(raw: bytes) -> None:
    """None, too many, or two answers to one request, in which order ever they are read."""
    assert why(hearing(1, batches=True).hear(raw)) is Reason.UPSTREAM_MESSAGE


def test_a_refusal_inside_a_batch_ends_it_all() -> None:
    """What was amended into a refusal does not pass with its neighbours."""
    refusal = Refusal(Reason.UPSTREAM_REVISION)
    assert hearing(1, batches=True, amend=lambda *_: refusal).hear(b"[%b]" % result()) is refusal


# Documents.


def test_a_document_is_held_until_it_is_whole() -> None:
    """Its status may change by what is found at its very end."""
    document = Document(hearing(1), MOST)
    raw = result()
    for at in range(len(raw)):
        assert document.take(raw[at : at + 1], False) == b""
    assert document.take(b"", True) == raw


def test_a_document_has_a_largest_size() -> None:
    """The very size still passes; a byte more ends it before its end."""
    raw = result()
    assert Document(hearing(1), len(raw)).take(raw, True) == raw
    document = Document(hearing(1), len(raw) - 1)
    assert document.take(raw[:-1], False) == b""
    assert why(document.take(raw[-1:], False)) is Reason.UPSTREAM_ANSWER_SIZE


@pytest.mark.parametrize(
    "raw", [b"", result(2), result("1"), NOTE, PING, b"[" + result() + b"]", result()[:-1]]
)
def test_a_document_must_be_the_answer(raw: bytes) -> None:
    """A caller that waits would be told nothing by it."""
    heard = hearing(1)
    assert why(Document(heard, MOST).take(raw, True)) is Reason.UPSTREAM_MESSAGE
    assert heard.dropped == []


# Errors of HTTP.


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"Not Found",
        b"<html>result</html>",
        error(),
        error("server-error"),
        b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Session not found"}}',
        b'{"jsonrpc":"2.0","error":{"code":-32600,"message":"Bad Request"}}',
        b'{"error":"invalid_request"}',
        b"[%b]" % error(),
    ],
)
def test_an_upstreams_own_refusal_passes_as_it_is(raw: bytes) -> None:
    """Whatever it has to say, to whichever id."""
    assert Error(hearing(1), MOST).take(raw, True) == raw


@pytest.mark.parametrize(
    "raw",
    [
        result(),
        result(2),
        NOTE,
        PING,
        b"[%b]" % result(),
        b" [ %b, %b ]" % (error(), result()),
        b'{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":2}}',
        b'{"jsonrpc":"2.0","id":1,"result":{},"extra":1}',
        b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"},"\\u0072esult":{}}',
        b'{"jsonrpc":"2.0","id":null,"result":{}}',
        b'{"jsonrpc":"2.0","id":1,"result":NaN}',
        b'{"jsonrpc":"2.0","id":1,"result":"\\ud800"}',
    ],
)
def test_an_error_of_http_is_never_a_result(raw: bytes) -> None:
    """Nor anything that some client could read as one."""
    assert why(Error(hearing(1), MOST).take(raw, True)) is Reason.UPSTREAM_MESSAGE


@pytest.mark.parametrize(
    "raw",
    [
        b"no such user: kim@example.com",
        rb'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"kim\u0040example.com"}}',
        rb'{"error":"invalid_request","error_description":"kim\u0040example.com"}',
        rb'{"error":"{\"m\":\"kim\\u0040example.com\"}"}',
        b'{"error":"data:;base64,a2ltQGV4YW1wbGUuY29t"}',
        b'{"user":{"ssn":"none of yours"}}',
        "kim@example.com".encode("utf-16-le"),
        rb'{"error":"-----BEGIN PRIVATE\u0020KEY-----"}',
    ],
)
def test_what_is_masked_is_not_in_an_error_of_http_either(raw: bytes) -> None:
    """Such a body is not always a message, and is not changed; so it does not pass."""
    masks = Masks.compile(
        mask=frozenset({"email", "ssn-field"}),
        block={"private-key": "no-keys"},
        paths={"ssn-field": "user.ssn"},
    )
    refusal = Error(hearing(1, masks=masks), MOST).take(raw, True)
    assert why(refusal) is Reason.POLICY_CONTENT
    for clean in (b"Not Found", b'{"error":"a \\"b\\" \\u00e9"}', b'{"n":"data:;base64,eHg="}'):
        assert Error(hearing(1, masks=masks), MOST).take(clean, True) == clean


def test_an_error_has_the_size_of_a_document() -> None:
    """It is held as one."""
    assert why(Error(hearing(1), 3).take(b"four", False)) is Reason.UPSTREAM_ANSWER_SIZE


def test_what_answers_nothing_has_no_body() -> None:
    """Whatever comes."""
    silence = Silence(MOST)
    assert silence.take(result(), False) == b"" and silence.take(b"", True) == b""


# Streams.


def pass_on(reply: Events, *pieces: bytes) -> bytes:
    """All that passes of a stream."""
    passed = b""
    for number, piece in enumerate(pieces):
        one = reply.take(piece, number == len(pieces) - 1)
        assert isinstance(one, bytes), one
        passed += one
    return passed


UNTOUCHED = [
    event(result()),
    event(NOTE, b"id: 7\nevent: message\nretry: 10\n: within\nx-unknown: 1\n"),
    b"id: 1\ndata: \n\n",
    b"id: 0\n\n",
    b"retry: 3000\n\n",
    b": ping\n\n",
    b":\n",
    b"event: message\r\ndata: %b\r\n\r\n" % NOTE,
    b"data:%b\r\r" % NOTE,
    event(b'{"jsonrpc":"2.0",\n "method":"notifications/x"}'),
    event(PING),
    'data: {"jsonrpc":"2.0","method":"notifications/x","params":{"a":"\u2028\x85"}}\n\n'.encode(),
]


@pytest.mark.parametrize("raw", UNTOUCHED)
def test_an_event_passes_in_the_bytes_in_which_it_came(raw: bytes) -> None:
    """Ids, times to retry after, comments, priming events, fields that nobody knows, each line end."""
    assert pass_on(Events(hearing(1), MOST, no_time, True), raw) == raw


@given(st.lists(st.sampled_from(UNTOUCHED[1:]), max_size=8), st.data())
@settings(max_examples=300, deadline=None)
def test_a_stream_cut_anywhere_arrives_event_identical(told: list[bytes], data: st.DataObject) -> None:
    """However it is cut, the same bytes pass; and never ahead of the blank line that ends an event."""
    stream = b"".join(told)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    reply, passed = Events(hearing(1), MOST, no_time, True), b""
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        one = reply.take(stream[begin:end], False)
        assert isinstance(one, bytes), one
        passed += one
        assert event_source.read(passed)[1] == b""
    assert passed == stream


def test_what_is_no_message_is_kept_and_the_rest_goes_on() -> None:
    """A stranger's answer, a second answer, and an event of another kind."""
    heard = hearing(1)
    stream = (
        event(result(2))
        + event(result())
        + event(result())
        + event(b"/x", b"event: endpoint\n")
        + event(NOTE)
    )
    passed = pass_on(Events(heard, MOST, no_time, True), stream)
    told, rest = event_source.read(passed)
    assert ([one.data for one in told], rest) == ([result(), NOTE], b"")
    assert reasons(heard) == [Reason.UPSTREAM_UNASKED, Reason.UPSTREAM_REPEATED, Reason.UPSTREAM_EVENT]


@pytest.mark.parametrize(
    "mark", [b"\xef\xbb\xbf", "\u00ef\u00bb\u00bf".encode(), b"\xef\xbb\xbf\xef\xbb\xbf"]
)
@pytest.mark.parametrize(
    "before",
    [b"", b"\xef\xbb\xbf", event(result(9)), b"\xef\xbb\xbf" + event(result(9))],
    ids=["first", "behind a mark", "behind what is kept", "behind both"],
)
def test_nothing_unjudged_gets_to_the_beginning_of_a_stream(mark: bytes, before: bytes) -> None:
    """
    A byte order mark counts at a stream's very beginning only, and what is kept from the caller makes
    another event the first. The parser of the TypeScript SDK takes a second mark off: its three bytes,
    each written as a character.
    """
    heard = hearing(1)
    stream = before + mark + event(result(1, "hidden"))
    reply, passed = Events(heard, MOST, no_time, True), b""
    for at in range(len(stream)):
        one = reply.take(stream[at : at + 1], False)
        if isinstance(one, Refusal):
            break
        passed += one
    seen = passed.removeprefix(b"\xef\xbb\xbf").removeprefix("\u00ef\u00bb\u00bf".encode())
    for reading in (passed, seen):
        for one in event_source.read(reading)[0]:
            # What clients find was heard, and so its request is answered.
            assert not one.data or heard.answered == {1}, passed


def test_a_broken_event_ends_the_stream_and_nothing_of_it_passes() -> None:
    """R-04 of what a bad upstream answers, and its like."""
    for raw in (b"{", b"\n", b"{}", result() + b" " + result(), b"\xff"):
        reply = Events(hearing(1), MOST, no_time, True)
        assert why(reply.take(event(raw), False)) is Reason.UPSTREAM_MESSAGE


def test_an_unfinished_event_never_passes() -> None:
    """Some clients take what stands at the end of a stream for an event."""
    reply = Events(hearing(1), MOST, no_time, True)
    assert pass_on(reply, event(NOTE), b"data: " + result() + b"\n", b"") == event(NOTE)


def test_an_event_has_a_largest_size() -> None:
    """Whether it comes at once or in pieces, is whole or not."""
    raw = event(NOTE)
    assert pass_on(Events(hearing(1), len(raw), no_time, True), raw) == raw
    assert why(Events(hearing(1), len(raw) - 1, no_time, True).take(raw, False)) is Reason.UPSTREAM_EVENT_SIZE
    reply = Events(hearing(1), len(raw) - 2, no_time, True)
    assert why(reply.take(raw[:-1], False)) is Reason.UPSTREAM_EVENT_SIZE
    reply = Events(hearing(1), 64, no_time, True)
    assert why(reply.take(b": " + b"x" * 64, False)) is Reason.UPSTREAM_EVENT_SIZE


def test_an_amended_event_keeps_its_other_fields() -> None:
    """Only what it says is another."""
    reply = Events(hearing(1, amend=lambda *_: b'{"other":1}'), MOST, no_time, True)
    passed = pass_on(reply, event(result(), b"id: 7\n: within\nevent: message\nretry: 5\n"))
    told, rest = event_source.read(passed)
    assert rest == b"" and b": within\n" in passed and b"retry: 5\n" in passed
    assert [(one.data, one.kind, one.id) for one in told] == [(b'{"other":1}', b"message", b"7")]


def test_only_an_event_with_an_id_makes_a_stream_resumable() -> None:
    """An empty id resets it."""
    for raw, resumable in (
        (event(NOTE), False),
        (event(NOTE, b"id\n"), False),
        (event(b"", b"id: 1\n"), True),
    ):
        reply = Events(hearing(1), MOST, no_time, True)
        pass_on(reply, raw)
        assert reply.resumable is resumable


def test_half_a_line_end_is_owed_before_anything_else_may_follow() -> None:
    """Also where what came next was kept."""
    reply = Events(hearing(1), MOST, no_time, True)
    crs = b"data: %b\r\r"
    pass_on(reply, crs % NOTE)
    assert reply.line_end == b"\n"
    pass_on(reply, b"\ndata: %b\n" % NOTE, b"\n")
    assert reply.line_end == b""


# The endpoint of 2024-11-05.


def test_the_first_event_may_be_an_endpoint_and_no_other() -> None:
    """A second one would lead the client away."""
    named: list[bytes] = []

    def endpoint(data: bytes) -> bytes:
        named.append(data)
        return b"/mcp?session=sealed"

    heard = hearing(endpoint=endpoint, strangers=True)
    first, second = event(b"/messages?id=secret", b"event: endpoint\n"), event(b"/evil", b"event: endpoint\n")
    passed = pass_on(Events(heard, MOST, no_time, True), b": hello\n\n" + first + second + event(result()))
    told, _ = event_source.read(passed)
    assert [(one.kind, one.data) for one in told] == [(b"endpoint", b"/mcp?session=sealed"), (b"", result())]
    assert named == [b"/messages?id=secret"]
    assert reasons(heard) == [Reason.UPSTREAM_EVENT]
    late = hearing(endpoint=endpoint)
    assert b"endpoint" not in pass_on(Events(late, MOST, no_time, True), event(NOTE) + first)


def test_an_endpoint_that_is_refused_ends_the_stream() -> None:
    """Nothing of it passes."""
    refusal = Refusal(Reason.UPSTREAM_ENDPOINT)
    reply = Events(hearing(endpoint=lambda _: refusal), MOST, no_time, True)
    assert reply.take(event(b"https://evil.test/", b"event: endpoint\n"), False) is refusal


# Which of them it is.


def head(status: int, content: str | None, *lines: str, method: bytes = b"POST") -> ResponseHead:
    content_type = [f"Content-Type: {content}"] if content else []
    length = [] if status == 204 else ["Content-Length: 5"]
    raw = "\r\n".join([f"HTTP/1.1 {status} x", *content_type, *length, *lines, "", ""])
    found = read_response_head(raw.encode(), method)
    assert isinstance(found, ResponseHead), found
    return found


JSON, STREAM = "application/json", "text/event-stream; charset=utf-8"


@pytest.mark.parametrize(
    ("status", "content", "method", "ids", "expected"),
    [
        (200, JSON, b"POST", (1,), Document),
        (201, JSON, b"POST", (1,), Document),
        (200, STREAM, b"POST", (1,), Events),
        (200, STREAM, b"GET", (), Events),
        (202, None, b"POST", (1,), Silence),
        (202, JSON, b"POST", (), Silence),
        (200, JSON, b"POST", (), Silence),
        (200, None, b"DELETE", (), Silence),
        (204, None, b"POST", (), Silence),
        (204, None, b"GET", (), Silence),
        (204, STREAM, b"POST", (1,), Silence),
        (404, JSON, b"POST", (1,), Error),
        (404, "text/plain", b"POST", (1,), Error),
        (405, None, b"GET", (), Error),
        (500, JSON, b"POST", (), Error),
        (404, STREAM, b"POST", (1,), Silence),
        (200, "text/html", b"POST", (1,), None),
        (200, None, b"POST", (1,), None),
        (200, JSON, b"GET", (), None),
    ],
)
def test_how_an_answer_is_read(
    status: int, content: str | None, method: bytes, ids: tuple[int, ...], expected: type | None
) -> None:
    """By its status and its content; C{None}: in no way. A stream that HTTP calls an error, or that has no
    body, is none."""
    found = reply_to(
        head(status, content, method=method),
        hearing(*ids),
        method=method,
        document=MOST,
        event=MOST,
        clock=no_time,
        ends=True,
    )
    if expected is None:
        assert isinstance(found, Refusal) and found.reason is Reason.UPSTREAM_CONTENT
    else:
        assert type(found) is expected


@pytest.mark.parametrize("fault", [event(b"x"), event(b'"%b"' % (b"x" * 200)), b"data: " + b"x" * 200])
def test_what_came_before_a_fault_passes_also_in_the_same_piece(fault: bytes) -> None:
    """It was heard: were it held back, nobody would answer its request any more."""
    heard = hearing(1, 2)
    reply = Events(heard, 150, no_time, True)
    assert reply.take(event(result()) + fault + event(result(2)), False) == event(result())
    assert reply.refusal is not None
    assert (list(heard.outstanding), heard.answered) == ([2], {1})
    alone = Events(hearing(1), 150, no_time, True)
    assert alone.take(fault, False) is alone.refusal
