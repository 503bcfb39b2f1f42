"""Pages in browsers: which may call, and what their browser has to be told (Fetch, "CORS protocol").

A browser runs pages of everybody, and sends for any of them whatever they ask, from inside the
user's network. What tells the pages apart is C{Origin}, which a page cannot set: so MCP has servers
check it (streamable HTTP, "Security Warning"), and one that is not known is refused before anything
else of the request counts. With a plain GET, such as for an image, browsers do not send it; but they
say that another site wants it (C{Sec-Fetch-Site}), and nothing of MCP is ever wanted so. Who sends
neither is no page, or one of ours.

Origins are compared as they are written, whole (RFC 6454 section 6.2: scheme, host, and the port
where it is not the scheme's own): no wildcard, and no rule about what a name ends in.
"""

from __future__ import annotations

import re

from attrs import frozen

from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.http import PARAM, RequestHead

# By name, as "*" does not cover Authorization. Content-Type and Accept are here for values that
# browsers do not think harmless, such as application/json.
_ALLOWED = (
    b"authorization",
    b"content-type",
    b"accept",
    b"mcp-protocol-version",
    b"mcp-session-id",
    b"last-event-id",
    b"mcp-method",
    b"mcp-name",
)

# What a page may read of an answer beside what it always may, such as Content-Type.
_EXPOSED = b"mcp-session-id, www-authenticate, last-event-id, mcp-protocol-version, retry-after"

# How long a browser need not ask again; without it, five seconds. Chromium remembers no longer than
# two hours, others up to a day. Nothing is lost by it when an origin is taken off the list: the
# request itself is judged each time.
_MAX_AGE = 7200

# Fetch Metadata: of another site, or of another name or port of the same. The others are same-origin, and
# none, for what a user typed.
_ELSEWHERE = (b"cross-site", b"same-site")

# What may stand in a record as the origin that it is: no user, no path, no blank.
_ORIGIN = re.compile(rb"[a-z][a-z0-9+.-]*://[A-Za-z0-9.\-_:\[\]]{1,300}")


def origin_of(host: bytes, port: int | None) -> bytes:
    """The origin of pages that came from a Host over TLS.

    @param host: an IPv6 address without its brackets.
    """
    named = b"[%b]" % host if b":" in host else host
    return b"https://%b" % named if port is None or port == 443 else b"https://%b:%d" % (named, port)


@frozen
class Origins:
    """The origins that a listener serves beside its own."""

    allowed: frozenset[bytes]

    def judge(
        self, origin: bytes | None, host: bytes, port: int | None, site: bytes | None = None
    ) -> bytes | Refusal:
        """
        Whether the page that a request comes from may be served.

        @param origin: the Origin header.
        @param host: the Host header's host, which was found to be the listener's; C{port}: its port. The
            port is not the listener's own word, but nobody gains by that: where a browser says it, it
            is where it connected to, and only the page that came from there has this origin.
        @param site: the Sec-Fetch-Site header: how near the page is, as its browser says.
        @return: the header lines that the answer must have for the browser to let the page read it.
        """
        if origin is None:
            if site in _ELSEWHERE:
                return Refusal(Reason.MCP_ORIGIN, "a page of another origin, which its browser does not name")
            return b""
        if origin not in self.allowed and origin != origin_of(host, port):
            if origin == b"null":
                detail = "a page without an origin of its own (null)"
            elif _ORIGIN.fullmatch(origin):
                detail = f"a page of {origin.decode('ascii')}"
            else:
                detail = "an Origin that is none"
            return Refusal(Reason.MCP_ORIGIN, detail)
        # No Access-Control-Allow-Credentials: a token is in Authorization, which needs none, and what
        # a browser would add by itself (cookies, a client certificate) is no page's to use.
        return (
            b"access-control-allow-origin: %b\r\naccess-control-expose-headers: %b\r\nvary: origin\r\n"
            % (origin, _EXPOSED)
        )


def preflight(head: RequestHead, cors: bytes) -> bytes | None:
    """
    The whole answer to a browser that asks what a page may send; C{None} to what is no such question.

    It never has a proof of who asks, so it is answered without one. A method or header that is not
    named in the answer is for the browser to refuse. C{Access-Control-Allow-Private-Network} is not
    among the lines: the draft that wanted it was given up, and its successor (Local Network Access)
    asks the user instead of the server.

    @param cors: what L{Origins.judge} gave for this head, so that no origin is told that was not judged.
    """
    if head.method != b"OPTIONS" or not cors or head.get(b"access-control-request-method") is None:
        return None
    asked = (head.get(b"access-control-request-headers") or b"").lower().split(b",")
    # Which parameters a tool mirrors in headers is the upstream's choice (MCP 2026-07-28).
    mirrored = [name for name in (one.strip(b" \t") for one in asked) if PARAM.fullmatch(name)]
    return (
        b"HTTP/1.1 204 No Content\r\n%b"
        b"access-control-allow-methods: GET, POST, DELETE\r\n"
        b"access-control-allow-headers: %b\r\n"
        b"access-control-max-age: %d\r\n"
        b"vary: access-control-request-headers\r\n\r\n"
    ) % (cors, b", ".join(dict.fromkeys([*_ALLOWED, *mirrored])), _MAX_AGE)
