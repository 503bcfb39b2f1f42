"""The authority for first steps makes what careful ones make."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

from mcpgate.tls.localca import LEAF_LIFE, LocalCA, write_pair
from mcpgate.tls.material import load_pair, load_pairs
from mcpgate.tls.profile import PROFILES
from mcpgate.tls.reading import MaterialError, Reading
from mcpgate.tls.trust import load_trust
from tests.pki import NOW
from tests.tls.meeting import inbound, meet, outbound

CA = LocalCA.create("test CA", NOW)


def test_its_pairs_shake_hands_on_both_sides() -> None:
    server = inbound(CA.server(["localhost", "127.0.0.1"], NOW), clients=CA.trust(), require_client=True)
    client = outbound(CA.trust(), host="localhost", pair=CA.client("spiffe://example.org/ci", NOW))
    meet(client, server)
    assert client.refusal is None
    assert server.refusal is None
    assert server.handshake is not None
    assert server.handshake.peer is not None
    assert server.handshake.peer.uris == ("spiffe://example.org/ci",)


def test_a_certificate_lives_at_most_ninety_days_and_has_names() -> None:
    leaf = CA.server(["localhost", "::1"], NOW).chain[0]
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= LEAF_LIFE
    assert leaf.not_valid_before_utc < NOW
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["::1"]


def test_what_it_writes_is_what_the_gate_loads(tmp_path: Path) -> None:
    CA.save(tmp_path / "ca.pem", tmp_path / "ca-key.pem")
    served = tmp_path / "tls"
    served.mkdir()
    write_pair(CA.server(["localhost"], NOW), served / "gate.crt", served / "gate.key")
    write_pair(CA.client("ci.test", NOW), tmp_path / "ci.crt", tmp_path / "ci.key")
    reading = Reading()
    (pair,) = load_pairs(reading, served, PROFILES["modern"], NOW)
    assert pair.names == ("localhost",)
    assert load_pair(reading, tmp_path / "ci.crt", tmp_path / "ci.key", NOW).facts.dns_names == ("ci.test",)
    assert load_trust(reading, tmp_path / "ca.pem", None, NOW).certificates == (CA.certificate,)
    for key in (tmp_path / "ca-key.pem", served / "gate.key", tmp_path / "ci.key"):
        assert key.stat().st_mode & 0o777 == 0o600


def test_it_can_be_loaded_again_to_issue_more(tmp_path: Path) -> None:
    CA.save(tmp_path / "ca.pem", tmp_path / "ca-key.pem")
    again = LocalCA.load(tmp_path / "ca.pem", tmp_path / "ca-key.pem")
    client = outbound(CA.trust(), host="localhost")
    meet(client, inbound(again.server(["localhost"], NOW)))
    assert client.refusal is None
    LocalCA.create("other", NOW).save(tmp_path / "other.pem", tmp_path / "other-key.pem")
    with pytest.raises(MaterialError, match="other-key.pem: is not the key of the CA"):
        LocalCA.load(tmp_path / "ca.pem", tmp_path / "other-key.pem")


def test_nothing_is_ever_overwritten(tmp_path: Path) -> None:
    CA.save(tmp_path / "ca.pem", tmp_path / "ca-key.pem")
    before = (tmp_path / "ca-key.pem").read_bytes()
    with pytest.raises(FileExistsError):
        LocalCA.create("other", NOW).save(tmp_path / "ca.pem", tmp_path / "ca-key.pem")
    assert (tmp_path / "ca-key.pem").read_bytes() == before


def test_its_revocation_lists_revoke() -> None:
    caller = CA.client("ci.test", NOW)
    client = outbound(CA.trust(), host="localhost", pair=caller)
    server = inbound(
        CA.server(["localhost"], NOW), clients=CA.trust(CA.crl([caller.chain[0]], NOW)), require_client=True
    )
    meet(client, server)
    assert server.refusal is not None
    assert server.refusal.reason == "tls.revoked"


def test_its_key_is_in_no_repr() -> None:
    assert "key" not in repr(CA).lower()
