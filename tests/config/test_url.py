"""Host names, https URLs and paths."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.config.url import Url, read_authority, read_host, read_origin, read_path, read_url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://mcp.example.com", Url("mcp.example.com", 443, "")),
        ("https://MCP.Example.com:8443/mcp", Url("mcp.example.com", 8443, "/mcp")),
        ("HTTPS://h/a/b%20c", Url("h", 443, "/a/b%20c")),
        ("https://127.0.0.1:1/", Url("127.0.0.1", 1, "/")),
        ("https://[::1]:8443/mcp", Url("::1", 8443, "/mcp")),
        ("https://[2001:DB8:0:0::1]", Url("2001:db8::1", 443, "")),
        ("https://my_server/mcp", Url("my_server", 443, "/mcp")),
    ],
)
def test_a_url_is_taken_apart(text: str, url: Url) -> None:
    """Host in lower case, the default port filled in, the path as it stands."""
    assert read_url(text) == url


def test_a_query_is_taken_where_it_may_be() -> None:
    """Documents of other parties have such addresses."""
    text = "https://h:8443/keys?p=a/b?&v=2.0%20"
    assert read_url(text, query=True) == Url("h", 8443, "/keys", "?p=a/b?&v=2.0%20")
    assert str(read_url(text, query=True)) == text
    assert read_url("https://h/keys", query=True) == Url("h", 443, "/keys")
    for wrong, words in (("https://h/?a b", "a query cannot hold"), ("https://h/?a#b", "has a fragment")):
        with pytest.raises(ValueError, match=words):
            read_url(wrong, query=True)


@pytest.mark.parametrize(
    ("text", "authority"),
    [("https://h:443/x", "h"), ("https://h:8443/x", "h:8443"), ("https://[::1]/x", "[::1]")],
)
def test_an_authority_leaves_out_the_default_port(text: str, authority: str) -> None:
    """What a Host header says for a URL."""
    assert read_url(text).authority == authority


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mcp.example.com", "is not a URL"),
        ("http://h/", "is not an https URL"),
        ("https://h/x?a=b", "has a query"),
        ("https://h?a", "has a query"),
        ("https://h/x#a", "has a fragment"),
        ("https://h/x?", "has a query"),
        ("https://user@h/", "user name or password"),
        ("https://user:pw@h/", "user name or password"),
        ("https://", "is not a host name and port"),
        ("https:///x", "is not a host name and port"),
        ("https://h:/x", "is not a host name and port"),
        ("https://h:0/x", "port outside"),
        ("https://h:65536/x", "port outside"),
        ("https://h:4 4/x", "is not a host name and port"),
        ("https://::1/x", "is not a host name and port"),
        ("https://[::g]/", "is not a host name and port"),
        ("https://[fe80::1%25eth0]/", "is not a host name and port"),
        ("https://a..b/", "is not a host name"),
        ("https://-a/", "is not a host name"),
        ("https://a_-/", "is not a host name"),
        ("https://example.com./", "is not a host name"),
        ("https://münchen.example/", "xn--"),
        ("https://1.2.3/", "is not a host name"),
        ("https://0x7f.1/", "is not a host name"),
        ("https://127.0.0.01/", "is not a host name"),
        ("https://h/a b", "has a character"),
        ("https://h/a/../b", "dot segment"),
        ("https://h//b", "empty segment"),
        ("https://h\\@evil/", "user name or password"),
        (f"https://{'a' * 64}/", "is not a host name"),
    ],
)
def test_a_url_with_anything_more_is_refused(text: str, words: str) -> None:
    """A URL that two parsers could read differently is not read at all."""
    with pytest.raises(ValueError, match=words):
        read_url(text)


def test_a_message_never_repeats_a_url() -> None:
    """People leave passwords in URLs."""
    with pytest.raises(ValueError) as caught:
        read_url("https://admin:hunter2@h/x")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "does not start with /"),
        ("mcp", "does not start with /"),
        ("/a?b", "has a query"),
        ("/a#b", "has a fragment"),
        ("//", "empty segment"),
        ("/a//b", "empty segment"),
        ("/.", "dot segment"),
        ("/..", "dot segment"),
        ("/a/./b", "dot segment"),
        ("/a/%2e%2E/b", "dot segment"),
        ("/a/.%2e", "dot segment"),
        ("/a b", "has a character"),
        ("/ä", "has a character"),
        ("/%4", "has a character"),
        ("/a\\b", "has a character"),
    ],
)
def test_a_path_that_can_be_written_otherwise_is_refused(path: str, words: str) -> None:
    """Routing is by bytes, so an address has one form."""
    with pytest.raises(ValueError, match=words):
        read_path(path)


@pytest.mark.parametrize("path", ["/", "/mcp", "/a/b/", "/a.b/..c/...", "/%C3%A4", "/a:b@c"])
def test_a_clean_path_is_taken_as_it_is(path: str) -> None:
    """Nothing is normalised."""
    assert read_path(path) == path


def test_an_authority_without_a_port_needs_a_default() -> None:
    """Where to dial must be said in full."""
    assert read_authority("h", 443) == ("h", 443)
    with pytest.raises(ValueError, match="has no port"):
        read_authority("h", None)


@pytest.mark.parametrize("text", ["fe80::1%eth0", "[fe80::1%eth0]", "fe80::1%A b"])
def test_an_address_with_a_zone_is_no_host(text: str) -> None:
    """Nobody's Host header or certificate has one, so it would never match."""
    with pytest.raises(ValueError, match="zone"):
        read_host(text)


@given(st.text())
def test_any_text_is_a_host_or_a_sentence(text: str) -> None:
    """What is accepted is canonical: reading it again changes nothing."""
    try:
        host = read_host(text)
    except ValueError:
        return
    assert read_host(host) == host


@given(st.text() | st.from_regex(r"https://[a-z.\[\]:0-9@%]{0,12}(/[a-z./%?#]{0,8})?", fullmatch=True))
def test_any_text_is_a_url_or_a_sentence(text: str) -> None:
    """What is accepted can be written and read back."""
    try:
        url = read_url(text)
    except ValueError:
        return
    assert read_url(str(url)) == url


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://app.example.com", "https://app.example.com"),
        ("HTTPS://App.Example.COM:443", "https://app.example.com"),
        ("https://app.example.com:80", "https://app.example.com:80"),
        ("http://localhost:80", "http://localhost"),
        ("http://localhost:6274", "http://localhost:6274"),
        ("http://[2001:DB8:0::1]:8080", "http://[2001:db8::1]:8080"),
        ("https://10.0.0.7", "https://10.0.0.7"),
        ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
    ],
)
def test_an_origin_is_kept_as_browsers_write_it(text: str, origin: str) -> None:
    """RFC 6454 6.2: lower case, and no port that is the scheme's own."""
    assert read_origin(text) == origin
    assert read_origin(origin) == origin


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("*", "wildcard"),
        ("https://*.example.com", "wildcard"),
        ("null", "without an origin of their own"),
        ("app.example.com", "is not an origin"),
        ("file:///home/me/page.html", "is not the origin of a web page"),
        ("htps://app.example.com", "is not the origin of a web page"),
        ("https://me:hunter2@app.example.com", "has a user name or password"),
        ("https://app.example.com/", "has more than scheme, host and port"),
        ("https://app.example.com?x", "has more than scheme, host and port"),
        ("https://app.example.com#x", "has more than scheme, host and port"),
        ("https://app.example.com:0", "has a port outside"),
        ("https://app.example.com:65536", "has a port outside"),
        ("https://", "is not a host name and port"),
        ("https://a b", "is not a host name"),
        ("https://b\xfccher.example", "xn--"),
    ],
)
def test_what_is_no_origin_is_told_why(text: str, said: str) -> None:
    """Without repeating it, as with every URL."""
    with pytest.raises(ValueError) as caught:
        read_origin(text)
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


@given(st.text() | st.from_regex(r"https?://[a-z.\[\]:0-9@%/]{0,12}", fullmatch=True))
def test_any_text_is_an_origin_or_a_sentence(text: str) -> None:
    """What is accepted is canonical: reading it again changes nothing."""
    try:
        origin = read_origin(text)
    except ValueError:
        return
    assert read_origin(origin) == origin
