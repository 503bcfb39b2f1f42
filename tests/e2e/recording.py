"""An upstream that keeps every byte it received and answers what a test says."""

import json
import threading
from collections.abc import Callable, Sequence
from typing import Self

from attrs import frozen

from mcpgate.testing import TLSPeer, TLSServer
from mcpgate.tls.material import Pair

RESULT = b'{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"ok"}]}}'


@frozen
class Received:
    """One request: its head as it came (with the empty line), and its body."""

    head: bytes
    body: bytes

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        lines = (line.partition(":") for line in self.head.decode("latin-1").split("\r\n")[1:])
        return [value.strip() for key, _, value in lines if key.lower() == name.lower()]


def answer(body: bytes = RESULT, *lines: str, status: str = "200 OK") -> bytes:
    """A whole answer, with further header lines."""
    head = [
        f"HTTP/1.1 {status}", "content-type: application/json", f"content-length: {len(body)}", *lines,
    ]  # fmt: skip
    return "\r\n".join([*head, "", ""]).encode() + body


def result_for(request: Received) -> bytes:
    """L{RESULT} with the id of a request, if it has one."""
    id = json.loads(request.body or b"{}").get("id", 1)
    return RESULT.replace(b'"id":1,', b'"id":%b,' % json.dumps(id).encode())


def ok(request: Received) -> bytes:
    """That as a whole answer."""
    return answer(result_for(request))


Reply = Callable[[TLSPeer, Received], None] | bytes


class RecordingUpstream:
    """A TLS server that reads HTTP just well enough for what a gate sends."""

    def __init__(self, pair: Pair, reply: Reply | None = None) -> None:
        """
        @param reply: what is sent back, or what is called to do it. When it returns the connection
            goes on; C{ConnectionError} is how it breaks it off. C{None}: L{ok}.
        """
        self.requests: list[Received] = []
        self._reply = reply
        self._server = TLSServer(pair, self._serve)

    @property
    def port(self) -> int:
        return self._server.port

    def _serve(self, peer: TLSPeer) -> None:
        rest = b""
        while True:
            while b"\r\n\r\n" not in rest:
                octets = peer.receive()
                if not octets:
                    return peer.close()
                rest += octets
            head, _, rest = rest.partition(b"\r\n\r\n")
            request = Received(head + b"\r\n\r\n", b"")
            length = int((request.all("content-length") or ["0"])[0])
            while len(rest) < length:
                rest += peer.receive() or b""
            request = Received(request.head, rest[:length])
            rest = rest[length:]
            self.requests.append(request)
            if self._reply is None:
                peer.send(ok(request))
            elif isinstance(self._reply, bytes):
                peer.send(self._reply)
            else:
                self._reply(peer, request)

    def values(self, name: str) -> Sequence[str]:
        """Every value of a header in every request so far."""
        return [value for request in self.requests for value in request.all(name)]

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()


class Slow(RecordingUpstream):
    """An upstream that answers when it is told to."""

    def __init__(self, pair: Pair) -> None:
        self.released = threading.Event()
        self.left = threading.Event()
        super().__init__(pair, self._wait)

    def _wait(self, peer: TLSPeer, request: Received) -> None:
        while not self.released.wait(0.02):
            try:
                gone = peer.receive(wait=False) == b""
            except ConnectionError:
                gone = True
            if gone:
                self.left.set()
                raise ConnectionError
        peer.send(ok(request))
