"""Credentials in what came in clear text."""

from __future__ import annotations

import pytest

from mcpgate.wire.exposed import exposes


@pytest.mark.parametrize(
    "seen",
    [
        b"POST /mcp HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n\r\n",
        b"POST /mcp HTTP/1.1\nAUTHORIZATION: x",
        b"GET / HTTP/1.1\r\ncookie: a=b\r\n\r\n",
        b"GET / HTTP/1.1\r\nX-Api-Key: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nMcp-Session-Id: 1\r\n\r\n",
        b"GET /mcp?access_token=x HTTP/1.1\r\n\r\n",
        b"GET /mcpgate_abc HTTP/1.1\r\n\r\n",
    ],
)
def test_a_credential_is_seen(seen: bytes) -> None:
    """Whatever the case of its name, and however much of the request is there."""
    assert exposes(seen)


@pytest.mark.parametrize("seen", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /authorization: HTTP/1.1"])
def test_where_there_is_none_none_is_seen(seen: bytes) -> None:
    """Nobody is woken for a port scan."""
    assert not exposes(seen)
