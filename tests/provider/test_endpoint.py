"""Nothing is said to a provider before it is what is demanded of it, and each handshake is in the journal."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest

from mcpgate.reasons import Reason
from mcpgate.tls.pins import PinRule, spki_pin
from tests import pki
from tests.provider.asking import GOOD, HOST, ROOT, Asker, Demand
from tests.upstream.server import OK, Server, nobody

OTHER = pki.Authority.root("other root")

#: The servers that the gate must not ask, and the reason for each.
BAD: dict[str, tuple[Reason, Callable[[], Server], Demand]] = {
    "wrong name": (Reason.TLS_NAME, lambda: Server(ROOT.issue("elsewhere.test")), Demand()),
    "no SAN": (Reason.TLS_NO_SAN, lambda: Server(ROOT.issue(name=HOST)), Demand()),
    "urn: SAN": (Reason.TLS_BAD_SAN, lambda: Server(ROOT.issue(HOST, uris=["urn:uuid:f81d4fae"])), Demand()),
    "unknown CA": (Reason.TLS_UNKNOWN_CA, lambda: Server(OTHER.issue(HOST)), Demand()),
    "wrong pin": (
        Reason.TLS_PIN,
        lambda: Server(GOOD),
        Demand(pins=PinRule(frozenset({spki_pin(OTHER.certificate)}))),
    ),
    "plaintext": (Reason.TLS_PLAINTEXT, lambda: Server(None, clear=OK), Demand()),
    "mute": (Reason.TLS_TIMEOUT, lambda: Server(None, mute=True), Demand(seconds=0.3)),
}


@pytest.mark.parametrize(("reason", "serve", "demand"), BAD.values(), ids=BAD)
def test_a_bad_provider_is_asked_nothing(
    asker: Asker, reason: Reason, serve: Callable[[], Server], demand: Demand
) -> None:
    """The reason is exact, the server has heard nothing, and the journal says who it was about."""
    server = serve()
    error = asker.refused(server.port, demand=demand)
    assert error.refusal is not None and error.refusal.reason is reason, str(error)
    assert (error.server, error.leg) == ("login", "provider")
    assert server.finish().told == b""
    (line,) = [json.loads(line) for line in asker.records().splitlines()]
    assert (line["leg"], line["where"], line["outcome"], line["reason"]) == (
        "provider",
        "login",
        "refused",
        reason.value,
    )


def test_a_provider_that_is_not_there_is_told_as_such(asker: Asker) -> None:
    error = asker.refused(nobody())
    assert error.refusal is not None and error.refusal.reason is Reason.UPSTREAM_UNREACHABLE


def test_a_provider_that_does_not_accept_our_certificate_is_told_as_such(asker: Asker) -> None:
    """With TLS 1.3 it says so only after our handshake, when the question is on its way already."""
    client = OTHER.issue("gate.test", usage=pki.FOR_CLIENTS)
    asked = threading.Event()
    server = Server(GOOD, clients=ROOT.trust(), hold=asked)
    asker.loop.reactor.callFromThread(asker.loop.reactor.callLater, 0.2, asked.set)
    error = asker.refused(server.port, demand=Demand(pair=client))
    assert error.refusal is not None
    assert error.refusal.reason is Reason.TLS_CLIENT_CERTIFICATE, str(error)
    assert server.finish().told == b""
