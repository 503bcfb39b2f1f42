"""A service manager as a gate sees it: a datagram socket, and what comes on it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.waiting import eventually

#: A message, field by field.
Message = dict[str, str]


class Listener:
    """The socket that C{NOTIFY_SOCKET} names, with all that was told so far."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.messages: list[Message] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket.setblocking(False)

    def look(self) -> list[Message]:
        """All messages, those that have just come as well."""
        while True:
            try:
                text = self._socket.recv(4096).decode()
            except BlockingIOError:
                return self.messages
            self.messages.append(dict(line.split("=", 1) for line in text.split("\n")))

    def told(self, key: str, words: str = "", after: int = 0) -> Message:
        """Wait for a message of that field whose status has these words in it."""

        def found() -> Message | None:
            later = self.look()[after:]
            return next((one for one in later if key in one and words in one.get("STATUS", "")), None)

        return eventually(found, f"{key} with {words!r}; told were {self.messages}") or {}

    def close(self) -> None:
        """Nobody is told anything any more."""
        self._socket.close()


@contextmanager
def listening(address: Path | str) -> Iterator[Listener]:
    """A manager that listens, until the test is over."""
    listener = Listener(str(address))
    try:
        yield listener
    finally:
        listener.close()
