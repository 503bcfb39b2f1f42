"""News for pages that are open, as server-sent events: what has happened, in a few numbers.

A page that hears of something asks for itself again; nothing of a record is in an event, so there is one way
in which a page is made, and one place that says what may be seen. A browser that takes nothing is dropped.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from mcpgate.admin.feed import Batch, Feed
from mcpgate.admin.refusal import Refusal

if TYPE_CHECKING:
    from mcpgate.admin.site import Dashboard

#: Seconds between two events: a busy gate has news all the time, and nobody reads faster.
APART = 1.0
#: Seconds of silence after which a comment is sent: what stands in between ends quiet streams after a minute.
HEARTBEAT = 15.0
#: How often it is seen who is due, in seconds.
TICK = 0.5
#: Browsers that are told at the same time; each has some tabs open.
CLIENTS_MOST = 200


def tell(dashboard: Dashboard, feed: Callable[[], Feed]) -> Live:
    """Give the site its route for news."""
    live = Live(dashboard, feed)
    dashboard.app.route("/live", methods=["GET"], endpoint="live")(live.listen)
    return live


class Live:
    """All who listen."""

    def __init__(self, dashboard: Dashboard, feed: Callable[[], Feed]) -> None:
        self._site = dashboard
        self._feed = feed
        self._clients: set[_Client] = set()
        self._leave: Callable[[], None] | None = None
        self._timer: Any = None

    def listen(self, request: Any) -> Deferred[None]:
        """A browser listens, for as long as its login lasts."""
        if self._site.who(request) is None:
            raise Refusal(403, "You are not logged in, or not any more.")
        if len(self._clients) >= CLIENTS_MOST:
            raise Refusal(503, "Too many pages are open.")
        request.setHeader("Content-Type", "text/event-stream; charset=utf-8")
        client = _Client(request, monotonic())
        request.registerProducer(client, True)
        request.notifyFinish().addBoth(lambda _: self._gone(client))
        self._clients.add(client)
        if self._leave is None:
            self._leave = self._feed().subscribe(self._take)
        if self._timer is None:
            self._timer = self._site.reactor.callLater(TICK, self._tick)
        # Browsers ask again by themselves when a stream has ended, after so many milliseconds.
        request.write(b"retry: 3000\n\n")
        return client.done

    def count(self) -> int:
        """How many listen."""
        return len(self._clients)

    def stop(self) -> None:
        """Hang up on all of them."""
        for client in tuple(self._clients):
            client.end()
        self._forget()

    def _gone(self, client: _Client) -> None:
        self._clients.discard(client)
        if not self._clients:
            self._forget()

    def _forget(self) -> None:
        if self._leave is not None:
            self._leave()
            self._leave = None
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _take(self, batch: Batch) -> None:
        kinds = Counter(str(record.get("type")) for record in batch.records)
        for client in self._clients:
            client.news += kinds

    def _tick(self) -> None:
        self._timer = self._site.reactor.callLater(TICK, self._tick)
        now = monotonic()
        for client in tuple(self._clients):
            if self._site.who(client.request) is None:
                client.end()
            else:
                client.tell(now)


@implementer(IPushProducer)
class _Client:
    """
    One that listens.

    What has happened since it was told last is numbers, so there is never more than one event on its way to
    it, however slowly it reads.
    """

    def __init__(self, request: Any, now: float) -> None:
        self.request = request
        self.news: Counter[str] = Counter()
        #: Fires when the stream is to end; the request is finished by that.
        self.done: Deferred[None] = Deferred(lambda _: self.stopProducing())
        self._told = now
        self._reads = True
        self._ended = False

    def tell(self, now: float) -> None:
        """Say what is new, if that is due."""
        if not self._reads or self._ended:
            return
        if self.news and now - self._told >= APART:
            news, self.news = self.news, Counter()
            self.request.write(b"event: news\ndata: %b\n\n" % json.dumps(news).encode())
        elif now - self._told >= HEARTBEAT:
            self.request.write(b": still here\n\n")
        else:
            return
        self._told = now

    def end(self) -> None:
        """Hang up."""
        if not self._ended:
            self._ended = True
            self.request.unregisterProducer()
            self.done.callback(None)

    def pauseProducing(self) -> None:
        self._reads = False

    def resumeProducing(self) -> None:
        self._reads = True

    def stopProducing(self) -> None:
        self._ended = True
