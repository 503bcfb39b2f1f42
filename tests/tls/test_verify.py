"""The callback that OpenSSL asks: it fails closed, whatever happens in it."""

from __future__ import annotations

from OpenSSL import SSL, crypto

from mcpgate.reasons import Reason
from mcpgate.tls.contexts import client_context
from mcpgate.tls.pins import PinRule, spki_pin
from mcpgate.tls.verify import Note, chain_refusal, client_callback, server_callback
from tests import pki
from tests.tls.meeting import HOST, MODERN

ROOT = pki.Authority.root()
LEAF = ROOT.issue(HOST).chain[0]
CONNECTION = SSL.Connection(client_context(MODERN, ROOT.trust(), pair=None), None)


def asked(callback: object, certificate: object, code: int, depth: int, ok: int) -> bool:
    """What the callback answers OpenSSL."""
    return callback(CONNECTION, certificate, code, depth, ok)  # type: ignore[operator,no-any-return]


def openssl(certificate: object) -> crypto.X509:
    return crypto.X509.from_cryptography(certificate)  # type: ignore[arg-type]


def test_an_error_of_openssls_is_never_cleared() -> None:
    """A true answer would clear it: also for a certificate that we would like."""
    for make in (lambda note: server_callback(HOST, None, note), client_callback):
        note = Note()
        assert asked(make(note), openssl(LEAF), 10, 0, 0) is False
        assert note.refusal is not None
        assert note.refusal.reason is Reason.TLS_EXPIRED


def test_the_first_reason_is_kept() -> None:
    note = Note()
    callback = server_callback("elsewhere.test", None, note)
    asked(callback, openssl(LEAF), 20, 0, 0)
    asked(callback, openssl(LEAF), 0, 0, 1)
    assert note.refusal is not None
    assert note.refusal.reason is Reason.TLS_UNKNOWN_CA


def test_an_exception_is_a_refusal() -> None:
    note = Note()
    assert asked(server_callback(HOST, None, note), None, 0, 0, 1) is False
    assert note.refusal is not None
    assert note.refusal.reason is Reason.TLS_CHAIN


def test_issuers_are_only_gathered_until_the_leaf_is_asked_about() -> None:
    note = Note()
    pins = PinRule(frozenset({spki_pin(ROOT.certificate)}), "issuer")
    callback = server_callback(HOST, pins, note)
    assert asked(callback, openssl(ROOT.certificate), 0, 1, 1) is True
    assert note.pinned is None
    assert asked(callback, openssl(LEAF), 0, 0, 1) is True
    assert note.pinned is True
    assert note.refusal is None


def test_an_unknown_code_is_a_chain_error_that_names_itself() -> None:
    refusal = chain_refusal(9999, 2, LEAF)
    assert refusal.reason is Reason.TLS_CHAIN
    assert (
        refusal.detail == "OpenSSL verification error 9999: the issuer at depth 2 CN=leaf (issued by CN=root)"
    )
