"""HTTP as it is on the wire: headers on every answer, and bodies of a bounded size."""

from __future__ import annotations

import http.client
import socket
import ssl
import time

import pytest

from mcpgate.admin.web import BODY_MOST, IDLE
from tests.admin.house import House
from tests.waiting import PATIENCE

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}


@pytest.mark.parametrize(
    ("path", "status", "headers"),
    [
        ("/", 303, {}),
        ("/login", 200, {}),
        ("/no/such/page", 404, {}),
        ("/static/style.css", 200, {}),
        ("/healthz", 200, {}),
        ("/metrics", 401, {}),
        ("/live", 403, {}),
        ("/", 421, {"Host": "evil.test"}),
        ("/", 403, {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}),
    ],
)
def test_every_answer_has_the_headers(
    house: House, path: str, status: int, headers: dict[str, str]
) -> None:
    """Also those to whoever is not logged in, and those that refuse."""
    answer = house.start().browser().ask(path, **headers)
    assert answer.status == status
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["server"] == "mcpgate"
    assert answer.headers["cache-control"] == (
        "public, max-age=31536000, immutable" if path.startswith("/static/") else "no-store"
    )


def test_a_page_is_never_kept(house: House) -> None:
    """It says who calls what."""
    browser = house.start().logged_in()
    page = browser.ask("/held")
    assert (page.status, page.headers["cache-control"]) == (200, "no-store")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    head = browser.ask("/held", method="HEAD")
    assert (head.status, head.body) == (200, "")


@pytest.mark.parametrize("lines", [{}, {"Transfer_Encoding": "chunked"}])
def test_a_large_body_is_not_read(house: House, lines: dict[str, str]) -> None:
    """Nor one in chunks, of which nobody says how large it will be."""
    browser = house.start().browser()
    body = "x" * (BODY_MOST + 1)
    with pytest.raises((http.client.HTTPException, ConnectionError, ssl.SSLError, AssertionError)):
        answer = browser.ask("/login", body, Origin=browser.origin, **lines)
        assert answer.status != 413
    assert browser.ask("/healthz").status == 200


def test_a_body_that_is_just_small_enough_is(house: House) -> None:
    """And judged as any other."""
    browser = house.start().browser()
    body = "link=" + "x" * (BODY_MOST - 5)
    assert browser.ask("/login", body, Origin=browser.origin).status == 403


@pytest.mark.parametrize("body", ["\xff", "&".join(f"a{n}=" for n in range(50))])
def test_what_is_no_form_of_ours_is_refused(house: House, body: str) -> None:
    """Before anything of it counts."""
    browser = house.start().browser()
    assert browser.ask("/login", body, Origin=browser.origin).status == 400


def test_plain_http_is_told_that_it_is_plain(house: House) -> None:
    """As at every listener: nothing of it is processed."""
    house.start()
    connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=10)
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    assert answer.status == 400 and b"TLS" in answer.read()


def connected(house: House, small: bool = False) -> ssl.SSLSocket:
    """A connection for requests that no browser would send. C{small}: the kernel keeps little for it."""
    raw = socket.socket()
    if small:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.settimeout(PATIENCE)
    raw.connect(("127.0.0.1", house.port))
    context = ssl.create_default_context(cafile=str(house.authority))
    return context.wrap_socket(raw, server_hostname="localhost")


def rest(stream: ssl.SSLSocket) -> bytes:
    """All that comes until the other side has closed."""
    found = bytearray()
    while data := stream.recv(65536):
        found += data
    return bytes(found)


def test_requests_behind_one_another_are_not_answered_to_whoever_reads_nothing(house: House) -> None:
    """A stranger's hundred kilobytes of requests for a script would be seventy megabytes of answers, kept."""
    house.start()
    one = f"GET /static/uplot/uPlot.iife.min.js HTTP/1.1\r\nHost: localhost:{house.port}\r\n\r\n".encode()
    with connected(house, small=True) as stream:
        stream.sendall(one * 1500)
        # The kernel's own buffers take some.
        assert 0 < rest(stream).count(b"HTTP/1.1 200 ") < 300


def test_requests_behind_one_another_are_answered_to_whoever_reads(house: House) -> None:
    """What is small is answered as it came."""
    house.start()
    one = f"GET /healthz HTTP/1.1\r\nHost: localhost:{house.port}\r\n"
    with connected(house) as stream:
        stream.sendall(f"{one}\r\n{one}\r\n{one}Connection: close\r\n\r\n".encode())
        assert rest(stream).count(b"HTTP/1.1 200 ") == 3


def test_a_request_that_comes_byte_by_byte_is_not_waited_for(house: House) -> None:
    """The time is for all of it: else one byte a minute would hold a connection for ever."""
    house.start()
    assert house.admin.site.timeOut == IDLE
    house.admin.site.timeOut = 0.5
    began = time.monotonic()
    with connected(house) as stream, pytest.raises(OSError):
        while time.monotonic() - began < PATIENCE:
            stream.sendall(b"G")
            time.sleep(0.05)
    assert time.monotonic() - began < PATIENCE


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET / HTTP/1.1\r\nHost: evil.test\r\nHost: localhost", 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.test", 400),
        ("GET / HTTP/1.1", 400),
        ("OPTIONS * HTTP/1.1\r\nHost: localhost", 405),
        ("GET * HTTP/1.1\r\nHost: localhost", 404),
        ("GET * HTTP/1.1\r\nHost: evil.test", 421),
        ("TRACE / HTTP/1.1\r\nHost: localhost", 405),
    ],
)
def test_requests_that_no_browser_sends_are_refused(house: House, head: str, status: int) -> None:
    """By us: Twisted would answer some of them by itself."""
    house.start()
    head = head.replace("localhost", f"localhost:{house.port}")
    with connected(house) as stream:
        stream.sendall(f"{head}\r\nConnection: close\r\n\r\n".encode())
        answer = rest(stream).decode()
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert "server: mcpgate\r\n" in answer.lower() and "twisted" not in answer.lower()
