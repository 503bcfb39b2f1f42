"""What the gate sends: what of a judged head goes on to the other leg, and what stays.

Each leg is its own: its framing, its connection, its credentials and its cookies are never the
other's (RFC 9110 section 7.6). What is none of that goes through as it was judged, unknown headers
and empty values included (MCP 2026-07-28 has intermediaries forward every Mcp-Param-*).
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from mcpgate.wire.http import NAME, VALUE, Framing, Headers, RequestHead, ResponseHead
from mcpgate.wire.trace import NAMES

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
    }
)

_STAYS_HERE = _HOP_BY_HOP | {
    # Said anew for the other leg.
    b"host",
    b"content-length",
    b"accept-encoding",
    b"expect",
    # The caller's own; an upstream sees the gate's credential or none.
    b"authorization",
    b"cookie",
    b"cookie2",
    # Whom the request came from and for what site: claims of a caller that an upstream may trust.
    b"forwarded",
    b"via",
    b"x-real-ip",
    b"x-client-ip",
    b"true-client-ip",
    b"origin",
    # What the caller has of a session is sealed (C{sessions.sealed}).
    b"mcp-session-id",
    # A second method or target beside the one that was judged.
    b"x-http-method",
    b"x-http-method-override",
    b"x-method-override",
    b"x-original-url",
    b"x-rewrite-url",
    # Put back where there is one (C{wire.trace}): it differs in each request, and these lines need not.
    *NAMES,
}
_STAYS_HERE_PREFIXES = (b"proxy-", b"x-forwarded", b"sec-fetch-")

_STAYS_THERE = _HOP_BY_HOP | {
    b"content-length",
    # Speaks for the gate's origin, which is not the upstream's to promise or to challenge for.
    b"set-cookie",
    b"set-cookie2",
    b"www-authenticate",
    b"authentication-info",
    b"alt-svc",
    b"strict-transport-security",
    b"clear-site-data",
    # Said anew where a session is opened, and only there.
    b"mcp-session-id",
    # What stands behind the gate.
    b"server",
    b"via",
}
_STAYS_THERE_PREFIXES = (b"proxy-", b"access-control-")

_STATUS_LINES = {
    status.value: b"HTTP/1.1 %d %b" % (status.value, status.phrase.encode()) for status in HTTPStatus
}

#: The end of a chunked body, without trailers.
LAST_CHUNK = b"0\r\n\r\n"


def request_for_upstream(
    head: RequestHead,
    *,
    target: bytes,
    host: bytes,
    credential: Headers,
    length: int | None,
    hidden: Sequence[bytes] = (),
) -> bytes:
    """
    The head of the request on the outbound leg.

    @param target: The upstream's path and query; C{host}: its authority. Both from the configuration.
    @param credential: Header lines by which the gate proves itself, which replace any of the caller's
        of the same names.
    @param length: The body's length in bytes; C{None} without a body.
    @param hidden: Names of further lines of that kind, lower-cased, which are added later.
    @raise ValueError: The credential holds what no header may (a line break, say). It is not
        quoted.
    """
    drop = _STAYS_HERE
    if head.nominated or credential or hidden:
        drop = drop.union(head.nominated, [name.lower() for name, _ in credential], hidden)
    lines = _opening(head.method, target, host, credential, length)
    lines += [
        b"%b: %b" % pair
        for pair in head.headers
        if pair[0] not in drop and not pair[0].startswith(_STAYS_HERE_PREFIXES)
    ]
    lines.append(b"\r\n")
    return b"\r\n".join(lines)


def request_of_ours(
    method: bytes,
    *,
    target: bytes,
    host: bytes,
    credential: Headers,
    headers: Headers,
    body: bytes | None = None,
) -> bytes:
    """
    The whole of a request that no caller sent.

    @param headers: Further header lines.
    @raise ValueError: The credential or a header holds what no header may. It is not quoted.
    """
    length = None if body is None else len(body)
    head = (*_opening(method, target, host, (*credential, *headers), length), b"\r\n")
    return b"\r\n".join(head) + (body or b"")


def _opening(method: bytes, target: bytes, host: bytes, ours: Headers, length: int | None) -> list[bytes]:
    """What every request on the outbound leg begins with."""
    lines = [b"%b %b HTTP/1.1\r\nhost: %b\r\naccept-encoding: identity" % (method, target, host)]
    if length is not None:
        lines.append(b"content-length: %d" % length)
    for name, value in ours:
        if not NAME.fullmatch(name) or not VALUE.fullmatch(value):
            raise ValueError("the upstream's credential is not a valid header")
        lines.append(b"%b: %b" % (name, value))
    return lines


def answer_for_caller(head: ResponseHead, *, chunked: bool) -> bytes:
    """
    The head of the answer on the inbound leg. The reason phrase is ours: an upstream's says nothing.

    @param chunked: Whether the body follows in chunks, else as it is, by its length.
    @raise ValueError: Neither: the body's end could not be told.
    """
    drop = _STAYS_THERE
    if head.nominated:
        drop = drop.union(head.nominated)
    lines = [_STATUS_LINES.get(head.status) or b"HTTP/1.1 %d " % head.status]
    lines += [
        b"%b: %b" % pair
        for pair in head.headers
        if pair[0] not in drop and not pair[0].startswith(_STAYS_THERE_PREFIXES)
    ]
    if chunked:
        lines.append(b"transfer-encoding: chunked")
    elif head.framing is Framing.LENGTH:
        lines.append(b"content-length: %d" % head.length)
    elif head.framing is not Framing.NONE:
        raise ValueError("a body whose length is not known goes out in chunks")
    lines.append(b"\r\n")
    return b"\r\n".join(lines)


def chunk(payload: bytes) -> bytes:
    """One chunk of a body. The payload is not empty: an empty chunk would end it."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)
