"""Host names, https URLs and host:port pairs, read strictly (RFC 3986, RFC 1123).

C{urllib} accepts almost anything; what is accepted here is what both legs can be checked against.
A message never repeats the text: a URL is where people leave passwords.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from attrs import frozen

HTTPS_PORT = 443

#: The schemes that pages come by, with the port that an origin leaves out. Only http and https have one.
PAGES = {
    "https": HTTPS_PORT,
    "http": 80,
    "chrome-extension": None,
    "moz-extension": None,
    "safari-web-extension": None,
}

# Underscores are no host name (RFC 1123 2.1) but are common in private zones.
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::([0-9]{1,5}))?")
# RFC 3986 3.3: pchar and "/".
_PATH = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")
# RFC 3986 3.4: the same and "?".
_QUERY = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")
_DOTS = re.compile(r"/(?:\.|%2[Ee]){1,2}(?:/|$)")


@frozen
class Url:
    """
    An https URL: C{host} in lower case (an IPv6 address without brackets), its port and path. C{query} is
    what stands behind a question mark, with it.
    """

    host: str
    port: int
    path: str
    query: str = ""

    @property
    def authority(self) -> str:
        """What a Host header says for it: without the default port (RFC 9110 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == HTTPS_PORT else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"https://{self.authority}{self.path}{self.query}"


def read_host(text: str) -> str:
    """A DNS name in lower case, or an IP address in its usual form (IPv6 without brackets)."""
    if ":" in text:
        try:
            address = IPv6Address(text.removeprefix("[").removesuffix("]"))
        except AddressValueError:
            raise ValueError("is not a host name or an IP address") from None
        if address.scope_id is not None:
            # RFC 9844: never sent to others, so no Host header and no certificate has one.
            raise ValueError("has a zone (%), which means something on one machine only")
        return str(address)
    name = text.lower()
    last = name.rpartition(".")[2]
    # WHATWG URL 3.5: a name whose last label is numeric is an IPv4 address, if anything.
    if last.isdigit() or re.fullmatch(r"0x[0-9a-f]*", last):
        try:
            return str(IPv4Address(name))
        except AddressValueError:
            raise ValueError("is not a host name or an IP address") from None
    if not name.isascii():
        raise ValueError("is not a host name; write an international name in its xn-- form")
    if len(name) > 253 or not _NAME.fullmatch(name):
        raise ValueError("is not a host name or an IP address")
    return name


def read_authority(text: str, default_port: int | None) -> tuple[str, int]:
    """C{host:port}, C{[v6]:port}; without a port the default, if there is one."""
    found = _AUTHORITY.fullmatch(text)
    if not found:
        raise ValueError("is not a host name and port, such as mcp.example.com:443")
    host = read_host(found[1])
    if found[2] is None:
        if default_port is None:
            raise ValueError("has no port; write it as host:port")
        return host, default_port
    port = int(found[2])
    if not 1 <= port <= 65535:
        raise ValueError("has a port outside 1 to 65535")
    return host, port


def read_url(text: str, *, query: bool = False) -> Url:
    """
    An https URL with nothing beside host, port and path; C{ValueError} says what is too much.

    @param query: whether it may have one, as the addresses of other parties' documents do.
    """
    scheme, separator, rest = text.partition("://")
    if not separator:
        raise ValueError("is not a URL, such as https://mcp.example.com/mcp")
    if scheme.lower() != "https":
        raise ValueError("is not an https URL")
    asked = ""
    if query and "#" not in rest:
        rest, mark, asked = rest.partition("?")
        asked = mark + asked
        if not _QUERY.fullmatch(asked[1:]):
            raise ValueError("has a character that a query cannot hold; percent-encode it")
    for mark, meaning in (("#", "a fragment"), ("?", "a query")):
        if mark in rest:
            raise ValueError(f"has {meaning}; only host, port and path belong here")
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        raise ValueError("has a user name or password in it; use credential")
    host, port = read_authority(authority, HTTPS_PORT)
    return Url(host, port, read_path(slash + path) if slash else "", asked)


def read_origin(text: str) -> str:
    """An origin of web pages, as browsers write it (RFC 6454 6.2): without the scheme's own port."""
    scheme, separator, rest = text.partition("://")
    if text == "null":
        raise ValueError("is what pages without an origin of their own say, which anybody can make")
    if "*" in text:
        raise ValueError("has a wildcard; each origin is named in full")
    if not separator:
        raise ValueError("is not an origin, such as https://app.example.com")
    if scheme.lower() not in PAGES:
        raise ValueError("is not the origin of a web page; want http:// or https:// or that of an extension")
    if "@" in rest:
        raise ValueError("has a user name or password in it; an origin has none")
    if any(mark in rest for mark in "/?#"):
        raise ValueError("has more than scheme, host and port; an origin ends there, without a slash")
    usual = PAGES[scheme.lower()]
    host, port = read_authority(rest, usual or 0)
    named = f"[{host}]" if ":" in host else host
    return f"{scheme.lower()}://{named}" + (f":{port}" if port != (usual or 0) else "")


def read_path(text: str) -> str:
    """A path that is matched byte by byte, so it may be written in one way only."""
    if not text.startswith("/"):
        raise ValueError("does not start with /")
    for mark, meaning in (("?", "a query"), ("#", "a fragment")):
        if mark in text:
            raise ValueError(f"has {meaning}; a path is matched without one")
    if "//" in text:
        raise ValueError("has an empty segment (//)")
    if _DOTS.search(text):
        raise ValueError("has a dot segment (/./ or /../)")
    if not _PATH.fullmatch(text):
        raise ValueError("has a character that a path cannot hold; percent-encode it")
    return text
