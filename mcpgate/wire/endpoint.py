"""Where the transport of 2024-11-05 has a client POST to: the first event of its stream says so.

The upstream names a place of its own, mostly a path with a session's id in the query. A URL of another
origin is refused, as clients would refuse it: messages judged for this upstream go nowhere else.

Source: MCP 2024-11-05, "Transports", "HTTP with SSE".
"""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.http import TARGET

#: Longer than any that a server names, and short enough to be sealed into a URL.
TARGET_MOST = 1024


def target_of(named: bytes, *, authority: bytes, base: bytes) -> bytes | Refusal:
    """
    The path and query to POST to.

    @param named: The event's data: a URL, or a reference relative to the stream's (RFC 3986 section 5).
    @param authority: The upstream's host and port as in its URL; C{base}: the stream's path and query.
    """
    here = f"https://{authority.decode('ascii')}"
    try:
        url = urlsplit(urljoin(here + base.decode("ascii"), named.decode("ascii")))
    except ValueError:
        return _refused("no URL in ASCII")
    if (url.scheme, url.netloc.lower()) != ("https", authority.decode("ascii").lower()):
        return _refused("a URL of another origin")
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    raw = target.encode("ascii")
    if len(raw) > TARGET_MOST or not TARGET.fullmatch(raw):
        return _refused("not a clean path of at most 1024 bytes")
    return raw


def _refused(why: str) -> Refusal:
    # The place itself is not quoted: there is a session's id in it.
    return Refusal(Reason.UPSTREAM_ENDPOINT, why)
