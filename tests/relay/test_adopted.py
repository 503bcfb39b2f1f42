"""Sockets that were handed over: the right one or a sentence, and never a descriptor of something else."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet import endpoints
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.task import Clock
from twisted.python.systemd import ListenFDs

from mcpgate.config.endpoint import read_endpoint
from mcpgate.config.tables.listener import ListenerTable
from mcpgate.relay.adopted import Adopted, AdoptError, adopt
from mcpgate.relay.bound import Addresses, ListenError, bound_port


class Manager:
    """Hands sockets over as systemd does, by names."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sockets: list[socket.socket] = []
        self.names: list[str] = []
        self._patch = monkeypatch

    def hand(self, name: str, sock: socket.socket) -> socket.socket:
        self.sockets.append(sock)
        self.names.append(name)
        given = ListenFDs([one.fileno() for one in self.sockets], self.names)
        self._patch.setattr(endpoints._SystemdParser, "_sddaemon", given)
        self._patch.setenv("LISTEN_FDNAMES", ":".join(self.names))
        return sock

    def listening(self, name: str, family: int = socket.AF_INET, address: object = None) -> socket.socket:
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.bind(address or ("127.0.0.1" if family == socket.AF_INET else "::1", 0))  # type: ignore[arg-type]
        sock.listen()
        return self.hand(name, sock)


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    manager = Manager(monkeypatch)
    yield manager
    for sock in manager.sockets:
        sock.close()


def taken(listen: str) -> Adopted:
    return adopt(Clock(), read_endpoint(listen))


def test_each_listener_gets_the_socket_of_its_name(manager: Manager, tmp_path: Path) -> None:
    """Of whatever family, which need not be said."""
    four = manager.listening("four")
    six = manager.listening("six", socket.AF_INET6)
    unix = manager.listening("a:b", socket.AF_UNIX, str(tmp_path / "sock"))
    for listen, sock in (("name=four", four), ("INET6:name=six", six), ("index=0", four)):
        port = taken(f"systemd:{listen}")
        assert port.socket.getsockname() == sock.getsockname() and port.fileno() != sock.fileno()
        port.stopListening()
    assert taken("systemd:name=four").getHost() == IPv4Address("TCP", *four.getsockname())
    assert taken("systemd:name=six").getHost() == IPv6Address("TCP", *six.getsockname())
    assert taken(r"systemd:name=a\:b").getHost() == UNIXAddress(str(tmp_path / "sock"))
    assert unix.getsockname() == str(tmp_path / "sock")


def test_what_was_handed_over_is_there_for_the_next_listener_too(manager: Manager) -> None:
    """Of another generation: one that closes its copy closes nothing else."""
    sock = manager.listening("mcp")
    taken("systemd:name=mcp").stopListening()
    again = taken("systemd:name=mcp")
    with socket.create_connection(sock.getsockname(), timeout=10):
        accepted, _ = again.socket.accept()
        accepted.close()
    again.stopListening()


def test_no_child_inherits_it(manager: Manager) -> None:
    """It came inheritable."""
    sock = manager.listening("mcp")
    sock.set_inheritable(True)
    port = taken("systemd:name=mcp")
    assert not os.get_inheritable(sock.fileno()) and not os.get_inheritable(port.fileno())
    port.stopListening()


@pytest.mark.parametrize(
    ("listen", "words"),
    [
        ("systemd:name=other", "handed over no such socket, only mcp, two, two, datagram, silent"),
        ("systemd:index=9", "handed over no such socket"),
        ("systemd:name=two", "2 sockets of that name"),
        ("systemd:INET6:name=mcp", "is AF_INET, and not AF_INET6"),
        ("systemd:name=datagram", "no listening stream socket"),
        ("systemd:name=silent", "no listening stream socket"),
    ],
)
def test_what_cannot_be_accepted_on_is_told(manager: Manager, listen: str, words: str) -> None:
    """With what there is."""
    manager.listening("mcp")
    manager.listening("two")
    manager.listening("two", socket.AF_INET6)
    manager.hand("datagram", socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    manager.hand("silent", socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    with pytest.raises(AdoptError, match=words):
        taken(listen)
    with pytest.raises(ListenError, match=f"^cannot listen on {listen}: .*{words}"):
        bound_port(Clock(), listen)


def test_a_process_that_was_handed_nothing_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mostly the socket unit was not started."""
    monkeypatch.delenv("LISTEN_FDNAMES", raising=False)
    with pytest.raises(AdoptError, match="nor any other: its socket unit has to be started"):
        taken("systemd:name=mcp")


def test_what_is_no_socket_is_not_taken_for_one(manager: Manager, tmp_path: Path) -> None:
    """Somebody has said so, but it is a file."""
    sock = manager.listening("mcp")
    file = os.open(tmp_path, os.O_RDONLY)
    os.dup2(file, sock.fileno())
    os.close(file)
    with pytest.raises(AdoptError, match="cannot be used: Socket operation on non-socket"):
        taken("systemd:name=mcp")


def test_two_listeners_do_not_take_callers_from_each_other(manager: Manager) -> None:
    """One socket by its name and by its place: nothing but the socket itself knows; and one may move."""
    manager.listening("mcp")
    manager.listening("other")
    addresses = Addresses(Clock())
    first, second = (
        ListenerTable(name=name, listen=listen, certificates=Path("tls"))
        for name, listen in (("first", "systemd:name=mcp"), ("second", "systemd:index=0"))
    )
    with pytest.raises(ListenError, match="listener second: .*: listener first has that socket"):
        addresses.bind([first, second])
    addresses.take(addresses.bind([first]), ["first"])
    with pytest.raises(ListenError, match="listener second: .*: listener first has that socket"):
        addresses.bind([first, second])
    addresses.take(addresses.bind([second]), ["second"])
    assert set(addresses.bound) == {"second"}
    addresses.close()
