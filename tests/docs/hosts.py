"""The other machines of a world: each has a name, an address and a certificate of the world's CA."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from threading import Thread
from typing import Any, Self

from attrs import field, frozen

from mcpgate.testing import TLSPeer, TLSServer
from mcpgate.tls.material import Pair


@frozen
class Request:
    """What somebody asks; names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


@frozen
class Answer:
    """What it gets; a body that is no bytes goes as JSON."""

    body: object = b""
    status: int = 200
    headers: Mapping[str, str] = field(factory=dict)

    def octets(self) -> bytes:
        """As it is sent."""
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        kind = {} if isinstance(self.body, bytes) else {"Content-Type": "application/json"}
        lines = [f"{name}: {value}" for name, value in {**kind, **self.headers}.items()]
        head = [f"HTTP/1.1 {self.status} -", f"Content-Length: {len(body)}", *lines, "", ""]
        return "\r\n".join(head).encode() + body


Respond = Callable[[Request], Answer]


class Host(TLSServer):
    """An HTTPS server at an address of this machine that answers what a function says."""

    def __init__(self, address: str, port: int, pair: Pair, respond: Respond) -> None:
        super().__init__(pair, self._converse, port=port)
        self._address = address
        self._respond = respond

    def start(self) -> Self:
        """As L{TLSServer} does, but at an address of its own: so many hosts have the same port."""
        self._listening = socket.create_server((self._address, self.port), backlog=128)
        Thread(target=self._accept, args=(self._listening,), name="Host", daemon=True).start()
        return self

    def _converse(self, peer: TLSPeer) -> None:
        rest = b""
        while True:
            while b"\r\n\r\n" not in rest:
                octets = peer.receive()
                if not octets:
                    return peer.close()
                rest += octets
            head, _, rest = rest.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            method, path, _ = first.split(" ", 2)
            headers = {
                name.strip().lower(): value.strip()
                for name, _, value in (one.partition(":") for one in lines)
            }
            length = int(headers.get("content-length", "0"))
            while len(rest) < length:
                octets = peer.receive()
                if not octets:
                    return
                rest += octets
            body, rest = rest[:length], rest[length:]
            peer.send(self._respond(Request(method, path, headers, body)).octets())
