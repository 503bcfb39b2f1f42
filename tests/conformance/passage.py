"""The way of a client scenario through the gate, back to the server that the suite made for it.

The suite hands its client the URL of a plain server that nobody knew before, and the gate, which makes no
exception for loopback, wants TLS and a configuration. So each scenario has a front and routes of its own,
made before; behind the front is a unix socket. The client process listens on that socket, and passes what
comes on to where the suite's URL says.

    client -TLS-> gate -TLS-> front -> the unix socket -> the suite's server

The URL's path is one of two, and each has its route.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from attrs import frozen

from mcpgate.testing import LocalCA, TLSFront
from tests.conformance.shim import copy
from tests.conformance.stage import OPEN, gate_before
from tests.e2e.lab import HOSTS, Lab

#: Where the suite's servers serve, and what the routes to there are called.
PATHS = {"": "root", "/": "root", "/mcp": "mcp"}


@frozen
class Passage:
    """What the client process has to know; it is told in its environment."""

    #: The URL of the scenario's routes, without the last part.
    gate: str
    token: str
    #: The CA of the gate's certificate.
    ca: str
    #: Where the front passes bytes to.
    socket: str

    def to_environment(self) -> dict[str, str]:
        return {
            "CONFORMANCE_GATE": self.gate,
            "CONFORMANCE_TOKEN": self.token,
            "CONFORMANCE_SOCKET": self.socket,
            # Where httpx looks by itself.
            "SSL_CERT_FILE": self.ca,
        }

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Passage | None:
        """C{None} for a client that is to call the suite directly."""
        if "CONFORMANCE_GATE" not in environment:
            return None
        names = ("CONFORMANCE_GATE", "CONFORMANCE_TOKEN", "SSL_CERT_FILE", "CONFORMANCE_SOCKET")
        return cls(*(environment[name] for name in names))

    def through(self, url: str) -> str:
        """The URL to call instead of the suite's."""
        return f"{self.gate}/{PATHS[urlsplit(url).path]}"

    @contextlib.asynccontextmanager
    async def laid(self, url: str) -> AsyncIterator[str]:
        """While the suite's server is behind the front: the URL to call instead of the suite's."""
        where = urlsplit(url)

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                from_suite, to_suite = await asyncio.open_connection(where.hostname, where.port)
                both = (copy(reader, to_suite), copy(from_suite, writer))
                ways = [asyncio.create_task(way) for way in both]
                # Whoever ends first ends both.
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                to_suite.close()
            writer.close()

        listening = await asyncio.start_unix_server(accept, self.socket)
        try:
            yield self.through(url)
        finally:
            listening.close()


class Passages:
    """One gate with fronts and routes for all scenarios that are named, from C{with} until its end."""

    def __init__(self, names: tuple[str, ...], directory: Path, ca: LocalCA) -> None:
        self._names = names
        self._directory = directory
        self._ca = ca
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._directory.mkdir(parents=True)
        self._lab = lab = Lab(self._directory, self._ca)
        pair = self._ca.server(HOSTS, datetime.now(UTC))
        upstreams: list[dict[str, Any]] = []
        routes: list[dict[str, Any]] = []
        with contextlib.ExitStack() as stack:
            for name in self._names:
                front = stack.enter_context(TLSFront(pair, self._socket(name)))
                for path, last in (("/", "root"), ("/mcp", "mcp")):
                    one = f"{name}-{last}"
                    upstreams.append({"name": one, "url": f"https://localhost:{front.port}{path}"})
                    routes.append({"path": f"/{name}/{last}", "upstream": one})
            gate = gate_before(lab, upstream=upstreams, route=routes, rules=OPEN)
            self._gate = stack.enter_context(gate)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self._stack.close()

    def _socket(self, name: str) -> Path:
        # A unix socket's path is short: about a hundred bytes.
        return self._directory / f"{self._names.index(name)}.sock"

    def of(self, name: str) -> Passage:
        """The passage of one of them."""
        base = f"https://localhost:{self._gate.port}/{name}"
        return Passage(base, self._gate.token, str(self._lab.ca_file), str(self._socket(name)))
