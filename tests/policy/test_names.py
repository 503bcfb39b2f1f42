"""Names and URIs that could mean two things are never allowable."""

from __future__ import annotations

from posixpath import normpath
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.policy.names import NAME_LENGTH, URI_LENGTH, allowable, canonical_uri, clean_name

GOOD_NAMES = ["get_weather", "a", "ns/tool.v2", "repo:search", "x" * NAME_LENGTH, "天気", "über"]
BAD_NAMES = {
    "": "empty",
    " rm": "leading space",
    "rm ": "trailing space",
    "a b": "inner space",
    "rm\0": "NUL",
    "rm\n": "line feed",
    "rm\x7f": "DEL",
    "rm\x85": "a C1 control",
    "r\u200bm": "zero-width space",
    "rm\u200d": "zero-width joiner",
    "rm\u202e": "right-to-left override",
    "rm\u2066": "isolate",
    "rm\u00a0": "no-break space",
    "rm\u3000": "ideographic space",
    "rm\ufeff": "byte order mark",
    "rm\ufe0f": "variation selector",
    "rm\u034f": "grapheme joiner",
    "rm\u3164": "Hangul filler",
    "rm\u115f": "another Hangul filler",
    "rm\u0301": "combining accent",
    "rm\U000e0041": "tag character",
    "rm\ud800": "lone surrogate",
    "rm\ue000": "private use",
    "ｒｍ": "full-width letters",
    "x" * (NAME_LENGTH + 1): "too long",
}


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_names_as_servers_give_them_are_clean(name: str) -> None:
    assert clean_name(name)


@pytest.mark.parametrize("name", BAD_NAMES, ids=BAD_NAMES.values())
def test_a_name_that_somebody_could_read_differently_is_not_clean(name: str) -> None:
    assert not clean_name(name)


@given(st.text(st.characters(), max_size=200))
def test_a_clean_name_is_short_visible_and_has_no_white_space(name: str) -> None:
    if clean_name(name):
        assert name.isprintable() and name.split() == [name] and len(name) <= NAME_LENGTH
        name.encode()


GOOD_URIS = [
    "file:///srv/public/readme.md",
    "file:///srv/public/",
    "file:///",
    "file:///srv/a%20b/%C3%A9t%C3%A9.txt",
    "file:///srv/.hidden/...",
    "file:///c:/windows",
    "https://example.com/a?b=c&d=/e",
    "https://example.com:8443/",
    "https://example.com/?next=https%3A%2F%2Fother.example%2F",
    "http://192.0.2.1/x",
    "http://[2001:db8::1]/x",
    "note://Insights/Today",
    "memo:insights",
    "urn:isbn:0451450523",
    "data:text/plain,x",
    "postgres://db.example/table/schema",
    "git+ssh://host/100%25",
    "file:///srv/public/{name}",
    "search://{query}{?page,size*}",
]
BAD_URIS = {
    "": "empty",
    "readme.md": "no scheme",
    "/srv/public/k": "no scheme, absolute",
    "FILE:///srv/k": "upper-case scheme",
    "file:///srv/public/../k": "dot-dot",
    "file:///srv/public/..": "dot-dot at the end",
    "file:///srv/./k": "dot",
    "file:///..": "only dot-dot",
    "memo:../k": "dot-dot without a root",
    "note://x/..;/k": "dot-dot with a parameter",
    "note://x/;../k": "dot-dot as a parameter",
    "file:///srv/%2e%2e/k": "lower-case escaped dots",
    "file:///srv/%2E%2E/k": "escaped dots",
    "file:///srv/.%2E/k": "half escaped dots",
    "file:///srv/..%2fk": "lower-case escaped slash",
    "file:///srv/..%2Fk": "escaped slash",
    "file:///srv/a%2Fb": "escaped slash alone",
    "file:///srv/..%5Ck": "escaped backslash",
    "file:///srv/%61": "escaped letter",
    "file:///srv/%7E": "escaped tilde",
    "file:///srv/%c3%a9": "lower-case escapes",
    "file:///srv/%252E%252E/k": "double escape",
    "file:///srv/%252e": "double escape, lower case",
    "file:///srv/%C0%AE%C0%AE/k": "overlong dots",
    "file:///srv/%FF": "not UTF-8",
    "file:///srv/%00": "escaped NUL",
    "file:///srv/%0A": "escaped line feed",
    "file:///srv/%E2%80%8B": "escaped zero-width space",
    "file:///srv/%EF%BC%8F..": "escaped full-width slash",
    "file:///srv/%": "lone percent",
    "file:///srv/%zz": "not hexadecimal",
    "file:///srv/a b": "space",
    " file:///srv/k": "leading space",
    "file:///srv/k\n": "line feed",
    "file:///srv/k\0": "NUL",
    "file:///srv\\k": "backslash",
    "file:///srv/é": "not ASCII",
    "file:///srv/％2e": "full-width percent",
    "file:///srv//k": "empty segment",
    "file:////srv/k": "empty first segment",
    "file://localhost/srv/k": "localhost",
    "file://other/srv/k": "a host in a file URI",
    "file:/srv/k": "no authority in a file URI",
    "file:srv/k": "relative file URI",
    "file:///srv/k?x=1": "query in a file URI",
    "file:///srv/k#f": "fragment",
    "https://example.com/#": "empty fragment",
    "https://user@example.com/": "user",
    "https://user:pw@example.com/": "user and password",
    "https://Example.com/": "upper-case host",
    "https://example.com": "no path",
    "https://example.com./": "trailing dot",
    "https://example.com:443/": "default port",
    "https://example.com:08443/": "port with a zero",
    "https://example.com:99999/": "port out of range",
    "https://example.com:/": "empty port",
    "https:///x": "no host",
    "https:example.com": "no authority",
    "https://exa%6Dple.com/": "escape in a host",
    "http://0x7f000001/": "hexadecimal address",
    "http://2130706433/": "decimal address",
    "http://127.1/": "short address",
    "http://0177.0.0.1/": "octal address",
    "http://127.0.0.0x1/": "mixed address",
    "http://[::ffff:169.254.169.254]/": "mapped address",
    "http://[::ffff:a9fe:a9fe]/": "mapped address in hexadecimal",
    "http://[0:0:0:0:0:0:0:1]/": "long address",
    "http://[::1%25eth0]/": "zone",
    "https://example.com/?f=../../etc": "dot-dot in a query",
    "https://example.com/?f=..%2F..%2Fetc": "escaped dot-dot in a query",
    "https://example.com/?f=%2E%2E%2Fetc": "escaped dots in a query",
    "file:///srv/" + "x" * URI_LENGTH: "too long",
}


@pytest.mark.parametrize("uri", GOOD_URIS)
def test_uris_as_servers_list_them_are_canonical(uri: str) -> None:
    assert canonical_uri(uri)


@pytest.mark.parametrize("uri", BAD_URIS, ids=BAD_URIS.values())
def test_a_uri_that_somebody_could_normalise_is_not_canonical(uri: str) -> None:
    assert not canonical_uri(uri)


PIECES = st.sampled_from(
    [
        "a",
        "B",
        "..",
        ".",
        "/",
        "//",
        "%2e",
        "%2E",
        "%2F",
        "%25",
        "2e",
        "%C3%A9",
        "%20",
        ";",
        "\\",
        "?",
        "=",
        "#",
        "~",
    ]
)


@given(st.lists(PIECES, max_size=8).map("".join))
def test_a_canonical_file_uri_stays_itself_whoever_normalises_it(tail: str) -> None:
    """The oracle is the standard library's own splitting, unquoting and path normalisation."""
    uri = "file:///srv/" + tail
    if canonical_uri(uri):
        parts = urlsplit(uri)
        path = unquote(parts.path, errors="strict")
        assert parts.geturl() == uri and not parts.query and not parts.fragment
        assert normpath(path).startswith("/srv")
        assert normpath(path).rstrip("/") == path.rstrip("/")
        assert unquote(path) == path or "%25" in parts.path
        assert quote(path, safe="/~!$&'()*+,;=:@-._") == parts.path


@given(st.text(st.characters(), max_size=60) | st.lists(PIECES, max_size=10).map("".join))
def test_judging_a_uri_never_raises_and_canonical_means_ascii(text: str) -> None:
    for uri in (text, "file:///" + text, "https://" + text, "x://" + text):
        if canonical_uri(uri):
            assert uri.isascii() and uri.isprintable() and " " not in uri


def test_resources_are_judged_as_uris_and_everything_else_as_names() -> None:
    assert allowable("resources/read", "file:///srv/k")
    assert not allowable("resources/read", "get_weather")
    assert allowable("tools/call", "get_weather")
    assert allowable("tools/call", "../rm")  # a strange name, but one that reads the same to all
    assert allowable("x/y", None)
    assert not allowable("tools/call\u200b", "get_weather")
