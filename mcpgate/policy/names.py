"""Which names and URIs an allow rule may match at all.

A rule compares text; an upstream acts on what it makes of the text. Wherever the two could differ
(a zero-width character, C{%2e%2e}, an upper-case scheme) a pattern is worthless, so such a name is
never allowed, whatever the rules say. This is no guess at intentions: a client that uses names and
URIs as a server lists them is not affected, unless the server lists such names itself.

 - Names of tools and prompts, and methods: printable characters without white space, at most 128,
   unchanged by compatibility normalisation (NFKC), without combining marks (some are invisible).
   MCP asks servers for 1 to 128 of C{[A-Za-z0-9_.-]} (server/tools, "Tool Names"); many use more.
 - URIs: already canonical in the sense of RFC 3986 section 6.2.2, so that everybody who normalises
   them gets the same text back.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from unicodedata import category, is_normalized, normalize
from urllib.parse import unquote_to_bytes

#: MCP server/tools, "Tool Names": 1 to 128 characters.
NAME_LENGTH = 128
#: RFC 9110 section 4.1 asks everyone to support URIs of at least 8000 octets.
URI_LENGTH = 8000

_PLAIN = re.compile(r"[!-~]+", re.ASCII)

# RFC 3986 appendix B, with our alphabet: a lower-case scheme, no fragment (a fragment is never part
# of what a server looks up), ASCII without controls, space, quotes, <>, \, ^, `, | and braces.
_URI = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*):"
    r"(?://(?P<authority>[A-Za-z0-9\-._~!$&'()*+,;=:\[\]]*))?"
    r"(?P<path>(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-F]{2})*)"
    r"(?:\?(?P<query>(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-F]{2})*))?"
)
# RFC 6570 expressions; a completion refers to a template, which is judged as if filled with "x".
_EXPRESSION = re.compile(r"\{[+#./;?&]?[A-Za-z0-9_.,:*]+\}")
# Escapes that have a shorter spelling, that hide a delimiter of paths, or that hide another escape.
_BAD_ESCAPE = re.compile(r"%(?:2D|2E|5F|7E|3[0-9]|4[1-9A-F]|5[0-9A]|6[1-9A-F]|7[0-9A]|5C|25[0-9A-Fa-f]{2})")
# A segment "." or ".."; besides "/" also what some servers cut segments at ("..;", "=../").
_DOTS = re.compile(r"(?:^|[/;=&?:,@+!$'()*])\.\.?(?:$|[/;=&?:,@+!$'()*%])")

#: Schemes whose host is a real host, compared without case: the special schemes of the WHATWG URL
#: standard (section 4.2). Other schemes have opaque hosts, where case may matter.
_HOSTED = frozenset({"http", "https", "ws", "wss", "ftp"})
_DEFAULT_PORT = {"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21"}
_HOST = re.compile(r"(?P<host>\[[0-9a-f:]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::(?P<port>[1-9][0-9]{0,4}))?")
_NUMERIC = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)")


def allowable(method: str, name: str | None) -> bool:
    """Whether a call judged as this method and name may be allowed by any rule."""
    if not clean_name(method):
        return False
    if name is None:
        return True
    return canonical_uri(name) if method.startswith("resources/") else clean_name(name)


def clean_name(name: str) -> bool:
    """Whether everyone who reads, prints, trims or normalises this name sees the same one."""
    if not 0 < len(name) <= NAME_LENGTH:
        return False
    if _PLAIN.fullmatch(name):
        return True
    # isprintable() is false for controls, format and bidi characters, separators, surrogates,
    # private use and unassigned ones; marks (Mn, Me) include invisible variation selectors.
    return (
        name.isprintable()
        and " " not in name
        and is_normalized("NFKC", name)
        and not any(_unseen(character) for character in name)
    )


def _unseen(character: str) -> bool:
    # The Hangul fillers are letters that print nothing (Unicode Default_Ignorable_Code_Point).
    return category(character) in ("Mn", "Me") or character in "\u115f\u1160"


def canonical_uri(uri: str) -> bool:
    """Whether a resource's URI (or URI template) is already in its one canonical form."""
    if not 0 < len(uri) <= URI_LENGTH:
        return False
    match = _URI.fullmatch(_EXPRESSION.sub("x", uri))
    if match is None:
        return False
    scheme, authority, path, query = match.group("scheme", "authority", "path", "query")
    return (
        _canonical_place(scheme, authority, path, query)
        and "//" not in path
        and "%2F" not in path
        and _BAD_ESCAPE.search(path + "?" + (query or "")) is None
        and _DOTS.search(path) is None
        and (query is None or _DOTS.search(query.replace("%2F", "/")) is None)
        and _readable(path + (query or ""))
    )


def _canonical_place(scheme: str, authority: str | None, path: str, query: str | None) -> bool:
    if scheme == "file":
        # RFC 8089 section 2: no query. An empty authority means what "localhost" and none mean.
        return authority == "" and query is None and path.startswith("/")
    if scheme in _HOSTED:
        return authority is not None and path.startswith("/") and _canonical_host(scheme, authority)
    return authority is None or not path or path.startswith("/")


def _canonical_host(scheme: str, authority: str) -> bool:
    match = _HOST.fullmatch(authority)
    if match is None or match["port"] == _DEFAULT_PORT[scheme] or int(match["port"] or 0) > 65535:
        return False
    host = match["host"]
    try:
        if host.startswith("["):
            address = IPv6Address(host[1:-1])
            return address.ipv4_mapped is None and str(address) == host[1:-1]
        # A host whose last label is a number is an IPv4 address to browsers and to inet_aton, in
        # whatever base or length (WHATWG URL section 3.5); only dotted decimal is canonical.
        return not _NUMERIC.fullmatch(host.rpartition(".")[2]) or str(IPv4Address(host)) == host
    except AddressValueError:
        return False


def _readable(text: str) -> bool:
    """Whether escapes spell UTF-8 without controls, and nothing that normalises to a delimiter."""
    if "%" not in text:
        return True
    try:
        decoded = unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return decoded.isprintable() and not any(
        set(normalize("NFKC", character)) & set("./\\%") for character in decoded if character > "\x7f"
    )
