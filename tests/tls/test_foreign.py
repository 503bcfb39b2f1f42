"""Connections of an application's own: only what OpenSSL itself says of them counts."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import Any

import pytest
from OpenSSL import SSL

from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.contexts import client_connection, client_context, server_connection, server_context
from mcpgate.tls.foreign import connection_of, handshake, handshake_of, judge_foreign, judge_purpose
from mcpgate.tls.localca import LocalCA
from mcpgate.tls.profile import PROFILES, Profile, with_pq
from mcpgate.tls.rehearsal import converse
from mcpgate.tls.verify import Note
from tests.pki import Authority

MODERN = PROFILES["modern"]


class Transport:
    """What a protocol has, as far as it is asked."""

    def __init__(self, handle: object) -> None:
        self._handle = handle

    def getHandle(self) -> object:
        return self._handle


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.root()


def shaken(authority: Authority, profile: Profile = MODERN) -> SSL.Connection:
    """The server's end of a handshake in memory."""
    pair = authority.issue("gate.test")
    serving = server_context(profile, pair, clients=None, require_client=False)
    calling = client_context(profile, authority.trust(), pair=None)
    server = server_connection(serving, None, note=Note())
    client = client_connection(calling, None, host="gate.test", pins=None, note=Note())
    assert converse(client, server) == (None, None)
    return server


def test_it_is_observed_with_the_certificate_that_was_shown(authority: Authority) -> None:
    """As one of ours is, but for what nobody measured."""
    seen = handshake_of(shaken(authority), 7)
    assert (seen.version, seen.sni, seen.generation, seen.milliseconds) == ("TLSv1.3", "gate.test", 7, 0.0)
    assert seen.own is not None and seen.own.dns_names == ("gate.test",)
    assert len(seen.exporter_sha256) == 64


def test_it_is_judged_by_the_floor(authority: Authority) -> None:
    """What the application lets in is not what the gate does."""
    connection = shaken(authority)
    seen = handshake_of(connection)
    assert judge_foreign(connection, MODERN, seen) is None
    scarce = Profile("scarce", MODERN.min_version, MODERN.tls13, (), ("secp384r1",))
    refusal = judge_foreign(connection, scarce, seen)
    assert refusal is not None and refusal.reason is Reason.TLS_GROUP
    classical = Profile("classical", MODERN.min_version, MODERN.tls13, (), ("x25519",))
    connection = shaken(authority, classical)
    refusal = judge_foreign(connection, with_pq(classical), handshake_of(connection))
    assert refusal is not None and refusal.reason is Reason.TLS_GROUP


@pytest.mark.parametrize(
    ("transport", "reason"),
    [
        (None, Reason.TLS_UNOBSERVED),
        (object(), Reason.TLS_UNOBSERVED),
        (Transport(None), Reason.TLS_UNOBSERVED),
        (Transport(socket.socket(socket.AF_UNIX)), Reason.TLS_PLAINTEXT),
    ],
)
def test_what_cannot_be_asked_is_refused(transport: Any, reason: Reason) -> None:
    """A socket is clear text; of anything else it is not known what it is."""
    refusal = connection_of(transport)
    assert isinstance(refusal, Refusal) and refusal.reason is reason
    assert handshake(transport) is None


def test_a_certificate_has_to_be_for_clients(authority: Authority) -> None:
    """Where the application's own verification may have let in any; without one there is nothing to judge."""
    now = datetime.now(UTC)
    ca = LocalCA.create("clients", now)
    assert judge_purpose([]) is None
    assert judge_purpose([ca.client("ci.test", now).chain[0]]) is None
    for wrong in (ca.server(["ci.test"], now).chain[0], ca.certificate):
        refusal = judge_purpose([wrong])
        assert refusal is not None and refusal.reason is Reason.TLS_CHAIN


def test_an_application_may_ask_the_same(authority: Authority) -> None:
    """Of its own transports; before the handshake is over there is nothing to say."""
    connection = shaken(authority)
    seen = handshake(Transport(connection))
    assert seen is not None and seen.cipher.startswith("TLS_")
    context = server_context(MODERN, authority.issue("gate.test"), clients=None, require_client=False)
    assert handshake(Transport(server_connection(context, None, note=Note()))) is None
