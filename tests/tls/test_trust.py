"""Whom to believe: files of CAs and revocation lists, and live connections judged by newer ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from mcpgate.reasons import Reason
from mcpgate.tls.material import Pair, pair_of
from mcpgate.tls.pem import PrivateKey
from mcpgate.tls.reading import MaterialError, Reading
from mcpgate.tls.trust import TrustStore, load_trust, recheck
from tests import pki
from tests.pki import DAY, NOW
from tests.tls.meeting import HOST, foreign_client, foreign_server, inbound, meet, outbound

ROOT = pki.Authority.root()
MIDDLE = ROOT.intermediate()
OTHER = pki.Authority.root("other root")
CALLER = MIDDLE.issue("ci.test", usage=pki.FOR_CLIENTS)
CHAIN = (*CALLER.chain, ROOT.certificate)


def load(tmp_path: Path, authorities: bytes, lists: bytes | None = None) -> TrustStore:
    path = pki.write(tmp_path / "ca.pem", authorities)
    crl = None if lists is None else pki.write(tmp_path / "crl.pem", lists)
    return load_trust(Reading(), path, crl, NOW)


def test_a_file_of_several_authorities_is_read_whole(tmp_path: Path) -> None:
    trust = load(tmp_path, pki.pem(ROOT.certificate, OTHER.certificate, MIDDLE.certificate))
    assert trust.certificates == (ROOT.certificate, OTHER.certificate, MIDDLE.certificate)
    assert trust.crls == ()
    assert trust.label == "ca.pem"


@pytest.mark.parametrize(
    ("authorities", "lists", "says"),
    [
        (b"", None, "ca.pem: holds no certificate"),
        (b"garbage", None, "ca.pem: holds no certificate"),
        (pki.pem(CALLER.chain[0]), None, "ca.pem: CN=leaf is not a CA certificate"),
        (pki.pem(pki.Authority.root("old", ends=-DAY).certificate), None, "ca.pem: CN=old has expired on"),
        (pki.pem(MIDDLE.certificate), None, "CN=intermediate is an intermediate, .* add CN=root"),
        (pki.pem(ROOT.certificate), b"", "crl.pem: holds no revocation list"),
        (pki.pem(ROOT.certificate), pki.pem(OTHER.crl()), "crl.pem: holds no revocation list of CN=root"),
        (
            pki.pem(ROOT.certificate),
            pki.pem(ROOT.crl(ends=-DAY, begins=-9 * DAY)),
            "was good until .* get a new one",
        ),
        (pki.pem(ROOT.certificate), pki.pem(ROOT.crl(begins=DAY)), "is good only from .* clock right?"),
        (
            pki.pem(ROOT.certificate),
            pki.pem(pki.Authority.root().crl()),
            "is not signed by the CA of that name",
        ),
    ],
)
def test_what_would_refuse_every_peer_is_refused_at_load(
    tmp_path: Path, authorities: bytes, lists: bytes | None, says: str
) -> None:
    with pytest.raises(MaterialError, match=says):
        load(tmp_path, authorities, lists)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(MaterialError, match="ca.pem: No such file"):
        load_trust(Reading(), tmp_path / "ca.pem", None, NOW)


def test_a_loaded_store_verifies_a_server(tmp_path: Path) -> None:
    pair = MIDDLE.issue(HOST)
    lists = pki.pem(ROOT.crl(), MIDDLE.crl())
    client = outbound(load(tmp_path, pki.pem(ROOT.certificate), lists))
    meet(client, foreign_server(pair))
    assert client.refusal is None


def test_the_digest_changes_with_every_certificate_and_list(tmp_path: Path) -> None:
    root = pki.pem(ROOT.certificate)
    stores = [
        load(tmp_path, root),
        load(tmp_path, root + pki.pem(OTHER.certificate)),
        load(tmp_path, root, pki.pem(ROOT.crl())),
        load(tmp_path, root, pki.pem(ROOT.crl(CALLER))),
    ]
    assert len({store.digest for store in stores}) == 4
    assert load(tmp_path, root).digest == stores[0].digest


def test_a_live_connection_is_judged_by_the_new_store() -> None:
    """A handshake was fine; then its certificate was revoked, or its CA removed."""
    assert recheck(ROOT.trust(), CHAIN) is None
    assert recheck(ROOT.trust(ROOT.crl(), MIDDLE.crl()), CHAIN) is None
    for trust, reason in (
        (ROOT.trust(ROOT.crl(), MIDDLE.crl(CALLER)), Reason.TLS_REVOKED),
        (ROOT.trust(ROOT.crl()), Reason.TLS_CRL),
        (OTHER.trust(), Reason.TLS_UNKNOWN_CA),
    ):
        # Twice: the store is built once and must not remember a verdict.
        for _ in range(2):
            refusal = recheck(trust, CHAIN)
            assert refusal is not None
            assert refusal.reason is reason


def test_a_live_connection_whose_certificate_has_expired_is_found() -> None:
    expired = ROOT.issue("ci.test", begins=-9 * DAY, ends=-DAY)
    refusal = recheck(ROOT.trust(), expired.chain)
    assert refusal is not None
    assert refusal.reason is Reason.TLS_EXPIRED


RSA = pki.Authority.root("rsa root", key=pki.rsa_key(2048))
BELOW = ROOT.intermediate("small", key=pki.rsa_key(1024))


def _signed_with(digest: hashes.HashAlgorithm, *, root: bool = False) -> tuple[pki.Authority, Pair]:
    """A root, and a pair of which the leaf (or the root instead) is signed with that hash."""
    assert isinstance(RSA.key, rsa.RSAPrivateKey)
    pair, authority = RSA.issue("ci.test", usage=pki.FOR_CLIENTS), RSA
    if root:
        authority = evolve(RSA, certificate=pki.signed_with(digest, RSA.certificate, RSA.key))
    else:
        pair = pair_of((pki.signed_with(digest, pair.chain[0], RSA.key),), pair.key, label="leaf")
    return authority, pair


def _signed_intermediate(digest: hashes.HashAlgorithm) -> tuple[pki.Authority, Pair]:
    """A root, and a pair whose intermediate is signed with that hash."""
    assert isinstance(RSA.key, rsa.RSAPrivateKey)
    middle = RSA.intermediate()
    certificate = pki.signed_with(digest, middle.certificate, RSA.key)
    changed = evolve(middle, certificate=certificate, above=(certificate,))
    return RSA, changed.issue("ci.test", usage=pki.FOR_CLIENTS)


def _below(authority: pki.Authority, key: PrivateKey) -> tuple[pki.Authority, Pair]:
    """A root, and a pair whose intermediate has that key."""
    return authority, authority.intermediate(key=key).issue("ci.test", usage=pki.FOR_CLIENTS)


def _of_root(key: PrivateKey) -> tuple[pki.Authority, Pair]:
    """A root with that key, and a pair of its own."""
    authority = pki.Authority.root(key=key)
    return authority, authority.issue("ci.test", usage=pki.FOR_CLIENTS)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (_below(ROOT, pki.rsa_key(1024)), Reason.TLS_KEY),
        (_of_root(pki.rsa_key(1024)), Reason.TLS_KEY),
        (_below(ROOT, ec.generate_private_key(ec.SECP192R1())), Reason.TLS_KEY),
        (_signed_with(hashes.MD5()), Reason.TLS_CHAIN),
        (_signed_with(hashes.SHA1()), Reason.TLS_CHAIN),
        (_signed_intermediate(hashes.MD5()), Reason.TLS_CHAIN),
        (_signed_intermediate(hashes.SHA1()), Reason.TLS_CHAIN),
        (_signed_with(hashes.SHA1(), root=True), None),
        (_signed_with(hashes.SHA224()), None),
        (_below(ROOT, pki.rsa_key(2048)), None),
        (_below(ROOT, ec.generate_private_key(ec.SECP224R1())), None),
        (_below(ROOT, ec.generate_private_key(ec.BrainpoolP256R1())), None),
        (_below(RSA, ec.generate_private_key(ec.SECP521R1())), None),
    ],
    ids=[
        "small intermediate", "small root", "small curve", "md5 leaf", "sha1 leaf", "md5 intermediate",
        "sha1 intermediate", "sha1 root", "sha224", "rsa", "secp224r1", "brainpool", "secp521r1",
    ],
)  # fmt: skip
def test_a_chain_is_as_strong_as_a_handshake_of_ours_demands(
    made: tuple[pki.Authority, Pair], reason: Reason | None
) -> None:
    """Outside of a handshake there is no security level, and the same is refused in the same words."""
    authority, pair = made
    end = inbound(ROOT.issue(HOST), clients=authority.trust(), require_client=True)
    meet(foreign_client(ciphers=b"ALL:@SECLEVEL=0", pair=pair), end)
    refusal = recheck(authority.trust(), pair.chain)
    assert refusal == end.refusal
    assert (None if refusal is None else refusal.reason) is reason


def test_the_chain_that_counts_is_the_one_that_the_store_leads_to() -> None:
    """Who sends only a leaf has the issuers of the store, whatever was verified elsewhere."""
    trust = TrustStore(certificates=(BELOW.certificate, ROOT.certificate), crls=(), label="test")
    refusal = recheck(trust, BELOW.issue("ci.test", usage=pki.FOR_CLIENTS).chain[:1])
    assert refusal is not None
    assert refusal.reason is Reason.TLS_KEY
    assert "CA key too small: the issuer at depth 1 CN=small" in refusal.detail


def test_a_live_connection_without_a_verified_chain_is_refused() -> None:
    refusal = recheck(ROOT.trust(), [])
    assert refusal is not None
    assert refusal.reason is Reason.TLS_RESUMED


def test_the_system_store_is_where_openssl_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SSL_CERT_FILE replaces it; entries that nobody can parse are the distribution's affair."""
    broken = pki.pem(OTHER.certificate).replace(b"\nMII", b"\nAAA", 1)
    bundle = pki.write(tmp_path / "bundle.crt", broken + pki.pem(ROOT.certificate))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    reading = Reading()
    trust = load_trust(reading, None, None, NOW)
    assert trust.certificates == (ROOT.certificate,)
    assert trust.label == "system"
    client = outbound(trust)
    meet(client, foreign_server(MIDDLE.issue(HOST)))
    assert client.refusal is None
    # And an update of the system's CAs is noticed like any other change.
    bundle.write_bytes(pki.pem(OTHER.certificate))
    assert reading.changed() == bundle


def test_the_system_store_may_be_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.pem", "0123abcd.0"):
        pki.write(tmp_path / name, pki.pem(ROOT.certificate))
    (tmp_path / "dangling.pem").symlink_to("nowhere")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert load_trust(Reading(), None, None, NOW).certificates == (ROOT.certificate,)


def test_a_system_without_authorities_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not an empty store that refuses every upstream later."""
    monkeypatch.setenv("SSL_CERT_FILE", str(pki.write(tmp_path / "empty.crt", b"")))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    with pytest.raises(MaterialError, match="no CA certificates .*empty.crt.*; install ca-certificates"):
        load_trust(Reading(), None, None, NOW)
