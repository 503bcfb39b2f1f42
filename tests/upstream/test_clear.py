"""Asking a port in clear text: what counts as an answer, and what is given away by asking."""

from __future__ import annotations

import pytest

from mcpgate.upstream.clear import InClear, ask_in_clear
from tests.upstream.server import OK, Server, nobody


def ask(clear: bytes | None, *, speaks_tls: bool = True) -> tuple[InClear, Server]:
    """What is made of an answer in clear text."""
    server = Server(None, clear=clear)
    tls_port = server.port if speaks_tls else None
    (found,) = ask_in_clear("127.0.0.1", "mcp.test", [server.port], tls_port=tls_port)
    return found, server.finish()


@pytest.mark.parametrize("status", [200, 204, 401, 403, 404, 405, 406, 500, 503])
def test_an_answer_is_an_exposure(status: int) -> None:
    """A refusal by the application counts too: it has read the request, credential and all."""
    found, server = ask(b"HTTP/1.1 %d Whatever\r\n\r\n" % status)
    told = f"answers HTTP in clear text on the same port (status {status})"
    assert found == InClear(server.port, status, True, told)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n",
        b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
        b"HTTP/1.1 426 Upgrade Required\r\n\r\n",
    ],
    ids=["nginx", "Go", "upgrade"],
)
def test_a_tls_port_that_refuses_clear_text_is_right(answer: bytes) -> None:
    found, _ = ask(answer)
    assert (found.status, found.exposed) == (int(answer[9:12]), False)


def test_another_port_that_answers_400_speaks_http() -> None:
    """Without TLS there, 400 is an answer of the application: MCP servers give it to a bare GET."""
    found, server = ask(b"HTTP/1.1 400 Bad Request\r\n\r\n", speaks_tls=False)
    told = f"answers HTTP in clear text on port {server.port} (status 400)"
    assert found == InClear(server.port, 400, True, told)


def test_a_redirect_to_https_is_told_and_is_no_exposure() -> None:
    found, server = ask(b"HTTP/1.1 301 Moved\r\nLocation: https://mcp.test/\r\n\r\n", speaks_tls=False)
    assert found == InClear(server.port, 301, False, "sends clear text to https (301)")


def test_a_redirect_to_clear_text_is_an_exposure() -> None:
    found, _ = ask(b"HTTP/1.1 302 Found\r\nLocation: http://mcp.test/login\r\n\r\n", speaks_tls=False)
    assert found.exposed


@pytest.mark.parametrize(
    "answer",
    [None, b"\x15\x03\x01\x00\x02\x02\x46", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1", b"HTTP/2 200\r\n\r\n"],
    ids=["closed", "TLS alert", "SSH", "half a line", "no HTTP/1"],
)
def test_what_is_not_http_is_no_answer(answer: bytes | None) -> None:
    found, server = ask(answer)
    assert found == InClear(server.port, None, False, "does not answer HTTP in clear text")


def test_a_closed_port_is_told_as_such() -> None:
    port = nobody()
    assert ask_in_clear("127.0.0.1", "mcp.test", [port], tls_port=443) == (
        InClear(port, None, False, "is closed"),
    )


def test_a_port_is_asked_once_and_the_question_gives_nothing_away() -> None:
    """No path, no credential, nothing that says who is asking."""
    server = Server(None, clear=OK)
    assert len(ask_in_clear("127.0.0.1", "mcp.test", [server.port] * 3, tls_port=None)) == 1
    server.finish()
    assert server.overheard == (
        b"GET / HTTP/1.1\r\nHost: mcp.test:%d\r\nConnection: close\r\n\r\n" % server.port
    )
