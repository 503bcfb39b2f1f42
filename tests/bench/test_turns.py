"""What a turn sends, and what it makes of what came back."""

from __future__ import annotations

import json

import pytest

from tests.bench.loads import LOADS, Load
from tests.bench.turns import body, figures, request_bytes

CLOSED = Load("post-32", "closed", 32, 2.0, "rps")
SAID = {"done": 1000, "p50_us": 900.0, "p99_us": 2000.0}


def test_a_call_is_well_formed() -> None:
    """With a length that fits, the token, and a body that is one JSON-RPC request."""
    head, _, text = request_bytes(8443, "secret", stream=False).partition(b"\r\n\r\n")
    assert head.splitlines()[:2] == [b"POST /mcp HTTP/1.1", b"Host: localhost:8443"]
    assert b"Authorization: Bearer secret" in head.splitlines()
    assert f"Content-Length: {len(text)}".encode() in head.splitlines()
    assert text.decode() == body()
    assert json.loads(text)["params"]["name"] == "echo"
    asked = json.loads(request_bytes(8443, "secret", stream=False, answer=2).partition(b"\r\n\r\n")[2])
    assert asked["params"]["arguments"]["answer"] == 2


def test_a_stream_is_asked_for_without_a_body() -> None:
    """By GET, as MCP has it."""
    raw = request_bytes(8443, "secret", stream=True)
    assert raw.startswith(b"GET /mcp HTTP/1.1\r\n") and raw.endswith(b"\r\n\r\n")
    assert b"Accept: text/event-stream\r\n" in raw and b"Content-Length" not in raw


def test_figures_of_a_closed_load() -> None:
    """CPU is the peer's, divided by what was answered."""
    found = figures(CLOSED, SAID, seconds=2.0, used=0.05, memory=0.0)
    assert found == {"rps": 500.0, "cpu_us": pytest.approx(50.0), "p50_us": 900.0, "p99_us": 2000.0}


def test_figures_of_idle_connections_are_memory_per_thousand() -> None:
    """However many there were."""
    load = Load("idle", "idle", 250, 0.5, "mb_per_1000")
    assert figures(load, {"done": 0}, seconds=0.0, used=0.0, memory=4.0) == {"mb_per_1000": 16.0}


def test_where_a_rate_is_given_it_is_not_a_figure() -> None:
    """Requests per second mean nothing where they come by the clock, nor events once a second."""
    for load in LOADS:
        assert ("rps" in figures(load, SAID, seconds=2.0, used=0.05, memory=1.0)) == (
            load.kind in ("closed", "handshake")
        )


def test_nothing_answered_gives_no_figures_but_zero() -> None:
    """Rather than a division by nothing."""
    assert figures(CLOSED, {"done": 0}, seconds=0.0, used=1.0, memory=0.0) == {"rps": 0.0}
