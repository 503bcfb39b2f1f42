"""What is asked of a provider, and which answers are none. Its servers are Python's own."""

from __future__ import annotations

import gzip
import json
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from mcpgate.provider.client import ProviderError, Reply
from tests.provider.asking import GOOD, HOST, Asker, files
from tests.running import Behaviour, Request, ScriptedUpstream, chunked

SECRET = "s3cret-of-the-gate"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ScriptedUpstream]:
    """A provider whose answers are a function."""
    made = ScriptedUpstream(*files(GOOD, tmp_path))
    yield made
    made.close()


def says(raw: bytes, *, close: bool = False) -> Behaviour:
    """It answers this to everything."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(raw)
        if close:
            sock.unwrap()
            raise OSError

    return behave


def test_a_document_is_asked_for_plainly(asker: Asker, server: ScriptedUpstream) -> None:
    """No compression, no cookie, one connection that ends; the status and all of the body come back."""
    server.behave = says(
        b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nCache-Control: public\r\nSet-Cookie: a=b\r\n"
        b"Content-Length: 4\r\n\r\nkeys"
    )
    for _ in range(2):
        reply = asker.get(server.port, "/keys?v=2.0")
        assert (reply.status, reply.body) == (200, b"keys")
        assert reply.headers["cache-control"] == "max-age=60, public"
    assert server.connections == 2
    for request in server.requests:
        assert request.line == b"GET /keys?v=2.0 HTTP/1.1"
        assert request.headers == {
            b"host": HOST.encode(),
            b"accept": b"application/json",
            b"accept-encoding": b"identity",
            b"user-agent": b"mcpgate",
            b"connection": b"close",
        }
    (first, _) = [json.loads(line) for line in asker.records().splitlines()]
    assert (first["leg"], first["where"], first["outcome"]) == ("provider", "login", "ok")
    assert first["handshake"]["sni"] == HOST


def test_a_gate_that_asks_nobody_does_without_what_asks() -> None:
    """It would be seven megabytes in each worker."""
    look = "import sys, mcpgate.serving; print('treq' in sys.modules, 'twisted.web' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert found.stdout == "False False\n"


def test_a_form_is_sent_whole(asker: Asker, server: ScriptedUpstream) -> None:
    """Errors of token endpoints have a body too: any status is an answer."""
    server.behave = says(b'HTTP/1.1 400 Bad Request\r\nContent-Length: 27\r\n\r\n{"error": "invalid_client"}')
    provider = asker.of(server.port)
    form = [("grant_type", "client_credentials"), ("scope", "a b&c=ü")]
    lines = [("Authorization", f"Basic {SECRET}")]
    reply = asker.run(
        lambda: provider.post(f"https://{HOST}/token", form, headers=lines, most=1000, within=10)
    )
    assert (reply.status, reply.body) == (400, b'{"error": "invalid_client"}')
    (request,) = server.requests
    assert request.line == b"POST /token HTTP/1.1"
    assert request.body == b"grant_type=client_credentials&scope=a+b%26c%3D%C3%BC"
    assert request.headers[b"content-type"] == b"application/x-www-form-urlencoded"
    assert request.headers[b"authorization"] == f"Basic {SECRET}".encode()


def test_another_host_of_the_same_party_is_verified_as_that_host(
    asker: Asker, server: ScriptedUpstream
) -> None:
    """Keys may be served elsewhere than what names them: the certificate must be that one's then."""
    error = asker.refused(server.port, host="keys.test")
    assert error.refusal is not None and error.refusal.reason.value == "tls.name"
    assert server.requests == []


def test_chunks_are_joined(asker: Asker, server: ScriptedUpstream) -> None:
    body = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"ke") + chunked(b"ys")
    server.behave = says(body + b"0\r\n\r\n")
    assert asker.get(server.port).body == b"keys"


def test_an_answer_may_end_with_its_connection_if_that_ends_well(
    asker: Asker, server: ScriptedUpstream
) -> None:
    server.behave = says(b"HTTP/1.0 200 OK\r\n\r\nkeys", close=True)
    assert asker.get(server.port).body == b"keys"


def cut(sock: ssl.SSLSocket, request: Request) -> None:
    """Half of an answer, and then the wire is cut: no close_notify comes."""
    sock.sendall(b"HTTP/1.0 200 OK\r\n\r\nke")
    raise OSError


def drip(sock: ssl.SSLSocket, request: Request) -> None:
    """A byte now and then, for ever: each of them in time."""
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
    while True:
        sock.sendall(b"x")
        time.sleep(0.05)


def say_nothing(sock: ssl.SSLSocket, request: Request) -> None:
    """The question arrives, and no answer comes."""


def promise_for_ever(sock: ssl.SSLSocket, request: Request) -> None:
    """Interim answers, and never one."""
    while True:
        sock.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" * 100)


HUGE = b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + b"x" * 1001
ZIPPED = gzip.compress(b"keys")

#: What is no answer, and a word of what is said about it.
BAD: dict[str, tuple[Behaviour, str]] = {
    "larger than wanted": (says(HUGE), "more than 1000 bytes"),
    "chunks without end": (
        says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"x" * 600) * 2),
        "more than 1000 bytes",
    ),
    "tiny chunks": (
        says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"x") * 20000),
        "more than",
    ),
    "a head without end": (says(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20000), "more than"),
    "interim answers": (promise_for_ever, "more than"),
    "compressed": (
        says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n" + b"Content-Length: %d\r\n\r\n" % len(ZIPPED)),
        "compressed",
    ),
    "cut": (cut, "cut"),
    "half": (says(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", close=True), "closed the connection"),
    "not HTTP": (says(b"SSH-2.0-OpenSSH\r\n", close=True), "not HTTP"),
    "two lengths": (
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nkeys"),
        "not HTTP",
    ),
    "another coding": (says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: zip\r\n\r\nkeys"), "not HTTP"),
    "dripping": (drip, "within 0.6 s"),
    "silent": (say_nothing, "within 0.6 s"),
    "closed at once": (says(b"", close=True), "closed the connection"),
}


@pytest.mark.parametrize(("behave", "word"), BAD.values(), ids=BAD)
def test_what_is_no_answer_is_told_without_a_word_of_it(
    asker: Asker, server: ScriptedUpstream, behave: Behaviour, word: str
) -> None:
    server.behave = behave
    began = time.monotonic()
    error = asker.refused(server.port, "/keys?secret=1", within=0.6 if "within" in word else 10.0)
    assert word in error.why, error
    assert time.monotonic() - began < 5
    assert str(error).startswith(f"login: https://{HOST}/keys: ")


def test_a_redirect_is_an_answer_and_is_not_followed(asker: Asker, server: ScriptedUpstream) -> None:
    server.behave = says(
        b"HTTP/1.1 302 Found\r\nLocation: https://login.test/else\r\nContent-Length: 0\r\n\r\n"
    )
    assert asker.get(server.port).status == 302
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        f"http://{HOST}/keys",
        f"https://user:{SECRET}@{HOST}/keys",
        f"https://{HOST}/keys#here",
        f"https://{HOST}/a b",
        f"https://{HOST}/keys?a\r\nb",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_url_that_is_none_is_neither_asked_nor_quoted(
    asker: Asker, server: ScriptedUpstream, url: str
) -> None:
    """It may come out of a document of the provider's."""
    provider = asker.of(server.port)
    with pytest.raises(ProviderError) as caught:
        asker.run(lambda: provider.get(url, most=10, within=1))
    assert SECRET not in str(caught.value)
    assert server.connections == 0


def test_what_is_asked_when_the_gate_stops_is_given_up(asker: Asker, server: ScriptedUpstream) -> None:
    server.behave = say_nothing
    provider = asker.of(server.port)
    told: list[object] = []

    async def ask() -> None:
        try:
            told.append(await provider.get(f"https://{HOST}/", most=10, within=10))
        except ProviderError as error:
            told.append(error.why)

    async def ask_and_stop() -> None:
        flight = Deferred.fromCoroutine(ask())
        asker.loop.reactor.callLater(0.2, provider.stop)
        await flight

    asker.run(ask_and_stop)
    assert told == ["the gate stops"]
    assert asker.loop.call(lambda: len(asker.readiness)) == 0


def test_neither_question_nor_answer_are_in_an_error_or_a_repr(
    asker: Asker, server: ScriptedUpstream
) -> None:
    """Both hold secrets: what a client proves itself with, and tokens."""
    server.behave = says(f"HTTP/1.1 {SECRET}\r\n\r\n".encode(), close=True)
    provider = asker.of(server.port)
    lines = [("Authorization", SECRET)]
    with pytest.raises(ProviderError) as caught:
        asker.run(
            lambda: provider.post(f"https://{HOST}/", [("a", SECRET)], headers=lines, most=99, within=5)
        )
    error = caught.value
    assert SECRET not in str(error) and SECRET not in repr(error)
    assert error.__cause__ is None and error.__suppress_context__
    assert SECRET not in repr(Reply(200, {"x": SECRET}, SECRET.encode()))
    assert SECRET.encode() not in asker.records()
