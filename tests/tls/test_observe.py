"""What both ends say of the same handshake."""

from __future__ import annotations

from attrs import evolve

from mcpgate.reasons import Reason
from mcpgate.tls.observe import after_handshake, observe
from mcpgate.tls.pins import PinRule, spki_pin
from mcpgate.tls.verify import Note
from tests import pki
from tests.tls.meeting import HOST, MODERN, inbound, meet, outbound

ROOT = pki.Authority.root()
PAIR = ROOT.intermediate().issue(HOST)
CALLER = ROOT.issue("ci.test", usage=pki.FOR_CLIENTS)


def test_both_ends_observe_the_same_handshake() -> None:
    client = outbound(ROOT.trust(), pair=CALLER)
    server = inbound(PAIR, clients=ROOT.trust(), require_client=True)
    meet(client, server)
    ours, theirs = client.handshake, server.handshake
    assert ours is not None
    assert theirs is not None
    for facts in (ours, theirs):
        assert facts.version == "TLSv1.3"
        assert facts.cipher == "TLS_AES_256_GCM_SHA384"
        assert facts.cipher_bits == 256
        assert facts.group == "X25519MLKEM768"
        assert facts.post_quantum
        assert facts.alpn == "http/1.1"
        assert facts.sni == HOST
        assert facts.milliseconds == 1.5
        assert facts.generation == 3
    assert ours.exporter_sha256 == theirs.exporter_sha256
    assert len(ours.exporter_sha256) == 64
    assert ours.peer == PAIR.facts
    assert theirs.peer == CALLER.facts
    assert ours.peer_chain_pins == tuple(spki_pin(one) for one in (*PAIR.chain, ROOT.certificate))
    assert theirs.peer_chain_pins[0] == CALLER.facts.spki_pin


def test_two_handshakes_have_different_exporters() -> None:
    seen = set()
    for _ in range(2):
        client = outbound(ROOT.trust())
        meet(client, inbound(PAIR))
        assert client.handshake is not None
        seen.add(client.handshake.exporter_sha256)
    assert len(seen) == 2


def test_what_we_showed_is_recorded() -> None:
    client, server = outbound(ROOT.trust()), inbound(PAIR)
    meet(client, server)
    facts = observe(server.connection, note=Note(), own=PAIR.facts, milliseconds=0.0, generation=1)
    assert facts.own is not None
    assert facts.own.spki_pin == spki_pin(PAIR.chain[0])


def test_name_and_pins_are_judged_again_on_the_finished_handshake() -> None:
    """The callback was one way to get here; whatever way it was, this is the last gate."""
    client = outbound(ROOT.trust())
    meet(client, inbound(PAIR))
    assert client.handshake is not None
    other = PinRule(frozenset({CALLER.facts.spki_pin}))
    for host, pins, profile, reason in (
        ("elsewhere.test", None, MODERN, Reason.TLS_NAME),
        (HOST, other, MODERN, Reason.TLS_PIN),
        (HOST, None, evolve(MODERN, groups=("secp384r1",)), Reason.TLS_GROUP),
    ):
        refusal = after_handshake(client.connection, profile, host, pins, client.handshake)
        assert refusal is not None
        assert refusal.reason is reason


def test_a_protocol_that_was_not_asked_for_is_refused() -> None:
    client = outbound(ROOT.trust())
    meet(client, inbound(PAIR))
    assert client.handshake is not None
    refusal = after_handshake(client.connection, MODERN, HOST, None, evolve(client.handshake, alpn="h2"))
    assert refusal is not None
    assert refusal.reason is Reason.TLS_ALPN


def test_a_server_without_certificate_is_refused() -> None:
    """As the server sees it there is none: a stand-in for anonymous suites, which nobody offers."""
    client, server = outbound(ROOT.trust()), inbound(PAIR)
    meet(client, server)
    assert server.handshake is not None
    refusal = after_handshake(server.connection, MODERN, HOST, None, server.handshake)
    assert refusal is not None
    assert refusal.reason is Reason.TLS_RESUMED


def test_a_client_certificate_that_was_not_verified_in_this_handshake_is_refused() -> None:
    """What a resumed session of a caller would look like: it shows a certificate, and no chain."""
    client, server = outbound(ROOT.trust()), inbound(PAIR)
    meet(client, server)
    assert server.handshake is not None
    resumed = evolve(server.handshake, peer=CALLER.facts)
    refusal = after_handshake(server.connection, MODERN, None, None, resumed)
    assert refusal is not None
    assert refusal.reason is Reason.TLS_RESUMED
