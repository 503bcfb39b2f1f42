"""Bodies of requests to an application of twisted.web, in memory and bounded."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.web.server import Request

_TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

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

    def _refuse(self) -> None:
        self.refused = True
        self.content = BytesIO()
        channel: Any = self.channel
        channel.transport.write(_TOO_LARGE)
        channel.loseConnection()
