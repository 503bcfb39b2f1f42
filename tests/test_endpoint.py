"""C{mcptls:} puts the profile before any server of Twisted's, which then has it as its transport."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from zope.interface import implementer

import mcpgate
from mcpgate import endpoint as endpoint_module
from mcpgate.endpoint import endpoint
from mcpgate.testing import LocalCA, certificate_pem, write_pair
from tests.running import Loop
from tests.waiting import PATIENCE, eventually

NOW = datetime.now(UTC)


@implementer(IHandshakeListener)
class Shouting(Protocol):
    """A server that speaks first, says in capitals what it hears, and looks at its connection."""

    def connectionMade(self) -> None:
        self.factory.made.append(self)  # type: ignore[union-attr]
        self.transport.write(b"hello\n")  # type: ignore[union-attr]

    def handshakeCompleted(self) -> None:
        self.completed = True

    def dataReceived(self, data: bytes) -> None:
        self.seen = mcpgate.handshake(self.transport)
        self.peer = self.transport.getPeerCertificate()  # type: ignore[union-attr]
        self.transport.write(data.upper())  # type: ignore[union-attr]


class House:
    """A directory with certificates, and a server that listens by a description."""

    def __init__(self, loop: Loop, directory: Path) -> None:
        self.loop, self.directory = loop, directory
        self.ca = LocalCA.create("house", NOW)
        self.authority = directory / "ca.pem"
        self.authority.write_bytes(certificate_pem(self.ca.certificate))
        self.tls = directory / "tls"
        self.tls.mkdir()
        self.certify("localhost", "a")
        self.factory: Any = Factory.forProtocol(Shouting)
        self.factory.made = []
        self.told: list[str] = []
        self._ports: list[Any] = []
        globalLogPublisher.addObserver(self.observe)

    def observe(self, event: LogEvent) -> None:
        if event.get("log_namespace", "").startswith("mcpgate"):
            self.told.append(formatEvent(event))

    def certify(self, host: str, name: str) -> None:
        """A certificate for a host, as files of that name."""
        write_pair(self.ca.server([host], NOW), self.tls / f"{name}.crt", self.tls / f"{name}.key")

    def listen(self, *more: str, profile: str = "modern") -> int:
        """Where it listens."""
        description = ":".join(
            [f"mcptls:{profile}:tcp:0:interface=127.0.0.1:certificates={self.tls}", *more]
        )

        def listen() -> Any:
            return serverFromString(self.loop.reactor, description).listen(self.factory)

        port = self.loop.call(listen)
        self._ports.append(port)
        return int(port.getHost().port)

    def close(self) -> None:
        """Listen no more; nothing of it is left in the reactor."""
        globalLogPublisher.removeObserver(self.observe)
        for port in self._ports:
            self.loop.call(port.stopListening)
        self._ports = []
        assert self.loop.call(lambda: [call for call in self.loop.reactor.getDelayedCalls()]) == []

    def dial(self, port: int, host: str = "localhost", **settings: Any) -> ssl.SSLSocket:
        """A client of Python's own."""
        context = ssl.create_default_context(cafile=str(self.authority))
        for name, value in settings.items():
            if name == "chain":
                context.load_cert_chain(*value)
            elif name == "alpn":
                context.set_alpn_protocols(value)
            elif name == "curve":
                context.set_ecdh_curve(value)
            else:
                setattr(context, name, value)
        raw = socket.create_connection(("127.0.0.1", port), PATIENCE)
        return context.wrap_socket(raw, server_hostname=host)


def heard(dial: Callable[[], socket.socket]) -> bytes:
    """What a client hears first; nothing, if it is not let in."""
    try:
        with dial() as sock:
            return sock.recv(100)
    except OSError:
        return b""


@pytest.fixture
def house(loop: Loop, tmp_path: Path) -> Iterator[House]:
    house = House(loop, tmp_path)
    yield house
    house.close()


def test_an_application_has_its_protocol_and_sees_the_connection(house: House) -> None:
    """As on any TLS of Twisted's; what was negotiated can be asked."""
    with house.dial(house.listen(), alpn=["http/1.1"]) as sock:
        assert sock.recv(100) == b"hello\n"
        sock.sendall(b"abc")
        assert sock.recv(100) == b"ABC"
        assert sock.selected_alpn_protocol() == "http/1.1"
    (protocol,) = house.factory.made
    assert protocol.completed and protocol.peer is None
    assert protocol.seen.version == "TLSv1.3" and protocol.seen.own.dns_names == ("localhost",)


def test_a_client_below_the_floor_meets_nobody(house: House) -> None:
    """No protocol is made for it; the log says why it was refused."""
    port = house.listen()
    with pytest.raises(ssl.SSLError):
        house.dial(port, maximum_version=ssl.TLSVersion.TLSv1_2)
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        plain.settimeout(PATIENCE)
        while plain.recv(100):
            pass
    eventually(lambda: len(house.told) >= 2, "both are told")
    assert any("127.0.0.1 refused: tls.version" in line for line in house.told)
    assert any("127.0.0.1 refused: tls.plaintext" in line for line in house.told)
    assert house.factory.made == []
    with house.dial(house.listen(profile="intermediate"), maximum_version=ssl.TLSVersion.TLSv1_2) as sock:
        assert sock.recv(100) == b"hello\n"


def test_what_fails_in_the_application_is_no_handshake_that_failed(house: House) -> None:
    """Its traceback is in the log; the caller has done nothing wrong, and is not said to have."""
    failed: list[str] = []

    def build(address: object) -> None:
        failed.append("built")
        raise RuntimeError("mine")

    house.factory.buildProtocol = build
    port = house.listen()
    assert heard(lambda: house.dial(port)) == b"" and failed == ["built"]
    # Whatever is told of the one before is told by then.
    del house.factory.buildProtocol
    assert heard(lambda: house.dial(port)) == b"hello\n"
    assert [line for line in house.told if "refused" in line] == []


def test_post_quantum_may_be_demanded(house: House) -> None:
    """A client that negotiates X25519 is refused after its handshake, before a byte of the application's."""
    # OpenSSL from 3.5 on would offer the post-quantum one by itself.
    assert heard(lambda: house.dial(house.listen(profile="modern+pq"), curve="X25519")) == b""
    eventually(lambda: any("tls.group" in line for line in house.told), "it is told")
    assert house.factory.made == []


def test_client_certificates_are_required_and_seen(house: House) -> None:
    """Of the CA that is named; the application may ask for it."""
    pair = house.ca.client("alice", NOW)
    files = house.directory / "alice.crt", house.directory / "alice.key"
    write_pair(pair, *files)
    port = house.listen(f"client_ca={house.authority}")
    with house.dial(port, chain=files) as sock:
        sock.sendall(b"abc")
        assert sock.recv(6) == b"hello\n"
        eventually(lambda: hasattr(house.factory.made[0], "peer"), "it was looked at")
    assert house.factory.made[0].peer is not None
    assert house.factory.made[0].seen.peer.sha256 == pair.facts.sha256
    assert heard(lambda: house.dial(port)) == b""
    eventually(lambda: any("tls.client_certificate" in line for line in house.told), "it is told")


def test_certificates_rotate_while_it_listens(house: House) -> None:
    """New ones are shown to whoever comes; broken ones leave the old ones in use, and are told."""
    port = house.listen("watch=100ms")
    with house.dial(port) as old:
        house.certify("other.test", "b")
        eventually(lambda: any("certificates for localhost, other.test" in t for t in house.told), "taken up")
        with house.dial(port, "other.test") as sock:
            assert sock.recv(100) == b"hello\n"
        (house.tls / "b.key").unlink()
        eventually(lambda: any("b.crt: has no key" in line for line in house.told), "it is told")
        assert "What was in use stays in use." in house.told[-1]
        with house.dial(port, "other.test") as sock:
            assert sock.recv(100) == b"hello\n"
        old.sendall(b"abc")
        assert old.recv(100) + old.recv(100) == b"hello\nABC"


def test_a_connection_that_says_nothing_is_ended(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the time that a handshake has."""
    monkeypatch.setattr(endpoint_module, "HANDSHAKE_TIMEOUT", 0.05)
    with socket.create_connection(("127.0.0.1", house.listen()), PATIENCE) as silent:
        assert heard(lambda: silent) == b""
    assert any("tls.timeout" in line for line in house.told)


def test_a_flood_of_refusals_is_told_in_few_lines(house: House) -> None:
    """The count comes with the next one."""
    port = house.listen()
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as noise:
            noise.sendall(b"nonsense, and no TLS at all\r\n")
            noise.recv(100)
    assert len(house.told) == 1


@pytest.mark.parametrize(
    ("description", "said"),
    [
        ("mcptls", 'no profile is named ""'),
        ("mcptls:modern+qp:tcp:0", 'no profile is named "modern+qp"; did you mean "modern+pq"'),
        ("mcptls:modrn:tcp:0", 'no profile is named "modrn"; did you mean "modern"'),
        ("mcptls:modern", "says no address to listen on"),
        ("mcptls:modern:tcp:0", "certificates= is missing"),
        ("mcptls:modern:tcp:0:certificates=", "certificates= is empty"),
        ("mcptls:modern:tcp:0:certificates=/none", "certificates: /none: No such file or directory"),
        ("mcptls:modern:ssl:0:certificates=/none", "puts TLS on ssl:, which is TLS already"),
        ("mcptls:modern:haproxy:ssl:0:certificates=/none", "puts TLS on ssl:, which is TLS already"),
        ("mcptls:modern:haproxy:certificates=TLS", "says no address to listen on"),
        ("mcptls:modern:tcp:0:certificates=TLS:clientca=/x", "'clientca'; did you mean client_ca=?"),
        ("mcptls:modern:tcp:0:certificates=TLS:interfce=::1", "mcptls: tcp: got an unexpected keyword"),
        ("mcptls:modern:tcp:0:certificates=TLS:interfce=\\:\\:1", "'interfce'; did you mean interface=?"),
        ("mcptls:modern:tcp:certificates=TLS", "mcptls: tcp: missing 1 required positional argument: 'port'"),
        ("mcptls:modern:haproxy:tcp:abc:certificates=TLS", "mcptls: tcp: invalid literal"),
        ("mcptls:modern:nope:0:certificates=TLS", "mcptls: nope: Unknown endpoint type"),
        ("mcptls:modern:tcp:0:certificates=TLS:client_ca=/none", "client_ca: /none: No such file"),
        ("mcptls:modern:tcp:0:certificates=TLS:watch=2", "watch=2: is not a duration"),
        ("mcptls:modern:tcp:0:certificates=TLS:watch=0s", "all the time"),
    ],
)
def test_what_is_wrong_is_said_when_it_is_described(house: House, description: str, said: str) -> None:
    """With the key or the file that it is about, before anything is bound."""
    with pytest.raises(ValueError, match=re.escape(said)):
        serverFromString(house.loop.reactor, description.replace("TLS", str(house.tls)))


def test_what_is_not_ours_is_the_inner_endpoints(house: House) -> None:
    """Also with colons in it, and a path that has one."""
    odd = house.directory / "with:colon"
    house.tls.rename(odd)
    one: Any = endpoint(house.loop.reactor, "modern", "tcp6", "0", interface="::1", certificates=str(odd))
    assert one._inner._interface == "::1"


def test_the_plugin_costs_nothing_until_it_is_used() -> None:
    """Twisted imports every plugin to list them: nothing of ours but the plugin itself is loaded."""
    program = (
        "import sys\n"
        "from twisted.plugin import getPlugins\n"
        "from twisted.internet.interfaces import IStreamServerEndpointStringParser as Parser\n"
        "print('mcptls' in [one.prefix for one in getPlugins(Parser)])\n"
        "print([name for name in sys.modules if name.startswith('mcpgate')])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["True", "[]"]
