"""Which pages may call, and what their browsers are told: on values."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.config.url import read_origin
from mcpgate.reasons import ANSWERS, Reason, Refusal
from mcpgate.wire.http import RequestHead, read_request_head
from mcpgate.wire.origin import Origins, origin_of, preflight

ORIGINS = Origins(frozenset({b"https://app.example.com", b"http://localhost:6274"}))
LINES = (
    b"access-control-allow-origin: %b\r\n"
    b"access-control-expose-headers: mcp-session-id, www-authenticate, last-event-id, "
    b"mcp-protocol-version, retry-after\r\n"
    b"vary: origin\r\n"
)


def head(*lines: str, method: str = "OPTIONS") -> RequestHead:
    raw = "\r\n".join([f"{method} /mcp HTTP/1.1", "Host: gate.test", *lines, "", ""])
    parsed = read_request_head(raw.encode())
    assert isinstance(parsed, RequestHead), parsed
    return parsed


def asked(*lines: str, method: str = "OPTIONS", origin: str = "https://app.example.com") -> bytes | None:
    request = head(f"Origin: {origin}", *lines, method=method)
    cors = ORIGINS.judge(request.get(b"origin"), request.host, request.port)
    assert isinstance(cors, bytes)
    return preflight(request, cors)


def fields(answer: bytes | None) -> dict[bytes, list[bytes]]:
    """An answer's header lines by name."""
    assert answer is not None and answer.endswith(b"\r\n\r\n")
    found: dict[bytes, list[bytes]] = {}
    for line in answer[:-4].split(b"\r\n")[1:]:
        name, _, value = line.partition(b": ")
        found.setdefault(name, []).append(value)
    return found


def test_who_sends_no_origin_is_no_page() -> None:
    """It is served, and told nothing that is for browsers."""
    assert ORIGINS.judge(None, b"gate.test", None) == b""


@pytest.mark.parametrize(
    ("site", "refused"),
    [(b"cross-site", True), (b"same-site", True), (b"same-origin", False), (b"none", False), (b"", False)],
)
def test_a_page_elsewhere_that_is_not_named_is_known_by_its_site(site: bytes, refused: bool) -> None:
    """A plain GET has no origin, but its browser says where it is from."""
    judged = ORIGINS.judge(None, b"gate.test", None, site)
    assert isinstance(judged, Refusal) is refused
    # Beside an origin it says nothing that counts.
    assert ORIGINS.judge(b"https://app.example.com", b"gate.test", None, site) == LINES % b"https://app.example.com"


@pytest.mark.parametrize(
    ("origin", "host", "port"),
    [
        (b"https://app.example.com", b"gate.test", None),
        (b"http://localhost:6274", b"gate.test", 8443),
        (b"https://gate.test", b"gate.test", None),
        (b"https://gate.test", b"gate.test", 443),
        (b"https://gate.test:8443", b"gate.test", 8443),
        (b"https://[::1]:8443", b"::1", 8443),
    ],
)
def test_a_page_that_is_named_or_comes_from_here_may_read_the_answer(
    origin: bytes, host: bytes, port: int | None
) -> None:
    """It is told its own origin, and never that it may use what a browser adds by itself."""
    assert ORIGINS.judge(origin, host, port) == LINES % origin


@pytest.mark.parametrize(
    "origin",
    [
        b"null",
        b"",
        b"*",
        b"https://evil.test",
        b"http://gate.test",
        b"https://gate.test:443",
        b"https://gate.test:8443",
        b"https://gate.test/",
        b"https://GATE.test",
        b"HTTPS://gate.test",
        b"https://gate.test.",
        b"https://gate.test.evil.test",
        b"https://evilgate.test",
        b"https://gate.test https://app.example.com",
        b"https://app.example.com, https://evil.test",
        b"http://app.example.com",
        b"https://app.example.com:80",
        b"https://sub.app.example.com",
        b"http://localhost",
        b"gate.test",
        b"https://gate.test\xff",
    ],
)
def test_any_other_page_is_refused(origin: bytes) -> None:
    """Whatever it resembles."""
    refused = ORIGINS.judge(origin, b"gate.test", None)
    assert isinstance(refused, Refusal) and refused.reason is Reason.MCP_ORIGIN
    assert ANSWERS[refused.reason].status == 403


@pytest.mark.parametrize(
    ("origin", "detail"),
    [
        (b"https://evil.test:8443", "a page of https://evil.test:8443"),
        (b"chrome-extension://abc", "a page of chrome-extension://abc"),
        (b"null", "a page without an origin of its own (null)"),
        (b"https://me:secret@evil.test", "an Origin that is none"),
        (b"https://evil.test/secret", "an Origin that is none"),
        (b"https://" + b"x" * 301, "an Origin that is none"),
    ],
)
def test_the_record_names_the_origin_if_it_is_one(origin: bytes, detail: str) -> None:
    """So that an operator can add it; what else stands there may be anything."""
    refused = ORIGINS.judge(origin, b"gate.test", None)
    assert isinstance(refused, Refusal) and refused.detail == detail


NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,6}[a-z](\.[a-z]{2,5}){0,2}", fullmatch=True)
AUTHORITIES = st.tuples(NAMES, st.none() | st.integers(1, 65535))


@given(st.sampled_from(["https", "http"]), AUTHORITIES, AUTHORITIES)
def test_an_origin_is_served_exactly_if_it_is_the_one(
    scheme: str, page: tuple[str, int | None], ours: tuple[str, int | None]
) -> None:
    """Scheme, host and port: all three, with the scheme's own port left out."""
    name, port = page
    origin = read_origin(f"{scheme}://{name}" + (f":{port}" if port else ""))
    judged = Origins(frozenset()).judge(origin.encode(), ours[0].encode(), ours[1])
    same = (scheme, name, port or (443 if scheme == "https" else 80)) == ("https", ours[0], ours[1] or 443)
    assert isinstance(judged, bytes) is same
    named = Origins(frozenset({origin.encode()})).judge(origin.encode(), ours[0].encode(), ours[1])
    assert named == LINES % origin.encode()


@given(AUTHORITIES)
def test_the_origin_of_a_host_is_written_as_the_configuration_writes_it(ours: tuple[str, int | None]) -> None:
    """Otherwise one of the two would never match."""
    name, port = ours
    written = f"https://{name}" + (f":{port}" if port else "")
    assert origin_of(name.encode(), port).decode() == read_origin(written)


LIKE_OURS = st.builds(lambda more: b"https://app.example.com" + more, st.binary(max_size=9))


@given(st.binary(max_size=40) | LIKE_OURS)
def test_no_octet_of_an_unknown_origin_comes_back(origin: bytes) -> None:
    """Only what is on the list is ever echoed, so nothing can be injected into an answer."""
    judged = ORIGINS.judge(origin, b"gate.test", None)
    known = origin in ORIGINS.allowed or origin == b"https://gate.test"
    assert judged == LINES % origin if known else isinstance(judged, Refusal)
    if isinstance(judged, Refusal):
        assert judged.detail.isascii() and judged.detail.isprintable()


def test_a_preflight_is_answered_whole() -> None:
    """What a page may send: methods, headers by name, for how long; no credentials, no private network."""
    answer = asked("Access-Control-Request-Method: POST", "Access-Control-Request-Private-Network: true")
    assert answer is not None and answer.startswith(b"HTTP/1.1 204 No Content\r\n")
    found = fields(answer)
    assert found.pop(b"access-control-expose-headers")
    assert found == {
        b"access-control-allow-origin": [b"https://app.example.com"],
        b"access-control-allow-methods": [b"GET, POST, DELETE"],
        b"access-control-allow-headers": [
            b"authorization, content-type, accept, mcp-protocol-version, mcp-session-id, last-event-id, "
            b"mcp-method, mcp-name"
        ],
        b"access-control-max-age": [b"7200"],
        b"vary": [b"origin", b"access-control-request-headers"],
    }


def test_mirrored_parameters_that_are_asked_for_are_allowed_by_name() -> None:
    """Once each, whatever their case and spacing, and nothing else that is asked for."""
    wanted = "x-other,mcp-param-b ,\tMcp-Param-A,mcp-param-b,mcp-param-ä,mcp-paramx"
    lines = "Access-Control-Request-Method: POST", f"Access-Control-Request-Headers: {wanted}"
    allowed = fields(asked(*lines))[b"access-control-allow-headers"]
    assert allowed[0].endswith(b", mcp-name, mcp-param-b, mcp-param-a")


def test_a_mirrored_parameter_with_an_underscore_is_allowed_and_no_other_header_with_one() -> None:
    wanted = "mcp-param-tenant_id, mcp_param-a, mcp-param_a, x_y, MCP-Param-_"
    lines = "Access-Control-Request-Method: POST", f"Access-Control-Request-Headers: {wanted}"
    allowed = fields(asked(*lines))[b"access-control-allow-headers"]
    assert allowed[0].endswith(b", mcp-name, mcp-param-tenant_id, mcp-param-_")


PARTS = st.lists(st.sampled_from([b"mcp-param-", b"x", b" ", b",", b"\t", b"_", b"(", b"\xff"]))


@given(st.binary(max_size=60), PARTS)
def test_an_answer_to_a_preflight_is_always_well_formed(asked: bytes, parts: list[bytes]) -> None:
    """Whatever headers are asked for: tokens, in lines of ours."""
    value = re.sub(rb"[\x00-\x08\x0a-\x1f\x7f]", b"", asked + b"".join(parts))
    raw = b"OPTIONS / HTTP/1.1\r\nHost: gate.test\r\nAccess-Control-Request-Method: GET\r\n"
    request = read_request_head(raw + b"Access-Control-Request-Headers: %b\r\n\r\n" % value)
    assert isinstance(request, RequestHead)
    (allowed,) = fields(preflight(request, LINES % b"https://gate.test"))[b"access-control-allow-headers"]
    assert re.fullmatch(rb"[!#$%&'*+.^_`|~0-9a-z, -]+", allowed)
    assert all(one.startswith(b"mcp-param-") for one in allowed.split(b", ")[8:])
    assert not any(b"_" in one for one in allowed.split(b", ")[:8])


@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD"])
def test_only_an_options_request_asks(method: str) -> None:
    """The same headers elsewhere mean nothing."""
    assert asked("Access-Control-Request-Method: POST", method=method) is None


def test_an_options_request_that_asks_for_no_method_is_no_preflight() -> None:
    """Nor is one that no browser sent."""
    assert asked() is None
    assert preflight(head("Access-Control-Request-Method: POST"), b"") is None
