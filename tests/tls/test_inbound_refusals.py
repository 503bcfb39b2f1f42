"""Every way a caller's handshake can be refused, each by a meeting with the gate's own listener end."""

from __future__ import annotations

import pytest
from OpenSSL import SSL

from mcpgate.reasons import Reason
from mcpgate.tls.material import Pair
from tests import pki
from tests.tls.meeting import HOST, INTERMEDIATE, MODERN, End, foreign_client, inbound, meet, outbound

ROOT = pki.Authority.root()
CLIENTS = pki.Authority.root("clients")
PAIR = ROOT.issue(HOST)
CALLER = CLIENTS.issue("ci.test", usage=pki.FOR_CLIENTS)


def reason(end: End) -> Reason | None:
    """Why an end of ours refused, if it did."""
    return None if end.refusal is None else end.refusal.reason


def test_an_old_version_is_refused() -> None:
    for profile, newest in ((MODERN, SSL.TLS1_2_VERSION), (INTERMEDIATE, SSL.TLS1_1_VERSION)):
        end = inbound(PAIR, profile)
        meet(foreign_client(newest=newest, ciphers=b"ALL:@SECLEVEL=0"), end)
        assert reason(end) is Reason.TLS_VERSION


def test_only_weak_suites_are_refused() -> None:
    end = inbound(PAIR, INTERMEDIATE)
    meet(foreign_client(newest=SSL.TLS1_2_VERSION, ciphers=b"ECDHE-ECDSA-AES128-SHA"), end)
    assert reason(end) is Reason.TLS_CIPHER


def test_another_application_protocol_is_refused() -> None:
    end, client = inbound(PAIR), foreign_client(alpn=[b"h2"])
    meet(client, end)
    assert reason(end) is Reason.TLS_ALPN


def test_a_client_hears_no_application_protocol_and_not_an_internal_error() -> None:
    """RFC 7301 §3.2; Twisted sends internal_error."""
    client = outbound(ROOT.trust())
    client.connection.set_alpn_protos([b"h2", b"acme-tls/1"])
    meet(client, inbound(PAIR))
    assert client.refusal is not None
    assert client.refusal.reason is Reason.TLS_ALPN
    assert "no application protocol" in client.refusal.detail


@pytest.mark.parametrize(("offered", "chosen"), [(None, ""), ([b"h2", b"http/1.1"], "http/1.1")])
def test_http_1_1_is_spoken_with_and_without_asking(offered: list[bytes] | None, chosen: str) -> None:
    end = inbound(PAIR)
    meet(foreign_client(alpn=offered), end)
    assert reason(end) is None
    assert end.handshake is not None
    assert end.handshake.alpn == chosen


def test_a_client_certificate_is_verified_and_recorded() -> None:
    end = inbound(PAIR, clients=CLIENTS.trust(), require_client=True)
    meet(outbound(ROOT.trust(), pair=CALLER), end)
    assert reason(end) is None
    assert end.handshake is not None
    assert end.handshake.peer is not None
    assert end.handshake.peer.dns_names == ("ci.test",)


def test_a_required_client_certificate_that_is_missing_is_refused() -> None:
    for profile in (MODERN, INTERMEDIATE):
        end = inbound(PAIR, profile, clients=CLIENTS.trust(), require_client=True)
        meet(outbound(ROOT.trust(), profile), end)
        assert reason(end) is Reason.TLS_CLIENT_CERTIFICATE


def test_an_optional_client_certificate_may_be_missing() -> None:
    end = inbound(PAIR, clients=CLIENTS.trust())
    meet(outbound(ROOT.trust()), end)
    assert reason(end) is None
    assert end.handshake is not None
    assert end.handshake.peer is None


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        (ROOT.issue("ci.test", usage=pki.FOR_CLIENTS), Reason.TLS_UNKNOWN_CA),
        (
            CLIENTS.issue("ci.test", usage=pki.FOR_CLIENTS, ends=-pki.DAY, begins=-9 * pki.DAY),
            Reason.TLS_EXPIRED,
        ),
        (CLIENTS.issue("ci.test", usage=pki.FOR_CLIENTS, begins=pki.DAY), Reason.TLS_NOT_YET_VALID),
        (CLIENTS.issue("ci.test", usage=pki.FOR_SERVERS), Reason.TLS_CHAIN),
    ],
    ids=["unknown ca", "expired", "not yet valid", "for servers"],
)
def test_a_bad_client_certificate_is_refused_also_where_it_is_optional(pair: Pair, expected: Reason) -> None:
    for required in (True, False):
        end = inbound(PAIR, clients=CLIENTS.trust(), require_client=required)
        meet(outbound(ROOT.trust(), pair=pair), end)
        assert reason(end) is expected


def test_a_revoked_client_certificate_is_refused() -> None:
    end = inbound(PAIR, clients=CLIENTS.trust(CLIENTS.crl(CALLER)), require_client=True)
    meet(outbound(ROOT.trust(), pair=CALLER), end)
    assert reason(end) is Reason.TLS_REVOKED


def test_a_client_that_does_not_believe_us_says_so() -> None:
    """The alert is the client's opinion of our certificate, not ours of its."""
    end = inbound(PAIR)
    meet(outbound(CLIENTS.trust()), end)
    assert reason(end) is Reason.TLS_ALERT
    assert end.refusal is not None
    assert "unknown ca" in end.refusal.detail
