"""Reasons out of what OpenSSL raised. (Those of real handshakes are in the refusal tests.)"""

from __future__ import annotations

import pytest
from OpenSSL import SSL

from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.failure import Leg, NoSharedProtocol, failure
from mcpgate.tls.verify import Note


def openssl(words: str) -> SSL.Error:
    """An error as pyOpenSSL raises it."""
    return SSL.Error([("SSL routines", "", words)])


@pytest.mark.parametrize(
    ("words", "leg", "reason"),
    [
        ("tlsv1 alert protocol version", "outbound", Reason.TLS_VERSION),
        ("unsupported protocol", "inbound", Reason.TLS_VERSION),
        ("no shared cipher", "inbound", Reason.TLS_CIPHER),
        ("sslv3 alert handshake failure", "outbound", Reason.TLS_CIPHER),  # OpenSSL 3
        ("ssl/tls alert handshake failure", "outbound", Reason.TLS_CIPHER),  # OpenSSL 3.2
        ("tls alert handshake failure", "outbound", Reason.TLS_CIPHER),  # OpenSSL 4
        ("no suitable key share", "inbound", Reason.TLS_GROUP),
        ("no suitable groups", "inbound", Reason.TLS_GROUP),
        ("wrong version number", "outbound", Reason.TLS_PLAINTEXT),
        ("http request", "inbound", Reason.TLS_PLAINTEXT),
        ("tlsv13 alert certificate required", "outbound", Reason.TLS_CLIENT_CERTIFICATE),
        ("ssl/tls alert certificate revoked", "outbound", Reason.TLS_CLIENT_CERTIFICATE),
        ("tlsv1 alert unknown ca", "outbound", Reason.TLS_CLIENT_CERTIFICATE),
        ("tlsv1 alert unknown ca", "inbound", Reason.TLS_ALERT),
        ("ssl/tls alert certificate unknown", "inbound", Reason.TLS_ALERT),
        ("tlsv1 alert internal error", "outbound", Reason.TLS_ALERT),
        ("peer did not return a certificate", "inbound", Reason.TLS_CLIENT_CERTIFICATE),
        ("certificate verify failed", "inbound", Reason.TLS_CHAIN),
        ("ee key too small", "inbound", Reason.TLS_KEY),
        ("something new", "inbound", Reason.TLS_FAILED),
    ],
)
def test_each_of_openssls_words_has_its_reason(words: str, leg: Leg, reason: Reason) -> None:
    refusal = failure(openssl(words), Note(), leg=leg)
    assert refusal.reason is reason
    assert refusal.detail


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (SSL.SysCallError(-1, "Unexpected EOF"), "the peer closed the connection during the handshake"),
        (SSL.ZeroReturnError(), "the peer closed the connection during the handshake"),
        (SSL.SysCallError(104, "ECONNRESET"), "the peer closed the connection: ECONNRESET"),
        (
            ConnectionResetError(104, "Connection reset by peer"),
            "the peer closed the connection: Connection reset by peer",
        ),
    ],
)
def test_an_end_is_an_end_however_it_came(error: SSL.Error | OSError, detail: str) -> None:
    assert failure(error, Note(), leg="outbound") == Refusal(Reason.TLS_CLOSED, detail)


def test_what_the_verification_noted_comes_first() -> None:
    noted = Refusal(Reason.TLS_PIN, "none of 2 pins matches")
    for error in (openssl("certificate verify failed"), SSL.SysCallError(-1, "Unexpected EOF")):
        assert failure(error, Note(refusal=noted), leg="outbound") is noted


@pytest.mark.parametrize("error", [SSL.Error(), SSL.Error([]), SSL.Error("text"), SSL.Error([("odd",)])])
def test_an_error_without_words_is_still_a_refusal(error: SSL.Error) -> None:
    assert failure(error, Note(), leg="inbound").reason is Reason.TLS_FAILED


def test_our_own_alpn_refusal_is_known_by_its_type() -> None:
    assert failure(NoSharedProtocol([]), Note(), leg="inbound").reason is Reason.TLS_ALPN
