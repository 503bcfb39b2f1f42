"""Alerts as posts, to a server of Python's own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from mcpgate.alerts.sender import Message, NotTold
from mcpgate.alerts.terms import AlertTerms
from mcpgate.alerts.webhook import Webhook
from mcpgate.config.tables.alert import AlertTable
from mcpgate.config.url import read_url
from mcpgate.tls.pins import PinRule
from mcpgate.tls.readiness import Readiness
from tests.alerts.test_alert import ALERT
from tests.provider.asking import GOOD, HOST, Demand, files
from tests.running import Behaviour, Loop, Request, ScriptedUpstream

MESSAGE = Message(ALERT, "a_1", 2, 0.0)
SECRET = b"s3cret-of-the-hook"
PATH = "/services/T0/s3cret-path"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ScriptedUpstream]:
    """Who is posted to."""
    made = ScriptedUpstream(*files(GOOD, tmp_path))
    made.behave = says(b"HTTP/1.1 204 No Content\r\n\r\n")
    yield made
    made.close()


def says(raw: bytes) -> Behaviour:
    """It answers this to everything."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(raw)

    return behave


def post(loop: Loop, server: ScriptedUpstream, *, demand: Demand | None = None, **keys: Any) -> None:
    """Post one alert by a table with these keys."""
    secret = keys.pop("secret", None)
    terms = AlertTerms(
        AlertTable(name="ops", webhook=f"https://{HOST}{PATH}", **keys),
        (demand or Demand()).terms(server.port, "ops"),
        read_url(f"https://{HOST}{PATH}"),
        secret,
    )
    readiness = loop.call(Readiness, loop.reactor)
    loop.call(readiness.start)
    hook = Webhook(loop.reactor, readiness, terms, "gate-1", lambda: 1_795_000_000.25)
    try:
        loop.call(lambda: Deferred.fromCoroutine(hook.send(MESSAGE)))
    finally:
        loop.call(hook.stop)
        loop.call(readiness.stop)


def test_an_alert_is_posted_as_json(loop: Loop, server: ScriptedUpstream) -> None:
    """To the path that is configured; nothing proves us where nothing is to."""
    post(loop, server)
    (request,) = server.requests
    assert request.line == f"POST {PATH} HTTP/1.1".encode()
    assert request.headers[b"content-type"] == b"application/json"
    assert not {b"authorization", b"webhook-signature"} & request.headers.keys()
    said = json.loads(request.body)
    assert (said["gate"], said["alert"], said["occasion"], said["times"]) == ("gate-1", "ops", "pin", 2)


def test_a_secret_is_a_bearer_token(loop: Loop, server: ScriptedUpstream) -> None:
    """By default."""
    post(loop, server, secret=SECRET)
    assert server.requests[0].headers[b"authorization"] == b"Bearer " + SECRET


def test_or_it_signs_what_is_posted(loop: Loop, server: ScriptedUpstream) -> None:
    """As Standard Webhooks has it, and is never sent."""
    post(loop, server, secret=SECRET, secret_as="signature")
    (request,) = server.requests
    headers = request.headers
    assert (headers[b"webhook-id"], headers[b"webhook-timestamp"]) == (b"a_1", b"1795000000")
    wanted = hmac.new(SECRET, b"a_1.1795000000." + request.body, hashlib.sha256).digest()
    assert headers[b"webhook-signature"] == b"v1," + base64.b64encode(wanted)
    assert SECRET not in request.head + request.body


@pytest.mark.parametrize(
    ("status", "refused"),
    [(301, False), (400, True), (401, False), (410, True), (429, False), (500, False), (503, False)],
)
def test_any_other_answer_says_that_it_was_not_taken(
    loop: Loop, server: ScriptedUpstream, status: int, refused: bool
) -> None:
    """And whether it is worth the while to say it again."""
    server.behave = says(b"HTTP/1.1 %d Hm\r\nContent-Length: 0\r\nLocation: http://x/\r\n\r\n" % status)
    with pytest.raises(NotTold, match=f"^it answered {status}$") as caught:
        post(loop, server, secret=SECRET)
    assert caught.value.refused is refused


def test_a_receiver_that_is_not_verified_gets_nothing(loop: Loop, server: ScriptedUpstream) -> None:
    """The URL may be a secret, so what is told of the fault does not name it."""
    pins = PinRule(frozenset({"sha256/" + "A" * 43 + "="}))
    with pytest.raises(NotTold, match="^tls.pin: ") as caught:
        post(loop, server, demand=Demand(pins=pins), secret=SECRET)
    assert "s3cret" not in str(caught.value)
    assert server.requests == []
