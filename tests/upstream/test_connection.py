"""A kept connection, at the moments when an upstream leaves early."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from mcpgate.evidence.journal import Journal
from mcpgate.evidence.witness import Witness
from mcpgate.reasons import Reason, Refusal
from mcpgate.upstream.connection import Taker, UpstreamConnection
from mcpgate.upstream.pool import Pool
from mcpgate.wire.http import ResponseHead
from tests import pki
from tests.running import Loop
from tests.upstream.server import Server
from tests.upstream.test_connect import GOOD, REQUEST, Demand, Set

#: More than the kernel takes for a peer that does not read.
LARGE = 32 * 1024 * 1024

Answer = tuple[int, bytes] | Refusal


class Asker:
    """Sends what it can, lets the server answer and leave, and only then has the reactor look again."""

    def __init__(self, server: Server, sent: threading.Event, request: bytes) -> None:
        self.done: Deferred[Answer] = Deferred()
        self._server = server
        self._sent = sent
        self._request = request

    def leased(self, connection: UpstreamConnection) -> None:
        connection.send(b"POST", self._request, self)
        self._sent.set()
        self._server.finish()

    def unleased(self, refusal: Refusal, record: str | None = None) -> None:
        self.done.callback(refusal)

    def begun(self, head: ResponseHead, emitted: bytes, payload: bytes, finished: bool) -> Taker:
        assert finished
        self.done.callback((head.status, payload))
        return self

    def more(self, payload: bytes, finished: bool) -> None:
        raise AssertionError("the answer came in one record")

    def broken(self, refusal: Refusal) -> None:
        self.done.callback(refusal)


@pytest.fixture
def watching(loop: Loop) -> Iterator[Set]:
    """A set that is stopped with the test."""
    made = Set(loop)
    yield made
    loop.call(made.readiness.stop)


def ask(watching: Set, directory: Path, hasty: bytes, request: bytes) -> Answer:
    """What becomes of a request to a server in haste."""
    sent = threading.Event()
    server = Server(GOOD, hasty=hasty, hold=sent)

    def start() -> Deferred[Answer]:
        witness = Witness(Journal(directory), lambda: pki.NOW.timestamp())
        terms = Demand().terms(server.port)
        pool = Pool(watching.loop.reactor, watching.readiness, terms, witness)
        asker = Asker(server, sent, request)
        pool.lease(asker)

        def close(answer: Answer) -> Answer:
            pool.abort()
            witness.close()
            return answer

        return asker.done.addCallback(close)

    answer: Answer = watching.loop.call(start)
    return answer


def test_an_answer_that_came_before_all_of_the_request_was_sent_is_kept(
    watching: Set, tmp_path: Path
) -> None:
    """Too large, says the server, and hangs up: that is the answer, not a broken connection."""
    hasty = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n{}"
    assert ask(watching, tmp_path, hasty, REQUEST + bytes(LARGE)) == (413, b"{}")


def test_a_server_that_leaves_without_an_answer_is_told_as_such(watching: Set, tmp_path: Path) -> None:
    answer = ask(watching, tmp_path, b"", REQUEST)
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.UPSTREAM_CLOSED


def test_a_server_that_leaves_inside_the_head_of_its_answer_truncated_it(
    watching: Set, tmp_path: Path
) -> None:
    """It had begun: whoever reads the record knows that the request was taken up."""
    answer = ask(watching, tmp_path, b"HTTP/1.1 200 OK\r\nContent-Le", REQUEST)
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.UPSTREAM_TRUNCATED
