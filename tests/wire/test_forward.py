"""What goes on to the other leg is what was judged; what belongs to one leg stays there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.wire.forward import answer_for_caller, request_for_upstream, request_of_ours
from mcpgate.wire.http import (
    Framing,
    Headers,
    RequestHead,
    ResponseHead,
    read_request_head,
    read_response_head,
)

BEARER: Headers = ((b"authorization", b"Bearer gate"),)


def request(*lines: bytes, method: bytes = b"POST") -> RequestHead:
    """A request to the gate with these header lines."""
    found = read_request_head(
        b"\r\n".join(
            (method + b" /github?x HTTP/1.1", b"Host: gw.test", b"Content-Length: 0", *lines, b"", b"")
        )
    )
    assert isinstance(found, RequestHead), found
    return found


def sent(head: RequestHead, credential: Headers = BEARER, length: int | None = 7) -> bytes:
    """The head that goes to the upstream."""
    return request_for_upstream(head, target=b"/mcp", host=b"up.test:1", credential=credential, length=length)


def answer(*lines: bytes, first: bytes = b"HTTP/1.1 200 Weird", method: bytes = b"POST") -> ResponseHead:
    """An upstream's answer with these header lines."""
    found = read_response_head(b"\r\n".join((first, *lines, b"", b"")), method)
    assert isinstance(found, ResponseHead), found
    return found


def test_a_request_is_re_made_for_the_upstream() -> None:
    head = request(b"User-Agent: x", b"Mcp-Param-Empty:", b"Accept: a/b", b"X-A: caf\xc3\xa9", b"Accept: c/d")
    assert sent(head) == (
        b"POST /mcp HTTP/1.1\r\nhost: up.test:1\r\naccept-encoding: identity\r\ncontent-length: 7\r\n"
        b"authorization: Bearer gate\r\nuser-agent: x\r\nmcp-param-empty: \r\naccept: a/b\r\n"
        b"x-a: caf\xc3\xa9\r\naccept: c/d\r\n\r\n"
    )


@pytest.mark.parametrize(
    "line",
    [
        b"Connection: close",
        b"Keep-Alive: 5",
        b"TE: trailers",
        b"Trailer: X",
        b"Upgrade: h2c",
        b"HTTP2-Settings: A",
    ]
    + [b"Proxy-Authorization: x", b"Proxy-Connection: x", b"Cookie: secret", b"Accept-Encoding: gzip"]
    + [
        b"Forwarded: for=x",
        b"X-Forwarded-For: x",
        b"X-Forwarded: x",
        b"X-Real-IP: x",
        b"Via: x",
        b"Origin: x",
    ]
    + [b"Sec-Fetch-Site: x", b"Expect: 100-continue", b"X-HTTP-Method-Override: GET", b"X-Original-URL: /"]
    + [b"Authorization: Bearer caller"],
)
def test_what_belongs_to_the_inbound_leg_stays_there(line: bytes) -> None:
    assert sent(request(line)) == sent(request())
    assert sent(request(line), credential=()) == sent(request(), credential=())


def test_headers_that_connection_names_stay_here() -> None:
    assert sent(request(b"Connection: X-Hop, close", b"X-Hop: 1", b"X-Stays: 1")) == sent(
        request(b"X-Stays: 1")
    )


def test_a_credential_replaces_headers_of_its_name_in_any_case() -> None:
    found = sent(request(b"X-API-Key: caller"), credential=((b"X-Api-Key", b"gate"),))
    assert b"caller" not in found and b"X-Api-Key: gate\r\n" in found


def test_a_request_without_a_body_has_no_length() -> None:
    assert b"content-length" not in sent(request(method=b"GET"), length=None)


@pytest.mark.parametrize(
    "pair", [(b"authorization", b"Bearer s3cret\r\nX: y"), (b"a b", b"s3cret"), (b"", b"s3cret")]
)
def test_a_credential_that_is_no_header_is_refused_without_showing_it(pair: tuple[bytes, bytes]) -> None:
    with pytest.raises(ValueError) as raised:
        sent(request(), credential=(pair,))
    assert "s3cret" not in str(raised.value)


NAMES = st.text("abcxyz-", min_size=1, max_size=8).map(lambda name: b"x-" + name.encode())
LINES = st.lists(st.tuples(NAMES, st.binary(max_size=10)), max_size=10)


@given(LINES)
def test_what_the_gate_sends_it_would_accept_itself_and_nothing_is_lost(
    pairs: list[tuple[bytes, bytes]],
) -> None:
    head = read_request_head(
        b"POST / HTTP/1.1\r\nhost: gw.test\r\ncontent-length: 7\r\n"
        + b"".join(b"%b: %b\r\n" % pair for pair in pairs)
        + b"\r\n"
    )
    if not isinstance(head, RequestHead):
        return
    again = read_request_head(sent(head))
    assert isinstance(again, RequestHead)
    assert (again.method, again.path, again.host, again.port) == (b"POST", b"/mcp", b"up.test", 1)
    assert (again.framing, again.length) == (Framing.LENGTH, 7)
    assert again.headers[4:] == head.headers[2:]


def test_an_answer_is_re_made_for_the_caller() -> None:
    """Without the session's id, which its caller gets sealed where the session is opened."""
    head = answer(
        b"Content-Type: text/event-stream", b"Cache-Control: no-cache", b"Mcp-Session-Id: 1", b"X_Y: 2"
    )
    assert answer_for_caller(head, chunked=True) == (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
        b"x_y: 2\r\ntransfer-encoding: chunked\r\n\r\n"
    )


@pytest.mark.parametrize(
    "line",
    [
        b"Connection: close",
        b"Keep-Alive: 5",
        b"Trailer: X",
        b"Upgrade: h2c",
        b"Proxy-Authenticate: x",
        b"Via: x",
    ]
    + [b"Set-Cookie: a=b", b"Set-Cookie2: a", b"WWW-Authenticate: Bearer", b"Alt-Svc: h3", b"Server: x"]
    + [b"Strict-Transport-Security: max-age=0", b"Access-Control-Allow-Origin: *", b"Clear-Site-Data: *"],
)
def test_what_belongs_to_the_outbound_leg_stays_there(line: bytes) -> None:
    plain = answer_for_caller(answer(b"Content-Length: 3"), chunked=False)
    assert answer_for_caller(answer(line, b"Content-Length: 3"), chunked=False) == plain
    assert plain == b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n"


def test_headers_that_an_upstreams_connection_names_stay_there() -> None:
    head = answer(b"Connection: X-Hop", b"X-Hop: 1", b"Content-Length: 0")
    assert b"x-hop" not in answer_for_caller(head, chunked=False)


@pytest.mark.parametrize(
    ("head", "chunked", "emitted"),
    [
        (answer(b"Content-Length: 3"), True, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
        (answer(first=b"HTTP/1.1 204 X"), False, b"HTTP/1.1 204 No Content\r\n\r\n"),
        (
            answer(b"Content-Length: 0", first=b"HTTP/1.1 599 X"),
            False,
            b"HTTP/1.1 599 \r\ncontent-length: 0\r\n\r\n",
        ),
    ],
)
def test_the_bodys_end_is_told_anew(head: ResponseHead, chunked: bool, emitted: bytes) -> None:
    assert answer_for_caller(head, chunked=chunked) == emitted


@pytest.mark.parametrize("line", [b"Transfer-Encoding: chunked", b"X: close-delimited"])
def test_a_body_of_unknown_length_must_go_out_in_chunks(line: bytes) -> None:
    with pytest.raises(ValueError):
        answer_for_caller(answer(line), chunked=False)


def test_a_request_of_ours_is_all_that_it_says() -> None:
    """No caller's header is in it; and what no header may hold is in none."""
    made = request_of_ours(
        b"DELETE", target=b"/mcp", host=b"up.test:1", credential=BEARER, headers=((b"mcp-session-id", b"a"),)
    )
    assert made == (
        b"DELETE /mcp HTTP/1.1\r\nhost: up.test:1\r\naccept-encoding: identity\r\n"
        b"authorization: Bearer gate\r\nmcp-session-id: a\r\n\r\n"
    )
    for headers in (((b"mcp-session-id", b"a\r\nx: y"),), ((b"a b", b""),)):
        with pytest.raises(ValueError, match="not a valid header"):
            request_of_ours(b"DELETE", target=b"/", host=b"up.test", credential=(), headers=headers)
