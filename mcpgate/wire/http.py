"""Strict HTTP/1.1 heads: one reading of every message, or none (RFC 9110, RFC 9112).

Request smuggling lives on heads that two parsers read differently. So a head is matched whole
against the grammar, without any of the leniencies that RFC 9112 permits: no bare LF, no folding, no
white space before a colon, no list or sign in a length, no second way to say where the body ends.
Whatever does not match is refused, and after a refusal nothing that follows on the connection can
be trusted: the caller closes it.

Stricter than the RFCs, each for a reason:
 - names with C{_} are refused in requests: CGI-like servers read C{-} and C{_} as one character. Not so
   behind C{Mcp-Param-}, where MCP 2026-07-28 lets a tool choose any token; but two of these that such
   a server would take for one are refused;
 - HTTP/1.0 requests are refused: they have no Host and no agreed framing;
 - GET, HEAD, DELETE and OPTIONS have no body: many servers do not read one, and would take it for
   the next request;
 - a Connection header must not name what the gate or the upstream decides by: RFC 9110 section
   7.6.1 would have us remove it, after it was judged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, unique

from attrs import field, frozen

from mcpgate.reasons import Reason, Refusal

#: Header lines: names lower-cased, values without surrounding white space, order and duplicates kept.
Headers = tuple[tuple[bytes, bytes], ...]

#: More header lines than this are refused; clients of MCP send about a dozen.
HEADERS_MOST = 100

# A token (RFC 9110 section 5.6.2), but for "_"; and a field value (5.5): no control but tab.
_NAME = rb"[!#$%&'*+\-.^`|~0-9A-Za-z]++"
_VALUE = rb"[\t\x20-\x7e\x80-\xff]*+"
# What a tool's schema has its callers repeat in a header.
_PARAM = rb"[Mm][Cc][Pp]-[Pp][Aa][Rr][Aa][Mm]-[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_PATH = rb"/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]++|%[0-9A-Fa-f]{2})*+"
_LINES = rb"((?:" + _NAME + rb":" + _VALUE + rb"\r\n)*+)"
_PARAM_LINES = rb"((?:(?:" + _NAME + rb"|" + _PARAM + rb"):" + _VALUE + rb"\r\n)*+)"
# In answers "_" is harmless: their header names do not become variables anywhere.
_ANSWER_LINES = rb"((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]++:" + _VALUE + rb"\r\n)*+)"

#: A path with its query, a header's name and value, that of a mirrored parameter, and any number of
#: header lines of an answer.
TARGET = re.compile(_PATH)
NAME = re.compile(_NAME)
PARAM = re.compile(_PARAM)
VALUE = re.compile(_VALUE)
ANSWER_LINES = re.compile(_ANSWER_LINES)

_METHODS = (b"POST", b"GET", b"DELETE", b"HEAD", b"OPTIONS")
_TARGET = rb"(?:https://([A-Za-z0-9._\-:\[\]]++))?+(" + _PATH + rb")?+"
_REQUEST_LINE = rb"(" + b"|".join(_METHODS) + rb") " + _TARGET + rb" HTTP/1\.1\r\n"
_REQUEST = re.compile(_REQUEST_LINE + _LINES + rb"\r\n")
# The same with "_" in names that may have it: matched only after the other, which nearly every head does.
_REQUEST_WITH_PARAMS = re.compile(_REQUEST_LINE + _PARAM_LINES + rb"\r\n")
_RESPONSE = re.compile(
    rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: " + _VALUE + rb")?+\r\n" + _ANSWER_LINES + rb"\r\n"
)
_VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]")
_ANY_TARGET = re.compile(_TARGET)
_NO_CONTROLS = b"\t" + bytes(set(range(0x20, 0x100)) - {0x7F})

# Up to 15 digits: no integer conversion of ours or of an upstream's can overflow or be slow. A
# leading zero is octal to some.
_LENGTH = re.compile(rb"0|[1-9][0-9]{0,14}")
# A name, an IPv4 address or a bracketed IPv6 address, and a port (RFC 9110 section 7.2). No
# percent-encoding; "_" is no host name's, but private DNS and container names have it.
_HOST = re.compile(rb"(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9_][a-z0-9_.-]{0,252}))(?::([1-9][0-9]{0,4}))?")
_JSON_TYPE = re.compile(rb"""application/json(?:[ \t]*+;[ \t]*+charset=(?:utf-8|"utf-8"))?""", re.IGNORECASE)

# Repeating one of these, or any Mcp-*, gives a message two meanings.
_SINGLE = frozenset(
    {
        b"host",
        b"content-length",
        b"transfer-encoding",
        b"authorization",
        b"content-type",
        b"origin",
        b"expect",
        b"last-event-id",
    }
)
# What a Connection header may not declare hop-by-hop (likewise any Mcp-*).
_NEVER_NOMINATED = _SINGLE - {b"transfer-encoding"} | {b"accept", b"content-encoding"}
_NOTHING: frozenset[bytes] = frozenset()


@unique
class Framing(Enum):
    """How the end of a body is told (RFC 9112 section 6.3). C{CLOSE}: by close_notify; responses only."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"


# As in tls/stream.py: a member is read off its class slowly.
NONE, LENGTH, CHUNKED, CLOSE = Framing


@unique
class Content(Enum):
    """What an answer's Content-Type says of its body: a message, an event stream, or neither."""

    JSON = "json"
    EVENTS = "events"
    OTHER = "other"


JSON, EVENTS, OTHER = Content
_CONTENTS = {b"application/json": JSON, b"text/event-stream": EVENTS}


@frozen
class RequestHead:
    """
    A request's head that can be read in one way only.

    @ivar path: The target's path and query, as sent. Nothing is normalised: routes are compared
        exactly, so what is spelt otherwise matches nothing.
    @ivar host: The Host header's host in lower case, an IPv6 address without its brackets.
    @ivar length: The body's length in bytes with C{Framing.LENGTH}, else 0.
    @ivar expects_continue: The caller waits for C{100 Continue} before it sends the body.
    @ivar nominated: Names that the Connection header makes hop-by-hop, lower-cased.
    @ivar fields: What C{get} answers from.
    """

    method: bytes
    path: bytes = field(repr=lambda path: repr(path.partition(b"?")[0]))
    host: bytes
    port: int | None
    headers: Headers = field(repr=False)
    framing: Framing
    length: int
    keep_alive: bool
    expects_continue: bool
    nominated: frozenset[bytes]
    fields: Mapping[bytes, bytes] = field(repr=False)

    def get(self, name: bytes) -> bytes | None:
        """The value of a header by its lower-case name; repeated ones joined with a comma (RFC 9110 5.3)."""
        return self.fields.get(name)


@frozen
class ResponseHead:
    """
    An upstream's answer's head. The members are those of L{RequestHead}.

    @ivar keep_alive: Another request may follow on the connection once the body was read to its end.
    """

    status: int
    content: Content
    headers: Headers = field(repr=False)
    framing: Framing
    length: int
    keep_alive: bool
    nominated: frozenset[bytes]
    fields: Mapping[bytes, bytes] = field(repr=False)

    def get(self, name: bytes) -> bytes | None:
        """As L{RequestHead.get}."""
        return self.fields.get(name)


def judge_unfinished(raw: bytes) -> Refusal | None:
    """
    Why these first bytes of a request can never become a head that is accepted, if that is so.

    Without this a head with bare LFs, which never comes to its CRLF CRLF, would only end by timeout.

    @param raw: What came so far, from the request's first byte on; it is not empty.
    """
    if not raw[:1].isalpha():
        return Refusal(Reason.FRAME_HEAD, "the first byte begins no method")
    # A CR at the very end may yet become CRLF.
    if raw.replace(b"\r\n", b"").removesuffix(b"\r").translate(None, _NO_CONTROLS):
        return Refusal(Reason.FRAME_HEAD, "a control character, or a CR or LF alone, in the head")
    return None


def read_request_head(raw: bytes) -> RequestHead | Refusal:
    """
    Read a request's head.

    @param raw: Exactly one head with its final CRLF CRLF. The caller has capped its size.
    """
    match, underscored = _REQUEST.fullmatch(raw), False
    if match is None:
        match, underscored = _REQUEST_WITH_PARAMS.fullmatch(raw), True
        if match is None:
            return _diagnose(raw)
    method, authority, path, lines = match.groups()
    headers, fields = _split(lines)
    if len(headers) > HEADERS_MOST:
        return Refusal(Reason.FRAME_HEAD_SIZE, f"more than {HEADERS_MOST} header lines")
    if len(fields) != len(headers):
        twice = _repeated(headers)
        if twice is not None:
            return Refusal(Reason.FRAME_DUPLICATE_HEADER, f"{twice} is sent twice")
    if underscored:
        twice = _taken_for_one(fields)
        if twice is not None:
            return Refusal(Reason.FRAME_DUPLICATE_HEADER, f"{twice} is sent with both - and _")

    host_value = fields.get(b"host", b"").lower()
    host = _HOST.fullmatch(host_value)
    if host is None or int(host[3] or 0) > 65535:
        return Refusal(Reason.FRAME_HOST, "Host is missing or malformed")
    if authority is not None:
        if authority.lower() != host_value:
            return Refusal(Reason.FRAME_MISDIRECTED, "the target's authority is not that of Host")
        path = path or b"/"
    elif path is None:
        return Refusal(Reason.FRAME_TARGET, "the target is empty")

    framing, length = Framing.NONE, 0
    coding, declared = fields.get(b"transfer-encoding"), fields.get(b"content-length")
    if coding is not None:
        if declared is not None:
            return Refusal(Reason.FRAME_LENGTH, "both Content-Length and Transfer-Encoding")
        if coding.lower() != b"chunked":
            return Refusal(Reason.FRAME_LENGTH, "a Transfer-Encoding other than chunked")
        framing = Framing.CHUNKED
    elif declared is not None:
        if not _LENGTH.fullmatch(declared):
            if declared.isdigit() and declared[:1] != b"0":
                return Refusal(Reason.FRAME_BODY_SIZE, f"a Content-Length of {len(declared)} digits")
            return Refusal(Reason.FRAME_LENGTH, "Content-Length is not one plain number")
        framing, length = Framing.LENGTH, int(declared)
    if method == b"POST":
        if framing is Framing.NONE:
            return Refusal(Reason.FRAME_LENGTH_REQUIRED, "POST with neither Content-Length nor chunks")
    elif length or framing is Framing.CHUNKED:
        return Refusal(Reason.FRAME_LENGTH, f"{method.decode()} with a body")
    else:
        framing = Framing.NONE

    expect = fields.get(b"expect")
    if expect is not None and expect.lower() != b"100-continue":
        return Refusal(Reason.FRAME_EXPECT, "an expectation other than 100-continue")
    keep_alive, nominated = True, _NOTHING
    connection = fields.get(b"connection")
    if connection is not None and connection.lower() != b"keep-alive":
        options = _options(connection)
        if options is None:
            return Refusal(Reason.FRAME_HEAD, "Connection is not a list of tokens")
        keep_alive = b"close" not in options
        nominated = options - {b"close", b"keep-alive"}
        for name in nominated:
            if name in _NEVER_NOMINATED or name.startswith(b"mcp-"):
                return Refusal(Reason.FRAME_HEAD, f"Connection names {_shown(name)}")
    return RequestHead(
        method,
        path,
        host[1] or host[2],
        int(host[3]) if host[3] else None,
        headers,
        framing,
        length,
        keep_alive,
        expect is not None and (length > 0 or framing is Framing.CHUNKED),
        nominated,
        fields,
    )


def judge_content(head: RequestHead) -> Refusal | None:
    """Whether a body, if there is one, is JSON in UTF-8 as it stands: nothing compressed is looked into."""
    if head.framing is Framing.NONE:
        return None
    encoding = head.get(b"content-encoding")
    if encoding is not None and encoding.lower() != b"identity":
        return Refusal(Reason.FRAME_CONTENT_ENCODING, "a Content-Encoding other than identity")
    if not _JSON_TYPE.fullmatch(head.get(b"content-type") or b""):
        return Refusal(Reason.FRAME_CONTENT_TYPE, "a Content-Type other than application/json in UTF-8")
    return None


def read_response_head(raw: bytes, method: bytes) -> ResponseHead | Refusal:
    """
    Read the head of an upstream's answer.

    A redirect is refused: neither do we send what was judged for this upstream to another place, nor
    may the caller, who would take its token along. So is a body that nobody could look into.

    Interim answers (1xx) are returned like others, without a body; the caller counts them.

    @param raw: Exactly one head with its final CRLF CRLF. The caller has capped its size.
    @param method: The request's, as HEAD is answered without a body.
    """
    match = _RESPONSE.fullmatch(raw)
    if match is None:
        return _unframed("its head is not well-formed")
    minor, digits, lines = match.groups()
    status = int(digits)
    headers, fields = _split(lines)
    if len(headers) > HEADERS_MOST:
        return _unframed(f"more than {HEADERS_MOST} header lines")
    if len(fields) != len(headers):
        twice = _repeated(headers)
        if twice is not None:
            return _unframed(f"{twice} is sent twice")
    if 300 <= status < 400 and status != 304:
        return Refusal(Reason.UPSTREAM_REDIRECT, f"it answered {status}")
    encoding = fields.get(b"content-encoding")
    if encoding is not None and encoding.lower() != b"identity":
        return Refusal(Reason.UPSTREAM_CONTENT, "Content-Encoding, though only identity was accepted")
    content = _content(fields.get(b"content-type"))
    if content is None:
        return Refusal(Reason.UPSTREAM_CONTENT, "a charset other than UTF-8")
    keep_alive, nominated = minor == b"1", _NOTHING
    connection = fields.get(b"connection")
    if connection is not None and connection.lower() != b"keep-alive":
        options = _options(connection)
        if options is None:
            return _unframed("Connection is not a list of tokens")
        keep_alive = keep_alive and b"close" not in options
        nominated = options - {b"close", b"keep-alive"}

    framing, length = Framing.CLOSE, 0
    coding, declared = fields.get(b"transfer-encoding"), fields.get(b"content-length")
    if coding is not None:
        if declared is not None:
            return _unframed("both Content-Length and Transfer-Encoding")
        if coding.lower() != b"chunked" or minor == b"0":
            return _unframed("a Transfer-Encoding other than chunked, or one in HTTP/1.0")
        framing = Framing.CHUNKED
    elif declared is not None:
        if not _LENGTH.fullmatch(declared):
            return _unframed("Content-Length is not one plain number")
        framing, length = Framing.LENGTH, int(declared)
    if status < 200 or status == 204:
        if length or coding is not None:
            return _unframed(f"a body announced with status {status}")
        framing = Framing.NONE
    elif status == 304 or method == b"HEAD":
        # Their Content-Length tells of a body that is not sent (RFC 9110 section 8.6).
        framing, length = Framing.NONE, 0
    elif framing is Framing.CLOSE:
        keep_alive = False
    return ResponseHead(status, content, headers, framing, length, keep_alive, nominated, fields)


def _content(declared: bytes | None) -> Content | None:
    """What a Content-Type says; C{None} where it names an encoding of text that MCP does not have."""
    kind, *parameters = (declared or b"").split(b";")
    content = _CONTENTS.get(kind.strip(b" \t").lower(), OTHER)
    for parameter in parameters:
        name, _, value = parameter.partition(b"=")
        charset = name.strip(b" \t").lower() == b"charset"
        if charset and content is not OTHER and value.strip(b' \t"').lower() not in (b"utf-8", b"us-ascii"):
            return None
    return content


def _split(lines: bytes) -> tuple[Headers, dict[bytes, bytes]]:
    """Lines that matched the grammar, as pairs and by name."""
    headers = tuple(
        [
            (name.lower(), value.strip(b" \t"))
            for name, _, value in [line.partition(b":") for line in lines.split(b"\r\n")[:-1]]
        ]
    )
    fields = dict(headers)
    if len(fields) != len(headers):
        fields = {}
        for name, value in headers:
            fields[name] = value if name not in fields else fields[name] + b", " + value
    return headers, fields


def _repeated(headers: Headers) -> str | None:
    """The name of a header that must be single and is not."""
    seen = set()
    for name, _ in headers:
        if name in seen and (name in _SINGLE or name.startswith(b"mcp-")):
            return _shown(name)
        seen.add(name)
    return None


def _taken_for_one(fields: Mapping[bytes, bytes]) -> str | None:
    """The name of a header beside which there is another one for who reads C{_} as C{-}."""
    seen = set()
    for name in fields:
        folded = folded_name(name)
        if folded in seen:
            return _shown(name)
        seen.add(folded)
    return None


def folded_name(name: bytes) -> bytes:
    """A header's name, in lower case, as one for who reads C{_} as C{-}."""
    return name.replace(b"_", b"-")


def _options(connection: bytes) -> frozenset[bytes] | None:
    """The options of a Connection header in lower case; C{None} if it is no list of tokens."""
    options = [option.strip(b" \t") for option in connection.lower().split(b",")]
    if any(option and not NAME.fullmatch(option) for option in options):
        return None
    return frozenset(options) - {b""}


def _shown(name: bytes) -> str:
    """A header's name, which is plain ASCII by now, at a length fit for a record."""
    return name[:64].decode("ascii")


def _unframed(why: str) -> Refusal:
    return Refusal(Reason.UPSTREAM_FRAMING, why)


def _diagnose(raw: bytes) -> Refusal:
    """The reason that tells most, for a head that did not match."""
    parts = raw.partition(b"\r\n")[0].split(b" ")
    if len(parts) != 3 or not NAME.fullmatch(parts[0]):
        return Refusal(Reason.FRAME_HEAD, "the first line is no request line")
    method, target, version = parts
    if version != b"HTTP/1.1":
        if version == b"HTTP/1.0" and b"\r\ntransfer-encoding" in raw.lower():
            # Its framing is faulty whatever the version (RFC 9112 section 6.1).
            return Refusal(Reason.FRAME_LENGTH, "Transfer-Encoding in HTTP/1.0")
        if _VERSION.fullmatch(version):
            return Refusal(Reason.FRAME_VERSION, f"{version.decode()} instead of HTTP/1.1")
        return Refusal(Reason.FRAME_HEAD, "the first line ends in no HTTP version")
    if method not in _METHODS:
        return Refusal(Reason.FRAME_METHOD, "a method that is not served")
    if not target or not _ANY_TARGET.fullmatch(target):
        return Refusal(Reason.FRAME_TARGET, "the target is no clean path, nor an https URL with one")
    return Refusal(Reason.FRAME_HEAD, "a header line is malformed")
