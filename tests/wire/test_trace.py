"""A trace is carried on if it is one, and costs a client nothing of what is remembered of its heads."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.wire.http import RequestHead, read_request_head
from mcpgate.wire.trace import NAMES, STATE_MOST, Trace, cut, trace_of

PARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
BEFORE = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\n"
BEHIND = b"Content-Length: 5\r\n\r\n"


def said(*lines: bytes) -> Trace | None:
    """What a head with these lines says, by all that reads it."""
    raw = BEFORE + b"".join(line + b"\r\n" for line in lines) + BEHIND
    head = read_request_head(raw)
    assert isinstance(head, RequestHead)
    whole = trace_of(head.headers, head.nominated)
    found = cut(raw + b"12345", len(raw))
    if found is not None:
        left, trace = found
        assert left.endswith(b"\r\n\r\n12345")
        rest = read_request_head(left[:-5])
        assert isinstance(rest, RequestHead)
        if NAMES.isdisjoint(rest.fields) and not rest.nominated:
            assert trace == whole
            assert [pair for pair in head.headers if pair[0] not in NAMES] == list(rest.headers)
    return whole


@pytest.mark.parametrize("name", [b"traceparent", b"Traceparent", b"TraceParent", b"TRACEPARENT"])
def test_a_trace_is_carried_with_its_state(name: bytes) -> None:
    trace = said(b"%b: %b" % (name, PARENT), b"X-Y: z", b"tracestate: a=1,b=2")
    assert trace is not None and trace.parent == PARENT.decode()
    assert trace.lines == b"traceparent: %b\r\ntracestate: a=1,b=2\r\n" % PARENT


def test_several_states_are_one_list() -> None:
    """RFC 9110 5.3, and the standard's section 3.3."""
    trace = said(b"traceparent: " + PARENT, b"tracestate: a=1", b"tracestate:", b"tracestate: b=2")
    assert trace is not None and trace.lines.endswith(b"\r\ntracestate: a=1,b=2\r\n")


@pytest.mark.parametrize(
    "value",
    [
        b"",
        PARENT[:-1],
        PARENT + b"0",
        PARENT + b"-more",
        PARENT.upper(),
        b"ff" + PARENT[2:],
        b"0" * 2 + b"-" + b"0" * 32 + PARENT[35:],
        PARENT[:36] + b"0" * 16 + b"-01",
        PARENT.replace(b"-", b"_"),
        PARENT + b", " + PARENT,
    ],
)
def test_what_is_none_is_dropped_with_its_state(value: bytes) -> None:
    assert said(b"traceparent: " + value, b"tracestate: a=1") is None
    assert said(b"tracestate: a=1") is None


def test_two_are_none_and_one_that_is_for_this_hop_alone_is_not_carried() -> None:
    one = b"traceparent: " + PARENT
    assert said(one, one) is None
    assert said(one, b"Connection: close, traceparent") is None
    trace = said(one, b"tracestate: a=1", b"Connection: tracestate")
    assert trace is not None and trace.lines == one + b"\r\n"


def test_a_later_version_goes_on_as_the_first() -> None:
    """Section 3.2.4: by the parts that are known, in the version that is known."""
    for value in (b"cc" + PARENT[2:], b"cc" + PARENT[2:] + b"-what-the-future-will-be-like"):
        trace = said(b"traceparent: " + value)
        assert trace is not None and trace.parent == PARENT.decode()
    assert said(b"traceparent: cc" + PARENT[2:] + b".what") is None


def test_a_state_that_is_too_long_stays_here_and_the_trace_does_not() -> None:
    for size, kept in ((STATE_MOST, True), (STATE_MOST + 1, False)):
        trace = said(b"traceparent: " + PARENT, b"tracestate: a=" + b"x" * (size - 2))
        assert trace is not None and (b"tracestate" in trace.lines) is kept


def test_a_line_before_the_request_line_is_not_cut_out() -> None:
    """What is no head must not become one."""
    raw = b"\r\ntraceparent: " + PARENT + b"\r\n" + BEFORE + BEHIND
    assert cut(raw, len(raw)) is None


BEGINNINGS = (b"traceparent: ", b"Traceparent: ", b"TRACEPARENT:", b"tracestate: ", b"tracestate:\t", b"X: ")
LINES = st.lists(
    st.sampled_from(BEGINNINGS).flatmap(
        lambda name: st.one_of(
            st.sampled_from([PARENT, b"cc" + PARENT[2:], b"a=1", b"a=1 ", b"", b"0" * 55]),
            st.from_regex(re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"), fullmatch=True),
            st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60).map(str.encode),
        ).map(lambda value: name + value)
    ),
    max_size=4,
)


@given(LINES)
def test_what_is_cut_is_what_would_be_read(lines: list[bytes]) -> None:
    """Both ways say the same, and what remains of the head is what it says besides; and whatever is carried
    on is a traceparent."""
    trace = said(*lines)
    if trace is not None:
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", trace.parent)
        assert trace.lines.count(b"\r\n") == trace.lines.count(b"\n") <= 2
