"""What stands before the curtain rises: a CA, an MCP server behind TLS, an impostor of it, an issuer, a gate.

::

    official client ──TLS──▶ gate (process) ──TLS──▶ front ──unix socket──▶ MCP server (process)
    our own client  ──TLS──▶                ──TLS──▶ impostor: same name, same CA, another key
                                            ──TLS──▶ issuer: the key by which a CI job's token is judged

The front, the impostor and the issuer are threads of this process (C{mcpgate.testing}); all ports are
chosen by the kernel.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from secrets import token_urlsafe
from string import Template

from attrs import frozen

from mcpgate.demo.children import Child, Children
from mcpgate.demo.direct import ADDRESS, HOST
from mcpgate.demo.issuer import Issuer
from mcpgate.demo.promise import soon
from mcpgate.demo.records import Records
from mcpgate.identity.issued import TokenFile
from mcpgate.ops.control import SOCKET, ControlError, ask
from mcpgate.testing import TLSFront, TLSPeer, TLSServer
from mcpgate.tls.localca import LocalCA, write_pair
from mcpgate.tls.material import Pair

# Seconds until everything serves: two Pythons that import a lot, on a slow machine.
_PATIENCE = 30.0

#: Seconds that the token is good for: a demonstration that goes on serving may be looked at all day.
_TOKEN_LIFE = 24 * 3600.0


class Impostor(TLSServer):
    """A server with the right name and a certificate of the right CA, whose key nobody has pinned."""

    def __init__(self, pair: Pair) -> None:
        super().__init__(pair, self._listen)
        #: Decrypted bytes that it was sent, ever.
        self.received = 0

    def _listen(self, peer: TLSPeer) -> None:
        while octets := peer.receive():
            self.received += len(octets)


@frozen(eq=False)
class Scene:
    """
    Everything, running. C{port} is the gate's; C{pin} is what it demands of the server, and C{secret} what it
    shows to it. C{shown}: where the server writes what it was shown.
    """

    directory: Path
    ca: LocalCA
    ca_file: Path
    token: str
    pin: str
    server: Child
    front: TLSFront
    impostor: Impostor
    issuer: Issuer
    secret: str
    shown: Path
    gate: Child
    port: int
    records: Records
    children: Children

    @property
    def url(self) -> str:
        """Where callers reach the server, through the gate."""
        return f"https://{HOST}:{self.port}/weather"

    @property
    def config(self) -> Path:
        """The gate's configuration."""
        return self.directory / "mcpgate.toml"

    def dashboard(self) -> str:
        """
        A link to the dashboard, good once and for five minutes.

        @raise DemoFailed: if there is none.
        """

        def look() -> str | None:
            try:
                return str(ask(self.directory / "state" / SOCKET, "dashboard")["url"])
            except ControlError:
                return None

        return soon(look, f"the dashboard does not run; see {self.gate.complaints}", _PATIENCE)


@contextmanager
def set_up(directory: Path) -> Iterator[Scene]:
    """Start everything in an empty directory; whatever happens, nothing is left running.

    @raise DemoFailed: if a part of it does not start.
    """
    with ExitStack() as stack:
        # Nobody else on this machine may use the socket: the SDK's web server leaves that to the directory.
        state = directory / "state"
        state.mkdir(mode=0o700)
        plain = state / "server.sock"
        stack.callback(plain.unlink, missing_ok=True)
        children = Children(directory)
        stack.callback(children.stop)
        shown = state / "shown"
        server = children.start("server", "mcpgate.demo.server", str(plain), str(shown))

        now = datetime.now(UTC)
        ca = LocalCA.create("mcpgate demo CA", now)
        ca.save(directory / "ca.pem", directory / "ca.key")
        (directory / "tls").mkdir()
        write_pair(ca.server([HOST, ADDRESS], now), directory / "tls/gate.crt", directory / "tls/gate.key")
        genuine = ca.server([HOST], now)
        front = stack.enter_context(TLSFront(genuine, plain))
        impostor = stack.enter_context(Impostor(ca.server([HOST], now)))
        issuer = stack.enter_context(Issuer(ca.server([HOST], now)))
        secret, port = f"weather-{token_urlsafe(24)}", _free_port()
        (directory / "weather.secret").touch(0o600)
        (directory / "weather.secret").write_text(secret, encoding="ascii")

        config = directory / "mcpgate.toml"
        template = Template(files("mcpgate").joinpath("data/demo.toml").read_text(encoding="utf-8"))
        pin = genuine.facts.spki_pin
        config.write_text(
            template.substitute(
                port=port,
                admin_port=_free_port(),
                weather_port=front.port,
                impostor_port=impostor.port,
                weather_pin=pin,
                issuer=issuer.url,
                issuer_address=issuer.address,
            ),
            encoding="utf-8",
        )
        _, token = TokenFile(state / "tokens.json").issue("demo", _TOKEN_LIFE, time.time())

        gate = children.start("gate", "mcpgate", "run", "--config", str(config))
        _wait(lambda: _running(state / SOCKET), gate)
        _wait(lambda: _serves(plain), server)
        yield Scene(
            directory=directory,
            ca=ca,
            ca_file=directory / "ca.pem",
            token=token,
            pin=pin,
            server=server,
            front=front,
            impostor=impostor,
            issuer=issuer,
            secret=secret,
            shown=shown,
            gate=gate,
            port=port,
            records=Records(state / "journal"),
            children=children,
        )


def _wait(ready: Callable[[], bool], child: Child) -> None:
    def look() -> bool | None:
        child.alive()
        return ready() or None

    late = f"the {child.name} does not serve after {_PATIENCE:g} s; see {child.complaints}"
    soon(look, late, _PATIENCE)


def _running(control: Path) -> bool:
    try:
        return ask(control, "status")["running"] is True
    except ControlError:
        return False


def _free_port() -> int:
    """A port that nobody had a moment ago: the gate's has to be known before the gate is."""
    with socket.create_server((ADDRESS, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _serves(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(os.fsencode(path)) == 0
