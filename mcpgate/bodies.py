"""Bodies of requests to an application of twisted.web, in memory and bounded."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.python.failure import Failure
from twisted.web.server import Request

_TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

#: How long a caller that was refused has for the answer. A TLS connection ends when its caller agrees, and
#: nothing of twisted.web's looks whether it ever does.
LINGER = 5.0

#: What L{InMemoryRequest} takes of a body: the default of C{limits.body_size}.
BODY_MOST = 4 * 1024 * 1024


class InMemoryRequest(Request):
    """
    A request whose body never reaches the disk: for C{Site(root, requestFactory=InMemoryRequest)}.

    twisted.web reads a body before any resource is asked, whoever sends it; of more than 100 kB it makes a
    temporary file. Here a body is kept in memory, and a larger one than C{most} ends the connection with 413.
    """

    most = BODY_MOST
    #: Whether it was refused already: nothing is done for half a body.
    refused = False
    _late: Any = None

    def gotLength(self, length: int | None) -> None:
        """The head is read. C{length}: what it says of the body, if anything."""
        self.content = BytesIO()
        if length is not None and length > self.most:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:
        """Some of the body."""
        if self.refused:
            return
        if self.content is None or self.content.tell() + len(data) > self.most:
            self._refuse()
        else:
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """All of it is here, unless it was refused."""
        if not self.refused:
            super().requestReceived(command, path, version)

    def connectionLost(self, reason: Failure) -> None:
        """It is over."""
        if self._late is not None and self._late.active():
            self._late.cancel()
        super().connectionLost(reason)

    def _refuse(self) -> None:
        self.refused = True
        self.content = BytesIO()
        channel: Any = self.channel
        channel.transport.write(_TOO_LARGE)
        self._late = channel.callLater(LINGER, channel.transport.abortConnection)
        channel.loseConnection()
