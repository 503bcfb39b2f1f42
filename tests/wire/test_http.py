"""Heads are read in one way or refused; a refusal has the reason that tells most."""

from __future__ import annotations

import http.client
from io import BytesIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.http import (
    HEADERS_MOST,
    Content,
    Framing,
    RequestHead,
    ResponseHead,
    judge_content,
    judge_unfinished,
    read_request_head,
    read_response_head,
)

HEAD = (
    b"POST /mcp?x=1 HTTP/1.1\r\nHost: Gate.Example:8443\r\nContent-Type: application/json\r\n"
    b"X-Empty:\r\nAccept: application/json\r\nAccept: \t text/event-stream \r\nContent-Length: 40\r\n\r\n"
)


def head(*lines: bytes, first: bytes = b"POST /mcp HTTP/1.1", host: bytes | None = b"gw.test") -> bytes:
    """A request head of these lines."""
    hosts = () if host is None else (b"Host: " + host,)
    return b"\r\n".join((first, *hosts, *lines, b"", b""))


def read(*lines: bytes, first: bytes = b"POST /mcp HTTP/1.1", host: bytes | None = b"gw.test") -> RequestHead:
    """That head, read; it is one that is accepted."""
    found = read_request_head(head(*lines, first=first, host=host))
    assert isinstance(found, RequestHead), found
    return found


def refused(*lines: bytes, first: bytes = b"POST /mcp HTTP/1.1", host: bytes | None = b"gw.test") -> Reason:
    """Why that head is refused."""
    found = read_request_head(head(*lines, first=first, host=host))
    assert isinstance(found, Refusal), found
    return found.reason


def test_a_head_is_read() -> None:
    found = read_request_head(HEAD)
    assert isinstance(found, RequestHead)
    assert (found.method, found.path) == (b"POST", b"/mcp?x=1")
    assert (found.host, found.port) == (b"gate.example", 8443)
    assert (found.framing, found.length) == (Framing.LENGTH, 40)
    assert found.keep_alive and not found.expects_continue
    assert found.headers == (
        (b"host", b"Gate.Example:8443"),
        (b"content-type", b"application/json"),
        (b"x-empty", b""),
        (b"accept", b"application/json"),
        (b"accept", b"text/event-stream"),
        (b"content-length", b"40"),
    )


def test_a_header_is_got_by_its_lower_case_name_and_repeated_ones_are_joined() -> None:
    found = read_request_head(HEAD)
    assert isinstance(found, RequestHead)
    assert found.get(b"accept") == b"application/json, text/event-stream"
    assert found.get(b"x-empty") == b""
    assert found.get(b"authorization") is None


def test_a_repr_shows_neither_headers_nor_the_query() -> None:
    found = read(
        b"Authorization: Bearer s3cret", b"Content-Length: 0", first=b"POST /mcp?key=s3cret HTTP/1.1"
    )
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (b"POST /mcp HTTP/1.0", Reason.FRAME_VERSION),
        (b"PRI * HTTP/2.0", Reason.FRAME_VERSION),
        (b"POST /mcp http/1.1", Reason.FRAME_HEAD),
        (b"POST  /mcp HTTP/1.1", Reason.FRAME_HEAD),
        (b" POST /mcp HTTP/1.1", Reason.FRAME_HEAD),
        (b"POST /mcp HTTP/1.1 ", Reason.FRAME_HEAD),
        (b"POST /mcp", Reason.FRAME_HEAD),
        (b"", Reason.FRAME_HEAD),
        (b"post /mcp HTTP/1.1", Reason.FRAME_METHOD),
        (b"PUT /mcp HTTP/1.1", Reason.FRAME_METHOD),
        (b"TRACE /mcp HTTP/1.1", Reason.FRAME_METHOD),
        (b"OPTIONS * HTTP/1.1", Reason.FRAME_TARGET),
        (b"POST mcp HTTP/1.1", Reason.FRAME_TARGET),
        (b"POST /mcp#top HTTP/1.1", Reason.FRAME_TARGET),
        (b"POST /mcp\\x HTTP/1.1", Reason.FRAME_TARGET),
        (b"POST /mcp%zz HTTP/1.1", Reason.FRAME_TARGET),
        (b"POST http://gw.test/mcp HTTP/1.1", Reason.FRAME_TARGET),
        (b"POST https://u@gw.test/mcp HTTP/1.1", Reason.FRAME_TARGET),
        (b"POST https://evil.test/mcp HTTP/1.1", Reason.FRAME_MISDIRECTED),
        (b"POST https://gw.test:443/mcp HTTP/1.1", Reason.FRAME_MISDIRECTED),
    ],
)
def test_a_request_line_that_is_not_exactly_one_is_refused(first: bytes, reason: Reason) -> None:
    assert refused(b"Content-Length: 0", first=first) is reason


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"https://gw.test/mcp?a", b"/mcp?a"),
        (b"https://GW.test", b"/"),
        (b"//mcp", b"//mcp"),
        (b"/%6d", b"/%6d"),
    ],
)
def test_an_https_target_for_the_same_host_gives_its_path_and_nothing_is_normalised(
    target: bytes, path: bytes
) -> None:
    assert read(b"Content-Length: 0", first=b"POST " + target + b" HTTP/1.1").path == path


@pytest.mark.parametrize(
    ("host", "name", "port"),
    [
        (b"GW.Test", b"gw.test", None),
        (b"gw.test:1", b"gw.test", 1),
        (b"127.0.0.1:65535", b"127.0.0.1", 65535),
        (b"[::1]:8443", b"::1", 8443),
        (b"mcp_gate", b"mcp_gate", None),
    ],
)
def test_the_host_is_lower_case_without_port_and_brackets(host: bytes, name: bytes, port: int | None) -> None:
    found = read(b"Content-Length: 0", host=host)
    assert (found.host, found.port) == (name, port)


@pytest.mark.parametrize(
    "host",
    [None, b"", b"u@gw.test", b"gw.test/", b"gw.test, a", b"gw.test:", b"gw.test:0", b"gw.test:65536"]
    + [b"gw.test:080", b"gw.test:8x", b"[::1", b"[gw.test]", b"-gw", b".gw", b"g w", b"gw%2etest", b"gw\xff"],
)
def test_a_missing_or_malformed_host_is_refused(host: bytes | None) -> None:
    assert refused(b"Content-Length: 0", host=host) is Reason.FRAME_HOST


@pytest.mark.parametrize(
    "line",
    [b"X : 1", b" X: 1", b"X\t: 1", b"X", b": 1", b"X_Y: 1", b"X(: 1", b"X\xff: 1", b"X: a\0", b"X: a\x7f"]
    + [b"X: a\nY: b", b"X: a\rb", b"X: 1\r\n 2", b"X: 1\r\n\t2", b"X: 1\r\n\r\nY: 1"],
)
def test_a_malformed_header_line_is_refused(line: bytes) -> None:
    assert refused(line, b"Content-Length: 0") is Reason.FRAME_HEAD


def test_bytes_above_ascii_may_stand_in_values() -> None:
    assert read(b"X-Name: caf\xc3\xa9 \x85", b"Content-Length: 0").get(b"x-name") == b"caf\xc3\xa9 \x85"


@pytest.mark.parametrize(
    "name",
    [
        b"Host",
        b"Content-Length",
        b"Transfer-Encoding",
        b"Authorization",
        b"Content-Type",
        b"Origin",
        b"Expect",
    ]
    + [
        b"Mcp-Session-Id",
        b"MCP-Protocol-Version",
        b"Mcp-Method",
        b"Mcp-Name",
        b"Mcp-Param-X",
        b"Last-Event-ID",
    ],
)
def test_a_header_that_decides_something_may_not_repeat(name: bytes) -> None:
    lines = (name + b": 1", name.lower() + b": 1")
    assert refused(*lines, host=None) is Reason.FRAME_DUPLICATE_HEADER


def test_more_header_lines_than_allowed_are_refused() -> None:
    few = [b"X%d: 1" % number for number in range(HEADERS_MOST - 2)]
    assert len(read(*few, b"Content-Length: 0").headers) == HEADERS_MOST
    assert refused(*few, b"Content-Length: 0", b"Y: 1") is Reason.FRAME_HEAD_SIZE


@pytest.mark.parametrize("coding", [b"chunked", b"Chunked", b"\tCHUNKED "])
def test_a_chunked_body_is_announced_by_that_one_word(coding: bytes) -> None:
    found = read(b"Transfer-Encoding:" + coding)
    assert (found.framing, found.length) == (Framing.CHUNKED, 0)


@pytest.mark.parametrize(
    "coding", [b"", b"identity", b"gzip, chunked", b"chunked,", b",chunked", b"x-chunked"]
)
def test_any_other_transfer_coding_is_refused(coding: bytes) -> None:
    assert refused(b"Transfer-Encoding: " + coding) is Reason.FRAME_LENGTH


@pytest.mark.parametrize(
    "length", [b"", b"+1", b"-1", b"01", b"00", b"0x1", b"1 0", b"1,1", b"1e1", b"\xb2", b'"1"']
)
def test_a_length_that_is_not_one_plain_number_is_refused(length: bytes) -> None:
    assert refused(b"Content-Length: " + length) is Reason.FRAME_LENGTH


def test_an_absurd_length_is_too_large_and_never_computed() -> None:
    assert refused(b"Content-Length: " + b"9" * 5000) is Reason.FRAME_BODY_SIZE


def test_two_ways_to_tell_the_length_are_refused() -> None:
    assert refused(b"Content-Length: 1", b"Transfer-Encoding: chunked") is Reason.FRAME_LENGTH


def test_a_post_tells_its_length() -> None:
    assert refused() is Reason.FRAME_LENGTH_REQUIRED


@pytest.mark.parametrize("method", [b"GET", b"DELETE", b"HEAD", b"OPTIONS"])
def test_other_methods_have_no_body(method: bytes) -> None:
    first = method + b" /mcp HTTP/1.1"
    assert read(first=first).framing is Framing.NONE
    assert read(b"Content-Length: 0", first=first).framing is Framing.NONE
    assert refused(b"Content-Length: 1", first=first) is Reason.FRAME_LENGTH
    assert refused(b"Transfer-Encoding: chunked", first=first) is Reason.FRAME_LENGTH


def test_only_100_continue_may_be_expected_and_counts_only_with_a_body() -> None:
    assert read(b"Expect: 100-Continue", b"Content-Length: 1").expects_continue
    assert read(b"Expect: 100-continue", b"Transfer-Encoding: chunked").expects_continue
    assert not read(b"Expect: 100-continue", b"Content-Length: 0").expects_continue
    assert refused(b"Expect: y 100-continue", b"Content-Length: 1") is Reason.FRAME_EXPECT


def test_a_connection_header_ends_the_connection_or_names_hop_by_hop_headers() -> None:
    assert read(b"Connection: Keep-Alive", b"Content-Length: 0").keep_alive
    found = read(b"Connection: Foo,, close", b"Connection: TE", b"Content-Length: 0")
    assert not found.keep_alive
    assert found.nominated == {b"foo", b"te"}


@pytest.mark.parametrize(
    "option",
    [
        b"Authorization",
        b"host",
        b"Content-Length",
        b"content-type",
        b"Mcp-Method",
        b"mcp-param-x",
        b"a b",
        b'"x"',
    ],
)
def test_a_connection_header_may_not_name_what_is_judged(option: bytes) -> None:
    assert refused(b"Connection: close, " + option, b"Content-Length: 0") is Reason.FRAME_HEAD


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([b"Content-Type: application/json"], None),
        ([b'Content-Type: Application/JSON ; charset="UTF-8"', b"Content-Encoding: identity"], None),
        ([], Reason.FRAME_CONTENT_TYPE),
        ([b"Content-Type: text/plain"], Reason.FRAME_CONTENT_TYPE),
        ([b"Content-Type: application/json; charset=utf-16"], Reason.FRAME_CONTENT_TYPE),
        ([b"Content-Type: application/json, text/plain"], Reason.FRAME_CONTENT_TYPE),
        ([b"Content-Type: application/json", b"Content-Encoding: gzip"], Reason.FRAME_CONTENT_ENCODING),
        (
            [b"Content-Type: application/json", b"Content-Encoding: identity", b"Content-Encoding: br"],
            Reason.FRAME_CONTENT_ENCODING,
        ),
    ],
)
def test_a_body_is_plain_json_in_utf_8(lines: list[bytes], reason: Reason | None) -> None:
    refusal = judge_content(read(*lines, b"Content-Length: 2"))
    assert (refusal and refusal.reason) is reason


def test_a_request_without_a_body_needs_no_content_type() -> None:
    assert judge_content(read(first=b"GET /mcp HTTP/1.1")) is None


@pytest.mark.parametrize(
    "raw", [b"\r\nPOST", b"\x16\x03\x01", b"POST /\n", b"POST / HTTP/1.1\r\nX: \0", b"P\rO"]
)
def test_a_beginning_that_cannot_become_a_head_is_refused_at_once(raw: bytes) -> None:
    refusal = judge_unfinished(raw)
    assert refusal is not None and refusal.reason is Reason.FRAME_HEAD


@given(st.integers(1, len(HEAD) - 1))
def test_no_beginning_of_a_good_head_is_refused(end: int) -> None:
    assert judge_unfinished(HEAD[:end]) is None


TOKENS = st.text("!#$%&'*+-.^`|~09azAZ", min_size=1, max_size=12).map(str.encode)
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20).map(str.encode)


@given(st.lists(st.tuples(TOKENS.map(lambda name: b"X-" + name), VALUES), max_size=20))
def test_what_is_accepted_reads_the_same_to_a_lenient_parser(pairs: list[tuple[bytes, bytes]]) -> None:
    """The standard library's parser, which forgives much, finds the same headers in the same order."""
    lines = [name + b":" + value for name, value in pairs]
    found = read(*lines, b"Content-Length: 0")
    theirs = http.client.parse_headers(BytesIO(head(*lines, b"Content-Length: 0").partition(b"\r\n")[2]))
    assert [(name.lower().encode(), value.strip(" \t").encode()) for name, value in theirs.items()] == list(
        found.headers
    )


BYTES = st.one_of(
    st.binary(max_size=3), st.sampled_from([b"\r", b"\n", b"\r\n", b":", b" ", b"_", b"\0", b",", b"0"])
)


@given(st.data(), st.sampled_from([HEAD, head(b"Connection: close, x", b"Transfer-Encoding: chunked")]))
def test_a_mutated_head_is_refused_or_unambiguous(data: st.DataObject, raw: bytes) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        begin = data.draw(st.integers(0, len(raw)))
        end = data.draw(st.integers(begin, min(len(raw), begin + 3)))
        raw = raw[:begin] + data.draw(BYTES) + raw[end:]
    found = read_request_head(raw)
    if isinstance(found, Refusal):
        return
    assert raw.count(b"\r\n\r\n") == 1 and raw.endswith(b"\r\n\r\n")
    assert raw.count(b"\n") == raw.count(b"\r") == raw.count(b"\r\n") == len(found.headers) + 2
    names = [name for name, _ in found.headers]
    assert names.count(b"host") == 1
    assert names.count(b"content-length") + names.count(b"transfer-encoding") <= 1
    assert (found.framing is Framing.NONE) == (found.method != b"POST")
    assert judge_unfinished(raw[:-4]) is None


@given(st.binary())
@example(b"")
def test_no_bytes_at_all_make_the_readers_raise(raw: bytes) -> None:
    read_request_head(raw)
    read_request_head(b"POST / HTTP/1.1\r\n" + raw + b"\r\n\r\n")
    read_response_head(b"HTTP/1.1 200 OK\r\n" + raw + b"\r\n\r\n", b"POST")


def answer(
    *lines: bytes, first: bytes = b"HTTP/1.1 200 OK", method: bytes = b"POST"
) -> ResponseHead | Refusal:
    """An answer's head of these lines, read."""
    return read_response_head(b"\r\n".join((first, *lines, b"", b"")), method)


@pytest.mark.parametrize(
    ("first", "lines", "method", "framing", "length", "keep_alive"),
    [
        (b"HTTP/1.1 200 OK", [b"Content-Length: 7"], b"POST", Framing.LENGTH, 7, True),
        (b"HTTP/1.1 200", [b"Content-Length: 7", b"Connection: close"], b"POST", Framing.LENGTH, 7, False),
        (
            b"HTTP/1.0 200 OK",
            [b"Content-Length: 7", b"Connection: keep-alive"],
            b"POST",
            Framing.LENGTH,
            7,
            False,
        ),
        (b"HTTP/1.1 200 OK", [b"Transfer-Encoding: Chunked"], b"GET", Framing.CHUNKED, 0, True),
        (b"HTTP/1.1 404 caf\xe9", [], b"POST", Framing.CLOSE, 0, False),
        (b"HTTP/1.1 202 Accepted", [b"Content-Length: 0"], b"POST", Framing.LENGTH, 0, True),
        (b"HTTP/1.1 204 No Content", [b"Content-Length: 0"], b"DELETE", Framing.NONE, 0, True),
        (b"HTTP/1.1 304 Not Modified", [b"Content-Length: 9"], b"GET", Framing.NONE, 0, True),
        (b"HTTP/1.1 200 OK", [b"Content-Length: 9"], b"HEAD", Framing.NONE, 0, True),
        (b"HTTP/1.1 100 Continue", [], b"POST", Framing.NONE, 0, True),
    ],
)
def test_an_answers_end_is_told_in_one_way(
    first: bytes, lines: list[bytes], method: bytes, framing: Framing, length: int, keep_alive: bool
) -> None:
    found = answer(*lines, first=first, method=method)
    assert isinstance(found, ResponseHead)
    assert (found.framing, found.length, found.keep_alive) == (framing, length, keep_alive)


@pytest.mark.parametrize(
    "first",
    [b"HTTP/1.1 +200 OK", b"HTTP/1.1 2_00 OK", b"HTTP/1.1 600 X", b"HTTP/1.1 20 OK", b"HTTP/2 200 OK"]
    + [b"HTTP/1.1  200 OK", b"http/1.1 200 OK", b"HTTP/1.1 200 O\0K", b"ICY 200 OK", b""],
)
def test_a_malformed_status_line_is_refused(first: bytes) -> None:
    found = answer(b"Content-Length: 0", first=first)
    assert isinstance(found, Refusal) and found.reason is Reason.UPSTREAM_FRAMING


@pytest.mark.parametrize(
    "lines",
    [
        [b"Content-Length: 1", b"Transfer-Encoding: chunked"],
        [b"Content-Length: 1", b"Content-Length: 1"],
        [b"Content-Length: 1, 1"],
        [b"Content-Length: +1"],
        [b"Content-Length: " + b"1" * 5000],
        [b"Transfer-Encoding: gzip, chunked"],
        [b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"],
        [b"Content-Type: a/b", b"Content-Type: c/d"],
        [b"Mcp-Session-Id: a", b"Mcp-Session-Id: b"],
        [b"Connection: a b"],
        [b"X: 1\r\n 2"],
        [b"X : 1"],
        [b"X: a\nb"],
        [b"X%d: 1" % number for number in range(HEADERS_MOST + 1)],
    ],
)
def test_an_answer_that_could_be_read_in_two_ways_is_refused(lines: list[bytes]) -> None:
    found = answer(*lines)
    assert isinstance(found, Refusal) and found.reason is Reason.UPSTREAM_FRAMING


@pytest.mark.parametrize(
    "line",
    [
        b"Content-Encoding: gzip",
        b"Content-Type: application/json; charset=utf-16",
        b"Content-Type: text/event-stream;charset=ISO-8859-1",
    ],
)
def test_an_answer_that_cannot_be_looked_into_is_refused(line: bytes) -> None:
    found = answer(line, b"Content-Length: 0")
    assert isinstance(found, Refusal) and found.reason is Reason.UPSTREAM_CONTENT


@pytest.mark.parametrize(
    ("declared", "content"),
    [
        (b"application/json", Content.JSON),
        (b"Application/JSON ; Charset=\"UTF-8\"", Content.JSON),
        (b"application/json;charset=us-ascii", Content.JSON),
        (b"text/event-stream", Content.EVENTS),
        (b"TEXT/EVENT-STREAM; charset=utf-8", Content.EVENTS),
        (b"application/jsonx", Content.OTHER),
        (b"text/html; charset=iso-8859-1", Content.OTHER),
        (b"", Content.OTHER),
    ],
)
def test_a_content_type_says_how_a_body_is_read(declared: bytes, content: Content) -> None:
    """Without regard to case or parameters (RFC 9110 8.3.1)."""
    found = answer(b"Content-Type: " + declared, b"Content-Length: 0")
    assert isinstance(found, ResponseHead) and found.content is content


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308, 399])
def test_a_redirect_is_refused(status: int) -> None:
    """Whether it says where to, or not."""
    for lines in ([b"Location: https://other.test/mcp"], []):
        found = answer(*lines, b"Content-Length: 0", first=b"HTTP/1.1 %d X" % status)
        assert isinstance(found, Refusal) and found.reason is Reason.UPSTREAM_REDIRECT


@pytest.mark.parametrize("first", [b"HTTP/1.1 204 No Content", b"HTTP/1.1 103 Early Hints"])
@pytest.mark.parametrize("line", [b"Content-Length: 1", b"Transfer-Encoding: chunked"])
def test_a_status_without_a_body_may_not_announce_one(first: bytes, line: bytes) -> None:
    assert isinstance(answer(line, first=first), Refusal)


def test_http_1_0_has_no_chunks() -> None:
    assert isinstance(answer(b"Transfer-Encoding: chunked", first=b"HTTP/1.0 200 OK"), Refusal)
