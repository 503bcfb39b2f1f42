"""Bodies of requests to an application of twisted.web, in memory and bounded."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
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
    temporary file. Here a body is kept in memory, and a larger one than C{most} ends the connection with 413
    (over HTTP/2 its stream alone).

    It takes forms apart then as well, for C{args}, and serves nobody meanwhile: 4 MiB of small fields take it
    a second or two. Here a form is left as it came: the C{args} of a POST are those of its query alone, and
    whoever wants a form reads C{content}. In a subclass with C{forms = True} they are taken apart again, if
    the C{Site} was not made with C{parsePOSTFormSubmission=False}.
    """

    #: How many bytes a body may have.
    most = BODY_MOST
    #: Whether forms are put into C{args}.
    forms = False
    #: Whether it was refused already: nothing is done for half a body.
    refused = False
    _late: Any = None

    def __init__(
        self, channel: Any, *args: Any, parsePOSTFormSubmission: bool | None = None, **kw: Any
    ) -> None:
        """
        @param parsePOSTFormSubmission: Whether a form is put into C{args}, whatever C{forms} says.
        """
        if parsePOSTFormSubmission is None and not self.forms:
            parsePOSTFormSubmission = False
        super().__init__(channel, *args, parsePOSTFormSubmission=parsePOSTFormSubmission, **kw)

    def gotLength(self, length: int | None) -> None:
        """The head is read. C{length}: what it says of the body, if anything."""
        self.content = BytesIO()
        # A head of HTTP/2 can say it twice.
        if length is not None and length > self.most and not self.refused:
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
        if channel.transport is None:
            # A stream of HTTP/2, which shares its connection with others. Not from here: twisted.web knows it
            # only after its head, and has no more use for what else came at once if it is gone by then.
            self._late = channel.site.reactor.callLater(0, self._reset)
            return
        channel.transport.write(_TOO_LARGE)
        self._late = channel.callLater(LINGER, channel.transport.abortConnection)
        channel.loseConnection()

    def _reset(self) -> None:
        channel: Any = self.channel
        channel.writeHeaders(b"HTTP/2", b"413", b"", Headers({b"content-length": [b"0"]}))
        # To write may have ended the whole connection, where the caller reads nothing.
        if self.channel is not None:
            channel.abortConnection()
