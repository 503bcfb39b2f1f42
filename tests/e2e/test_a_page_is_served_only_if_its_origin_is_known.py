"""What a browser sends and needs to be told: on the wire, before a real server.

C{test_a_browser_lets_a_page_use_the_gate.py} shows the same with a browser.
"""

import ssl
from collections.abc import Iterator, Mapping

import pytest

from mcpgate.testing import LocalCA
from tests.e2e.lab import GateProcess, Lab, McpServer
from tests.e2e.wire import Answer, Wire, calling, request_of, streamed, trusting

APP = "http://localhost:6274"

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "page", "version": "1"},
    },
}


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory, ca: LocalCA, weather: McpServer) -> Iterator[GateProcess]:
    """A gate that serves one page."""
    lab = Lab(tmp_path_factory.mktemp("gate"), ca)
    with lab.gate(upstream={"url": weather.url}, listener={"origins": [APP]}) as running:
        yield running


@pytest.fixture(scope="module")
def context(gate: GateProcess) -> ssl.SSLContext:
    return trusting(gate.lab.ca_file)


def of_page(request: bytes, origin: str, *lines: str) -> bytes:
    """A request as a browser would send it for a page of that origin."""
    first, _, rest = request.partition(b"\r\n")
    return b"\r\n".join([first, f"Origin: {origin}".encode(), *(line.encode() for line in lines), rest])


def readable(headers: Mapping[str, str], origin: str = APP) -> bool:
    """Whether that page may read the answer with its session id and its challenge (Fetch, "CORS check")."""
    exposed = headers.get("access-control-expose-headers", "").split(", ")
    return headers.get("access-control-allow-origin") == origin and {
        "mcp-session-id",
        "www-authenticate",
    } <= set(exposed)


def one(gate: GateProcess, context: ssl.SSLContext, request: bytes) -> Answer:
    with Wire(gate.port, context) as wire:
        wire.send(request).wait_for(1)
        return wire.answers()[0]


def test_a_page_asks_first_and_then_lists_calls_and_streams(
    gate: GateProcess, context: ssl.SSLContext
) -> None:
    """Preflight, session, answer: on one connection, and all of it readable."""
    asks = b"OPTIONS /mcp HTTP/1.1\r\nHost: localhost\r\nAccess-Control-Request-Method: POST\r\n"
    asks += b"Access-Control-Request-Headers: authorization,content-type,mcp-protocol-version\r\n\r\n"
    with Wire(gate.port, context) as wire:
        wire.send(of_page(asks, APP)).wait_for(1)
        allowed = wire.answers()[0]
        assert (allowed.status, allowed.body) == (204, b"")
        assert allowed.headers["access-control-allow-origin"] == APP
        assert {"GET", "POST", "DELETE"} == set(allowed.headers["access-control-allow-methods"].split(", "))
        assert {"authorization", "content-type", "mcp-protocol-version", "mcp-session-id"} <= set(
            allowed.headers["access-control-allow-headers"].split(", ")
        )
        assert "access-control-allow-credentials" not in allowed.headers

        wire.send(of_page(request_of(gate.token, INITIALIZE), APP)).wait_for(2)
        opened = wire.answers()[1]
        assert opened.status == 200 and readable(opened.headers)
        assert opened.headers["content-type"].startswith("text/event-stream")
        session = f"Mcp-Session-Id: {opened.headers['mcp-session-id']}"
        revision = "MCP-Protocol-Version: 2025-11-25"
        wire.send(
            of_page(request_of(gate.token, calling("get_weather", city="Oslo")), APP, session, revision)
        ).wait_for(3)
        told = wire.answers()[2]
        assert b"sunny in Oslo" in told.body and readable(told.headers)

    with Wire(gate.port, context) as wire:
        wire.send(of_page(streamed(gate), APP, session, revision)).wait(0.2)
        assert wire.octets.startswith(b"HTTP/1.1 200 ") and b"text/event-stream" in wire.octets
        assert f"access-control-allow-origin: {APP}".encode() in wire.octets
    asked = gate.exchange(http="OPTIONS")
    assert (asked["outcome"], asked["status"], asked["principal"]) == ("completed", 204, None)


def test_a_page_without_a_token_can_read_how_to_get_one(gate: GateProcess, context: ssl.SSLContext) -> None:
    """Its OAuth client begins with the challenge."""
    answer = one(gate, context, of_page(request_of("mcpgate_none", INITIALIZE), APP))
    assert answer.status == 401 and answer.headers["www-authenticate"].startswith("Bearer ")
    assert readable(answer.headers)


def test_a_page_from_the_address_that_it_calls_needs_no_permission(
    gate: GateProcess, context: ssl.SSLContext
) -> None:
    """Its origin is the gate's own."""
    own = f"https://localhost:{gate.port}"
    request = of_page(request_of(gate.token, INITIALIZE), own)
    request = request.replace(b"Host: localhost", b"Host: localhost:%d" % gate.port)
    answer = one(gate, context, request)
    assert answer.status == 200 and readable(answer.headers, own)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:6275", "https://localhost:1"]
)
@pytest.mark.parametrize("method", ["POST", "GET", "OPTIONS"])
def test_a_page_of_anybody_else_is_refused(
    gate: GateProcess, context: ssl.SSLContext, method: str, origin: str
) -> None:
    """With a good token, too: its browser gets 403 and lets it read nothing."""
    request = request_of(gate.token, INITIALIZE) if method == "POST" else streamed(gate)
    request = request.replace(b"GET", method.encode(), 1)
    answer = one(gate, context, of_page(request, origin, "Access-Control-Request-Method: POST"))
    assert answer.status == 403
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert b"mcp.origin" in answer.body
    detail = "a page without an origin of its own (null)" if origin == "null" else f"a page of {origin}"
    refused = gate.exchange(reason="mcp.origin", http=method, detail=detail)
    assert (refused["outbound"], refused["principal"]) == (None, None)


def test_a_name_that_was_rebound_to_us_is_refused(gate: GateProcess, context: ssl.SSLContext) -> None:
    """A page of evil.example whose name has come to mean our address is of the origin that it calls."""
    request = request_of(gate.token, INITIALIZE).replace(b"Host: localhost", b"Host: evil.example")
    answer = one(gate, context, of_page(request, "https://evil.example"))
    assert answer.status == 421 and not readable(answer.headers, "https://evil.example")


def test_who_is_no_browser_is_told_nothing_of_browsers(gate: GateProcess, context: ssl.SSLContext) -> None:
    """Clients that send no Origin see the answers that they always saw."""
    answer = one(gate, context, request_of(gate.token, INITIALIZE))
    assert answer.status == 200
    assert not [name for name in answer.headers if name.startswith("access-control-")]
