"""The shim changes its own Host and Origin, adds the token, and nothing else."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mcpgate.testing import LocalCA, TLSPeer, TLSServer
from tests.conformance.shim import Mapping, Shim, body_size

MAPPING = Mapping(b"localhost:4010", b"localhost:8443", "secret")
ADDED = b"\r\nAuthorization: Bearer secret\r\n\r\n"


@pytest.mark.parametrize(
    ("line", "mapped"),
    [
        (b"Host: localhost:4010", b"Host: localhost:8443"),
        (b"host:localhost:4010 ", b"host:localhost:8443 "),
        (b"Origin: http://localhost:4010", b"Origin: https://localhost:8443"),
        (b"oRiGiN:\t http://localhost:4010\t", b"oRiGiN:\t https://localhost:8443\t"),
    ],
)
def test_its_own_names_become_the_gates(line: bytes, mapped: bytes) -> None:
    """And of the line nothing but the name."""
    head = b"POST /mcp HTTP/1.1\r\n%b\r\n\r\n"
    assert MAPPING.head(head % line) == (b"POST /mcp HTTP/1.1\r\n" + mapped + ADDED)


@pytest.mark.parametrize(
    "line",
    [
        b"Host: evil.example.com",
        b"Host: localhost",
        b"Host: localhost:4011",
        b"Origin: http://evil.example.com",
        b"Origin: null",
        b"Origin: https://localhost:4010",
        b"X-Forwarded-Host: localhost:4010",
        b"Referer: http://localhost:4010",
        b"mcp-name:  inner \t space ",
        b"Empty:",
        b"MCP-Protocol-Version: \xe2\x98\x83",
        b"no field at all",
        b"Accept: a\r\nAccept: b\r\naccept: a",
    ],
)
def test_all_else_is_as_it_was(line: bytes) -> None:
    """What the suite does on purpose arrives: other names, white space, bytes, repetitions, order."""
    head = b"GET /mcp?x=%%20y HTTP/1.1\r\n" + line
    assert MAPPING.head(head + b"\r\n\r\n") == head + ADDED


def test_a_head_without_fields_gets_one() -> None:
    """It is not well-formed, and stays as it is otherwise."""
    assert MAPPING.head(b"GET / HTTP/1.1\r\n\r\n") == b"GET / HTTP/1.1" + ADDED


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        (b"", 0),
        (b"content-LENGTH: 17 \r\n", 17),
        (b"Content-Length: many\r\n", 0),
        (b"Transfer-Encoding: chunked\r\n", None),
        (b"Content-Length: 3\r\ntransfer-encoding: chunked\r\n", None),
    ],
)
def test_where_a_body_ends(fields: bytes, size: int | None) -> None:
    """Only as far as it takes to find the next head."""
    assert body_size(b"POST / HTTP/1.1\r\n" + fields + b"\r\n") == size


def echo(peer: TLSPeer) -> None:
    """A server that gives back every byte, and breaks off at the word C{bye}."""
    while octets := peer.receive():
        peer.send(octets)
        if b"bye" in octets:
            return peer.close()


@pytest.fixture
def caller(tmp_path: Path) -> Iterator[tuple[socket.socket, int]]:
    """A connection to a shim before that server, and the server's port."""
    now = datetime.now(UTC)
    ca = LocalCA.create("shim", now)
    ca.save(tmp_path / "ca.pem", tmp_path / "ca.key")
    with (
        TLSServer(ca.server(["localhost"], now), echo) as server,
        Shim(server.port, "secret", tmp_path / "ca.pem") as shim,
        socket.create_connection(("127.0.0.1", shim.port), 10) as caller,
    ):
        yield caller, server.port


def expect(caller: socket.socket, octets: bytes) -> None:
    """Exactly these bytes come next."""
    got = b""
    while len(got) < len(octets):
        more = caller.recv(len(octets) - len(got))
        assert more, f"only {got!r}"
        got += more
    assert got == octets


def test_requests_pass_one_after_the_other(caller: tuple[socket.socket, int]) -> None:
    """Bodies as they are, sized or in chunks, cut anywhere; each head gets the token."""
    sock, port = caller
    token = b"Authorization: Bearer secret\r\n\r\n"
    sized = b"POST /a HTTP/1.1\r\nHost: evil\r\nContent-Length: 5\r\n"
    for piece in (sized[:9], sized[9:] + b"\r", b"\nGET", b" /"):
        sock.sendall(piece)
    expect(sock, sized + token + b"GET /")
    chunked = b"POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
    body = b"3;x=y\r\n\r\n\r\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n"
    sock.sendall(chunked + b"\r\n" + body[:20])
    sock.sendall(body[20:])
    expect(sock, chunked + token + body)
    sock.sendall(b"GET /c HTTP/1.1\r\n\r\n")
    expect(sock, b"GET /c HTTP/1.1\r\n" + token)
    assert port


def test_an_end_of_the_gate_is_an_end(caller: tuple[socket.socket, int]) -> None:
    """With all that came before it."""
    sock, _ = caller
    sock.sendall(b"GET /bye HTTP/1.1\r\n\r\n")
    expect(sock, b"GET /bye HTTP/1.1\r\nAuthorization: Bearer secret\r\n\r\n")
    assert sock.recv(1) == b""
