"""The spare descriptor: with it somebody can be turned away when nothing is left."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from mcpgate.relay.spare import Spare
from tests.waiting import PATIENCE


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.setblocking(False)
        yield sock


def test_whoever_is_turned_away_sees_a_close(listening: socket.socket) -> None:
    spare = Spare()
    with socket.create_connection(listening.getsockname(), timeout=PATIENCE) as caller:
        assert spare.turn_away(listening) == caller.getsockname()
        assert caller.recv(1) == b""
    spare.close()


def test_when_nobody_waits_nobody_is_turned_away(listening: socket.socket) -> None:
    spare = Spare()
    assert spare.turn_away(listening) is None
    spare.close()


def test_it_is_there_again_afterwards(listening: socket.socket) -> None:
    """The lowest free number is given out first, so it can be seen that one is taken."""
    spare = Spare()
    free = os.dup(0)
    os.close(free)
    spare.turn_away(listening)
    spare.keep()
    again = os.dup(0)
    os.close(again)
    assert again == free
    spare.close()
    spare.close()
    given = os.dup(0)
    os.close(given)
    assert given < free
