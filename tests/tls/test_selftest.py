"""The gate proves its promises before it opens a port, and notices when they do not hold."""

from __future__ import annotations

import pytest
from attrs import evolve
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

from mcpgate.tls import names
from mcpgate.tls.contexts import server_context
from mcpgate.tls.selftest import self_test, try_handshake
from tests import pki
from tests.tls.meeting import HOST, INTERMEDIATE, MODERN

P384 = ec.SECP384R1()
ROOT = pki.Authority.root()


def test_this_installation_passes() -> None:
    self_test()


def test_groups_that_are_not_restricted_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pyOpenSSL whose setting has no effect."""
    monkeypatch.setattr(SSL.Context, "set_groups", lambda context, groups: None, raising=False)
    with pytest.raises(RuntimeError, match="groups are not restricted"):
        self_test()


def test_a_missing_post_quantum_group_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pyOpenSSL that drops a group it does not like."""
    monkeypatch.setattr(
        SSL.Context, "set_groups", lambda context, groups: context.set_tmp_ecdh(P384), raising=False
    )
    with pytest.raises(RuntimeError, match="agreed on secp384r1, not on X25519MLKEM768"):
        self_test()


def test_a_name_check_that_fails_open_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service_identity that raises nothing."""
    monkeypatch.setattr(names, "verify_certificate_hostname", lambda certificate, host: None)
    with pytest.raises(RuntimeError, match="accepts a certificate for another host"):
        self_test()


@pytest.mark.parametrize("profile", [MODERN, INTERMEDIATE], ids=lambda profile: profile.name)
def test_a_good_pair_passes_its_trial_also_where_client_certificates_are_required(profile: object) -> None:
    pair = ROOT.intermediate().issue(HOST, key=pki.rsa_key(2048))
    context = server_context(profile, pair, clients=ROOT.trust(), require_client=True)  # type: ignore[arg-type]
    assert try_handshake(context, HOST) is None
    assert try_handshake(context, "127.0.0.1") is None


def test_a_pair_that_cannot_shake_hands_fails_its_trial() -> None:
    """An RSA key with suites for ECDSA alone."""
    pair = ROOT.issue(HOST, key=pki.rsa_key(2048))
    profile = evolve(INTERMEDIATE, tls12=("ECDHE-ECDSA-AES128-GCM-SHA256",), groups=("secp521r1",))
    context = server_context(profile, pair, clients=None, require_client=False)
    refusal = try_handshake(context, HOST)
    assert refusal is not None
    assert refusal.reason in {"tls.group", "tls.cipher"}


def test_a_trial_leaves_the_contexts_verification_as_it_is() -> None:
    context = server_context(MODERN, ROOT.issue(HOST), clients=ROOT.trust(), require_client=True)
    try_handshake(context, HOST)
    assert context.get_verify_mode() == SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT
