"""Trying an upstream out: what the gate's connect says, and what the upstream says a moment later."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

from mcpgate.reasons import Reason
from mcpgate.tls.trust import TrustStore
from mcpgate.upstream.tryout import Tried, try_out
from tests import pki
from tests.running import Loop
from tests.upstream.server import Server
from tests.upstream.test_connect import CLIENT, GOOD, OTHER, ROOT, Demand, Set


def try_it(loop: Loop, demand: Demand, server: Server) -> Tried:
    """Try a server out, and see that it has received nothing."""
    watching = Set(loop)

    def start() -> Deferred[Tried]:
        return try_out(loop.reactor, watching.readiness, demand.terms(server.port))

    tried: Tried = loop.call(start)
    loop.call(watching.readiness.stop)
    return tried


def test_a_good_upstream_is_good_and_has_received_nothing(loop: Loop) -> None:
    server = Server(GOOD)
    tried = try_it(loop, Demand(), server)
    assert tried.refusal is None
    assert tried.handshake is not None and tried.handshake.post_quantum
    assert tried.peer == f"127.0.0.1:{server.port}"
    assert server.finish().told == b""


def test_a_refusal_of_the_connect_is_the_answer(loop: Loop) -> None:
    server = Server(OTHER.issue("mcp.test"))
    tried = try_it(loop, Demand(), server)
    assert tried.refusal is not None and tried.refusal.reason is Reason.TLS_UNKNOWN_CA
    assert server.finish().told == b""


@pytest.mark.parametrize(("pair", "clients"), [(None, ROOT.trust()), (CLIENT, OTHER.trust())])
def test_a_late_refusal_of_our_certificate_is_waited_for(
    loop: Loop, pair: pki.Pair | None, clients: TrustStore
) -> None:
    """The handshake was good on our side: only the first read finds the alert (TLS 1.3)."""
    server = Server(GOOD, clients=clients)
    tried = try_it(loop, Demand(pair=pair), server)
    assert tried.handshake is not None
    assert tried.refusal is not None and tried.refusal.reason is Reason.TLS_CLIENT_CERTIFICATE
    assert server.finish().told == b""
