"""Every way an upstream can be refused, each shown by a handshake with a real server in memory.

The server is whatever the case needs; the client is always the gate's own. In each case the reason
is exact, and the server has not received one byte of application data.
"""

from __future__ import annotations

import pytest
from OpenSSL import SSL

from mcpgate.reasons import Reason
from mcpgate.tls.contexts import client_connection, client_context
from mcpgate.tls.failure import failure
from mcpgate.tls.material import Pair, pair_of
from mcpgate.tls.pins import PinRule, spki_pin
from mcpgate.tls.profile import with_pq
from mcpgate.tls.trust import TrustStore
from mcpgate.tls.verify import Note
from tests import pki
from tests.tls.meeting import HOST, INTERMEDIATE, MODERN, End, foreign_server, inbound, meet, outbound

ROOT = pki.Authority.root()
OTHER = pki.Authority.root("other root")
GOOD = ROOT.issue(HOST)
WRONG_PIN = spki_pin(OTHER.certificate)


def refused(end: End, server: SSL.Connection) -> Reason | None:
    """The reason the gate's end gives, after it has met the server."""
    meet(end, server)
    with pytest.raises(SSL.Error):
        server.recv(1)
    return None if end.refusal is None else end.refusal.reason


def test_a_good_server_is_accepted_with_post_quantum_key_exchange() -> None:
    """The control for everything below: the same ends without a fault shake hands."""
    end = outbound(ROOT.trust(), pins=PinRule(frozenset({spki_pin(GOOD.chain[0])}), "leaf"))
    meet(end, foreign_server(GOOD))
    assert end.refusal is None
    assert end.handshake is not None
    assert end.handshake.post_quantum
    assert end.handshake.pinned is True


def test_another_name_is_refused() -> None:
    end = outbound(ROOT.trust(), host="elsewhere.test")
    assert refused(end, foreign_server(GOOD)) is Reason.TLS_NAME
    assert end.refusal is not None
    assert end.refusal.detail == "the certificate is for mcp.test, not for elsewhere.test"


def test_an_address_is_not_a_name() -> None:
    """A certificate for the name does not do for the address, and the reverse."""
    by_address = ROOT.issue(addresses=["127.0.0.1", "::1"])
    assert refused(outbound(ROOT.trust(), host="127.0.0.1"), foreign_server(GOOD)) is Reason.TLS_NAME
    assert refused(outbound(ROOT.trust()), foreign_server(by_address)) is Reason.TLS_NAME
    for host in ("127.0.0.1", "::1"):
        end = outbound(ROOT.trust(), host=host)
        meet(end, foreign_server(by_address))
        assert end.refusal is None
        assert end.handshake is not None
        assert end.handshake.sni is None


def test_a_certificate_without_alternative_names_is_refused() -> None:
    """Twisted's own client accepts it for every host."""
    assert refused(outbound(ROOT.trust()), foreign_server(ROOT.issue(name=HOST))) is Reason.TLS_NO_SAN


@pytest.mark.parametrize(
    "pair",
    [
        ROOT.issue(HOST, uris=["urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"]),
        ROOT.issue(HOST, uris=["https://mcp.test:8443/"]),
        ROOT.issue(raw_san=pki.UNREADABLE_SAN),
        ROOT.issue(raw_san=bytes.fromhex("3000")),
        ROOT.issue(HOST, "*.test"),
        ROOT.issue(HOST, "10.0.0.1"),
    ],
    ids=["urn", "uri with port", "not ascii", "empty", "wildcard for a suffix", "address as name"],
)
def test_names_that_cannot_be_judged_are_refused(pair: Pair) -> None:
    """Also where another of the names would match: service_identity raises, and that is a no."""
    assert refused(outbound(ROOT.trust()), foreign_server(pair)) is Reason.TLS_BAD_SAN


def test_an_unknown_authority_is_refused() -> None:
    assert refused(outbound(OTHER.trust()), foreign_server(GOOD)) is Reason.TLS_UNKNOWN_CA


def test_a_missing_intermediate_is_refused() -> None:
    whole = ROOT.intermediate().issue(HOST)
    cut = pair_of(whole.chain[:1], whole.key, label="cut")
    assert refused(outbound(ROOT.trust()), foreign_server(cut)) is Reason.TLS_UNKNOWN_CA
    end = outbound(ROOT.trust())
    meet(end, foreign_server(whole))
    assert end.refusal is None


def test_an_expired_certificate_is_refused_also_when_it_is_pinned() -> None:
    pair = ROOT.issue(HOST, begins=-90 * pki.DAY, ends=-pki.DAY)
    pins = PinRule(frozenset({spki_pin(pair.chain[0])}))
    assert refused(outbound(ROOT.trust(), pins=pins), foreign_server(pair)) is Reason.TLS_EXPIRED


def test_a_certificate_from_the_future_is_refused() -> None:
    pair = ROOT.issue(HOST, begins=pki.DAY)
    assert refused(outbound(ROOT.trust()), foreign_server(pair)) is Reason.TLS_NOT_YET_VALID


def test_a_certificate_for_clients_is_refused() -> None:
    pair = ROOT.issue(HOST, usage=pki.FOR_CLIENTS)
    assert refused(outbound(ROOT.trust()), foreign_server(pair)) is Reason.TLS_CHAIN


def test_a_small_key_is_refused() -> None:
    """RSA with 1024 bits is below the security level, whatever has signed it."""
    pair = ROOT.issue(HOST, key=pki.rsa_key(1024))
    assert refused(outbound(ROOT.trust()), foreign_server(pair)) is Reason.TLS_KEY


def test_a_small_key_of_the_authority_is_refused() -> None:
    """Trusted or not: what it signs could be forged."""
    small = pki.Authority.root("small", key=pki.rsa_key(1024))
    assert refused(outbound(small.trust()), foreign_server(small.issue(HOST))) is Reason.TLS_KEY


@pytest.mark.parametrize("at", ["leaf", "issuer", "any"])
def test_another_key_than_the_pinned_one_is_refused(at: str) -> None:
    end = outbound(ROOT.trust(), pins=PinRule(frozenset({WRONG_PIN}), at))
    assert refused(end, foreign_server(GOOD)) is Reason.TLS_PIN
    assert end.note.pinned is False
    assert end.refusal is not None
    assert "none of 1 pins" in end.refusal.detail


def test_a_pin_at_the_wrong_place_is_refused() -> None:
    """A pin of the leaf does not count as one of its issuer, and the reverse."""
    leaf, issuer = spki_pin(GOOD.chain[0]), spki_pin(ROOT.certificate)
    for pin, wrong, right in ((leaf, "issuer", "leaf"), (issuer, "leaf", "issuer")):
        end = outbound(ROOT.trust(), pins=PinRule(frozenset({pin}), wrong))
        assert refused(end, foreign_server(GOOD)) is Reason.TLS_PIN
        end = outbound(ROOT.trust(), pins=PinRule(frozenset({pin}), right))
        meet(end, foreign_server(GOOD))
        assert end.refusal is None


def test_a_certificate_that_was_merely_sent_along_satisfies_no_pin() -> None:
    """An attacker with any valid certificate can append the pinned one: it is not in the chain."""
    padded = pair_of((*GOOD.chain, OTHER.certificate), GOOD.key, label="padded")
    end = outbound(ROOT.trust(), pins=PinRule(frozenset({WRONG_PIN})))
    assert refused(end, foreign_server(padded)) is Reason.TLS_PIN


def test_a_pin_that_is_only_reported_is_recorded_and_not_refused() -> None:
    end = outbound(ROOT.trust(), pins=PinRule(frozenset({WRONG_PIN}), report_only=True))
    meet(end, foreign_server(GOOD))
    assert end.refusal is None
    assert end.handshake is not None
    assert end.handshake.pinned is False


def test_a_name_is_judged_before_pins_and_also_where_pins_only_report() -> None:
    pins = PinRule(frozenset({spki_pin(GOOD.chain[0])}), report_only=True)
    end = outbound(ROOT.trust(), host="elsewhere.test", pins=pins)
    assert refused(end, foreign_server(GOOD)) is Reason.TLS_NAME


def test_tls_1_2_is_refused_under_modern_and_accepted_under_intermediate() -> None:
    server = foreign_server(GOOD, newest=SSL.TLS1_2_VERSION)
    assert refused(outbound(ROOT.trust(), MODERN), server) is Reason.TLS_VERSION
    end = outbound(ROOT.trust(), INTERMEDIATE)
    meet(end, foreign_server(GOOD, newest=SSL.TLS1_2_VERSION))
    assert end.refusal is None
    assert end.handshake is not None
    assert (end.handshake.version, end.handshake.group) == ("TLSv1.2", "x25519")


def test_tls_1_1_is_refused_under_every_profile() -> None:
    for profile in (MODERN, INTERMEDIATE):
        server = foreign_server(GOOD, oldest=SSL.TLS1_VERSION, newest=SSL.TLS1_1_VERSION)
        assert refused(outbound(ROOT.trust(), profile), server) is Reason.TLS_VERSION


@pytest.mark.parametrize(
    "ciphers",
    [b"ECDHE-ECDSA-AES128-SHA", b"ECDHE-ECDSA-AES256-SHA384", b"ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0"],
)
def test_a_server_without_acceptable_suites_is_refused(ciphers: bytes) -> None:
    """CBC and CCM_8: nothing that Mozilla's intermediate recommendation would offer."""
    server = foreign_server(GOOD, ciphers=ciphers, newest=SSL.TLS1_2_VERSION)
    assert refused(outbound(ROOT.trust(), INTERMEDIATE), server) is Reason.TLS_CIPHER


def test_static_rsa_key_exchange_is_refused() -> None:
    """No forward secrecy, and no group at all."""
    pair = ROOT.issue(HOST, key=pki.rsa_key(2048))
    server = foreign_server(pair, ciphers=b"AES128-GCM-SHA256", newest=SSL.TLS1_2_VERSION)
    assert refused(outbound(ROOT.trust(), INTERMEDIATE), server) is Reason.TLS_CIPHER


def test_a_classical_group_is_refused_where_post_quantum_is_required() -> None:
    """The handshake is complete then, so its facts are there for the record."""
    end = outbound(ROOT.trust(), with_pq(INTERMEDIATE))
    meet(end, foreign_server(GOOD, newest=SSL.TLS1_2_VERSION))
    assert end.refusal is not None
    assert end.refusal.reason is Reason.TLS_GROUP
    assert end.handshake is not None
    assert end.handshake.group == "x25519"


def test_a_revoked_certificate_is_refused() -> None:
    end = outbound(ROOT.trust(ROOT.crl(GOOD)))
    assert refused(end, foreign_server(GOOD)) is Reason.TLS_REVOKED
    end = outbound(ROOT.trust(ROOT.crl()))
    meet(end, foreign_server(GOOD))
    assert end.refusal is None


def test_a_stale_revocation_list_refuses_everybody() -> None:
    """An attacker who keeps the new list from us gains nothing."""
    stale = ROOT.crl(begins=-30 * pki.DAY, ends=-pki.DAY)
    assert refused(outbound(ROOT.trust(stale)), foreign_server(GOOD)) is Reason.TLS_CRL


def test_a_missing_or_forged_revocation_list_refuses_everybody() -> None:
    forger = pki.Authority.root("root")  # the same name, another key
    for crl in (OTHER.crl(), forger.crl()):
        assert refused(outbound(ROOT.trust(crl)), foreign_server(GOOD)) is Reason.TLS_CRL


def test_an_intermediate_needs_a_revocation_list_of_its_own() -> None:
    middle = ROOT.intermediate()
    pair = middle.issue(HOST)
    assert refused(outbound(ROOT.trust(ROOT.crl())), foreign_server(pair)) is Reason.TLS_CRL
    end = outbound(ROOT.trust(ROOT.crl(), middle.crl(pair)))
    assert refused(end, foreign_server(pair)) is Reason.TLS_REVOKED


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.9\r\n", b"220 mail ESMTP\r\n"]
)
def test_a_server_that_does_not_speak_tls_is_refused(answer: bytes) -> None:
    end = outbound(ROOT.trust())
    with pytest.raises(SSL.WantReadError):
        end.connection.do_handshake()
    end.connection.bio_write(answer)
    with pytest.raises(SSL.Error) as raised:
        end.connection.do_handshake()
    end.conclude(raised.value)
    assert end.refusal is not None
    assert end.refusal.reason is Reason.TLS_PLAINTEXT


def test_a_server_that_hangs_up_is_told_apart() -> None:
    end = outbound(ROOT.trust())
    with pytest.raises(SSL.WantReadError):
        end.connection.do_handshake()
    end.connection.bio_shutdown()
    with pytest.raises(SSL.Error) as raised:
        end.connection.do_handshake()
    end.conclude(raised.value)
    assert end.refusal is not None
    assert end.refusal.reason is Reason.TLS_CLOSED


def test_a_resumed_session_is_refused_for_nothing_was_verified_in_it() -> None:
    """Made to happen by force: what a foreign server remembers is put back into a connection of ours."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_session_id(b"foreign")
    context.use_certificate(GOOD.chain[0])
    context.use_privatekey(GOOD.key)
    ours = client_context(MODERN, ROOT.trust(), pair=None)

    def meeting(session: SSL.Session | None) -> End:
        note = Note()
        connection = client_connection(ours, None, host=HOST, pins=None, note=note)
        if session is not None:
            connection.set_session(session)
        end = End(connection, note, MODERN, HOST)
        server = SSL.Connection(context, None)
        server.set_accept_state()
        meet(end, server)
        with pytest.raises(SSL.WantReadError):
            connection.recv(1)  # takes in the tickets
        return end

    first = meeting(None)
    assert first.refusal is None
    second = meeting(first.connection.get_session())
    assert second.refusal is not None
    assert second.refusal.reason is Reason.TLS_RESUMED
    assert second.handshake is not None
    assert second.handshake.peer is not None
    assert second.handshake.peer_chain_pins == ()


def test_an_upstream_that_wants_a_client_certificate_and_gets_none_is_told_apart() -> None:
    """Under TLS 1.3 our handshake succeeds first; the refusal comes with the first read."""
    server = inbound(GOOD, clients=OTHER.trust(), require_client=True)
    end = outbound(ROOT.trust())
    meet(end, server)
    assert end.refusal is None
    with pytest.raises(SSL.Error) as raised:
        end.connection.recv(1)
    refusal = failure(raised.value, end.note, leg="outbound")
    assert refusal.reason is Reason.TLS_CLIENT_CERTIFICATE
    assert "certificate required" in refusal.detail


def test_an_upstream_that_does_not_trust_our_client_certificate_is_told_apart() -> None:
    server = inbound(GOOD, clients=OTHER.trust(), require_client=True)
    end = outbound(ROOT.trust(), pair=ROOT.issue("gate.test", usage=pki.FOR_CLIENTS))
    meet(end, server)
    with pytest.raises(SSL.Error) as raised:
        end.connection.recv(1)
    refusal = failure(raised.value, end.note, leg="outbound")
    assert refusal.reason is Reason.TLS_CLIENT_CERTIFICATE


def test_nobody_is_trusted_by_an_empty_store() -> None:
    nobody = TrustStore(certificates=(), crls=(), label="nobody")
    assert refused(outbound(nobody), foreign_server(GOOD)) is Reason.TLS_UNKNOWN_CA


def test_a_connection_made_past_us_still_verifies_the_chain() -> None:
    """Who takes the context and forgets client_connection gets no unverified connection."""
    connection = SSL.Connection(client_context(MODERN, OTHER.trust(), pair=None), None)
    connection.set_connect_state()
    end = End(connection, Note(), MODERN, HOST)
    assert refused(end, foreign_server(GOOD)) is Reason.TLS_CHAIN
