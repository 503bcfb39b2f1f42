"""Gates are guests: three of them, each with a profile of its own, in an application of somebody else.

The application is an ordinary one: a C{.tac} under C{twistd}, and the same service as a plugin under
C{twist --reactor=epoll}, which imports OpenSSL before any of our code runs. Nothing is set in the
environment. Each gate is then scanned by Python's C{ssl}, and by our own client where that has no
post-quantum groups.
"""

import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mcpgate.ops.control import NoGate, ask
from mcpgate.testing import LocalCA, TLSPeer
from mcpgate.tls.contexts import client_connection, client_context
from mcpgate.tls.profile import PROFILES
from mcpgate.tls.verify import Note
from tests.e2e.lab import Lab, McpServer
from tests.waiting import eventually

#: What a person who embeds gates would write; it is a whole .tac file.
TAC = """
from pathlib import Path
from twisted.application.service import Application
from twisted.internet import reactor
from mcpgate import Gate, load_config

application = Application("three gates")
for config in sorted(Path(__file__).parent.glob("*/gate.toml")):
    Gate(reactor, load_config(config)).setServiceParent(application)
"""

#: The same for C{twist}: a plugin, found because its directory is on the path, and what it makes.
PLUGIN = """
from twisted.application.service import ServiceMaker

three = ServiceMaker("three gates", "three_gates", "Three gates in one process.", "three-gates")
"""

MAKER = """
from pathlib import Path
from twisted.application.service import MultiService
from twisted.internet import reactor
from twisted.python import usage
from mcpgate import Gate, load_config

class Options(usage.Options):
    pass

def makeService(options):
    gates = MultiService()
    for config in sorted(Path(__file__).parent.glob("*/gate.toml")):
        Gate(reactor, load_config(config)).setServiceParent(gates)
    return gates
"""

#: Each gate's demands, and what a scan of it must find: whether such a client is served.
GATES = {
    "modern": (
        {"profile": "modern"},
        {"1.2": False, "1.3": True, "P-256": True, "P-521": False, "post-quantum": True},
    ),
    "intermediate": (
        {"profile": "intermediate"},
        {"1.2": True, "1.3": True, "P-256": True, "P-521": False, "post-quantum": True},
    ),
    "quantum": (
        {"profile": "modern", "require_pq": True},
        {"1.2": False, "1.3": False, "P-256": False, "P-521": False, "post-quantum": True},
    ),
}

REQUEST = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

#: What a gate says to whoever got so far without a token: the request was heard.
HEARD = b"HTTP/1.1 401 "


@pytest.mark.parametrize("program", ["twistd", "twistd --reactor=epoll", "twist --reactor=epoll"])
def test_each_keeps_its_own_profile(program: str, tmp_path: Path, ca: LocalCA, weather: McpServer) -> None:
    """Scanned one after the other, so that the last one configured cannot be the one for all."""
    labs = {name: lab(tmp_path, name, ca, weather) for name in GATES}
    with application(program, tmp_path) as process:
        ports = {name: port(process, one) for name, one in labs.items()}
        assert len(set(ports.values())) == len(GATES)
        found = {name: scan(number, ca, labs[name].ca_file) for name, number in ports.items()}
        process.terminate()
        process.wait(30)
    assert found == {name: expected for name, (_, expected) in GATES.items()}
    for one in labs.values():
        # Each stopped in order and let go of what is its own.
        assert not (one.state / "control.sock").exists()
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log and "Unhandled" not in log, log


def lab(directory: Path, name: str, ca: LocalCA, weather: McpServer) -> Lab:
    """A gate's directory with its configuration."""
    # Short: the path of a unix socket has 107 bytes at most.
    place = directory / name[:2]
    place.mkdir()
    one = Lab(place, ca)
    one.config(upstream={"url": weather.url}, listener=GATES[name][0])
    return one


@contextmanager
def application(program: str, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The application as its own process, in that directory; it is ended with the block."""
    (directory / "gates.tac").write_text(TAC)
    plugins = directory / "twisted" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "three_gates_plugin.py").write_text(PLUGIN)
    (directory / "three_gates.py").write_text(MAKER)
    name, *options = program.split()
    command = [Path(sys.executable).with_name(name), *options]
    if name == "twistd":
        command += ["--nodaemon", "--pidfile=", "--python", "gates.tac"]
    else:
        command += ["three-gates"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OPENSSL")}
    environment["PYTHONPATH"] = str(directory)
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        yield process
    except BaseException as error:
        error.add_note(f"what the application wrote:\n{(directory / 'log').read_text()}")
        raise
    finally:
        process.kill()
        process.wait()


def port(process: subprocess.Popen[bytes], one: Lab) -> int:
    """Where a gate listens, once it does."""

    def serves() -> int:
        assert process.poll() is None, "the application ended"
        try:
            (listener,) = ask(one.state / "control.sock", "status")["listeners"]
        except NoGate:
            return 0
        return int(listener["address"].rpartition(":")[2])

    return eventually(serves, "the gate serves", 30)


def scan(number: int, ca: LocalCA, trust: Path) -> dict[str, bool]:
    """Which kinds of clients are served on that port."""

    def only(version: ssl.TLSVersion) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=trust)
        context.minimum_version = context.maximum_version = version
        return context

    def group(name: str) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=trust)
        context.set_ecdh_curve(name)
        return context

    return {
        "1.2": served(lambda: plainly(number, only(ssl.TLSVersion.TLSv1_2))),
        "1.3": served(lambda: plainly(number, only(ssl.TLSVersion.TLSv1_3))),
        "P-256": served(lambda: plainly(number, group("prime256v1"))),
        "P-521": served(lambda: plainly(number, group("secp521r1"))),
        "post-quantum": served(lambda: quantum(number, ca)),
    }


def served(visit: Callable[[], bytes]) -> bool:
    """Whether a visit is answered; it either is, or the connection ends without a byte of an answer."""
    try:
        answer = visit()
    except (ssl.SSLError, ConnectionError):
        return False
    assert not answer or answer.startswith(HEARD)
    return bool(answer)


def plainly(number: int, context: ssl.SSLContext) -> bytes:
    """A visit by Python's C{ssl}."""
    with (
        socket.create_connection(("127.0.0.1", number), timeout=20) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as sock,
    ):
        sock.sendall(REQUEST)
        return sock.recv(100)


def quantum(number: int, ca: LocalCA) -> bytes:
    """A visit by our own client, which prefers a post-quantum group."""
    context = client_context(PROFILES["modern"], ca.trust(), pair=None)
    with socket.create_connection(("127.0.0.1", number), timeout=20) as sock:
        peer = TLSPeer(client_connection(context, sock, host="localhost", pins=None, note=Note()), sock)
        sock.setblocking(False)
        peer.shake()
        assert peer.group == "X25519MLKEM768"
        peer.send(REQUEST)
        return peer.receive() or b""
