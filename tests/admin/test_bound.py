"""The admin listener's address."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest

from mcpgate.admin.bound import bind
from mcpgate.config.tables.admin import AdminTable
from mcpgate.relay.bound import ListenError
from tests.running import Loop


def test_an_address_is_bound_and_handed_over(loop: Loop) -> None:
    """The socket outlives whoever has a copy of it; closed, the address is free."""
    bound = loop.call(bind, loop.reactor, AdminTable(listen="tcp:0:interface=127.0.0.1"))
    port = int(bound.address.rpartition(":")[2])
    with bound.socket() as copy:
        assert copy.getsockname() == ("127.0.0.1", port)
    with socket.create_connection(("127.0.0.1", port), 5):
        pass
    loop.call(bound.close)
    loop.call(bound.close)
    socket.create_server(("127.0.0.1", port)).close()


def test_an_address_that_is_taken_is_told(loop: Loop) -> None:
    """With the words of the system."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = f"tcp:{other.getsockname()[1]}:interface=127.0.0.1"
        words = f"admin: cannot listen on {listen}: Address already in use"
        with pytest.raises(ListenError, match=words) as caught:
            loop.call(bind, loop.reactor, AdminTable(listen=listen))
    assert caught.value.key == "admin.listen"


def test_without_an_address_nothing_is_bound(loop: Loop) -> None:
    """Where only alerts are wanted."""
    assert loop.call(bind, loop.reactor, AdminTable()) is None


def test_a_socket_is_its_owners_alone(loop: Loop, tmp_path: Path) -> None:
    """It is taken away at the end; one that somebody listens on is not touched."""
    path = tmp_path / "admin.sock"
    table = AdminTable(listen=f"unix:{path}")
    bound = loop.call(bind, loop.reactor, table)
    assert bound.address == f"unix:{path}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(ListenError, match="somebody listens on"):
        loop.call(bind, loop.reactor, table)
    loop.call(bound.close)
    assert not path.exists()
    path.write_text("in the way", encoding="ascii")
    with pytest.raises(ListenError, match="it is not a socket"):
        loop.call(bind, loop.reactor, table)
    with pytest.raises(ListenError, match="No such file or directory"):
        loop.call(bind, loop.reactor, AdminTable(listen=f"unix:{tmp_path}/none/admin.sock"))
