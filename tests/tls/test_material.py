"""Certificate files: what is served, and what is refused with a sentence for the operator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mcpgate.tls.material import MAX_CHAIN, Pair, choose, load_pair, load_pairs
from mcpgate.tls.profile import PROFILES
from mcpgate.tls.reading import MaterialError, Reading
from tests import pki
from tests.pki import DAY, NOW

MODERN = PROFILES["modern"]
ROOT = pki.Authority.root()
MIDDLE = ROOT.intermediate()
PAIR = MIDDLE.issue("mcp.test", "*.Wild.test", addresses=["10.0.0.1"])


def load(path: Path) -> tuple[Pair, ...]:
    return load_pairs(Reading(), path, MODERN, NOW)


def test_a_file_with_both_is_a_pair(tmp_path: Path) -> None:
    path = pki.write(tmp_path / "gate.pem", pki.pem(*PAIR.chain) + pki.key_pem(PAIR.key))
    (pair,) = load(path)
    assert pair.chain == PAIR.chain
    assert pair.names == ("mcp.test", "*.wild.test", "10.0.0.1")
    assert pair.label == "gate.pem"
    assert pair.facts.spki_pin.startswith("sha256/")
    assert pair.facts.subject == "CN=leaf"


@pytest.mark.parametrize(
    ("certificate", "key"),
    [
        ("gate.crt", "gate.key"),
        ("gate.pem", "gate.key"),
        ("gate.cert", "gate.key"),
        ("fullchain.pem", "privkey.pem"),
        ("tls.crt", "tls.key"),
    ],
)
def test_a_directory_may_hold_any_of_the_usual_names(tmp_path: Path, certificate: str, key: str) -> None:
    pki.write_halves(tmp_path, PAIR, certificate, key)
    (pair,) = load(tmp_path)
    assert pair.label == certificate


def test_certbots_and_kubernetes_further_files_are_left_alone(tmp_path: Path) -> None:
    pki.write_halves(tmp_path, PAIR, "fullchain.pem", "privkey.pem")
    pki.write(tmp_path / "cert.pem", pki.pem(PAIR.chain[0]))
    pki.write(tmp_path / "chain.pem", pki.pem(*PAIR.chain[1:]))
    pki.write(tmp_path / "ca.crt", pki.pem(ROOT.certificate))
    pki.write(tmp_path / "README", b"do not touch")
    pki.write(tmp_path / ".gate.crt.swp", b"")
    assert len(load(tmp_path)) == 1


def test_a_directory_of_several_pairs_is_sorted_by_name(tmp_path: Path) -> None:
    pki.write_halves(tmp_path, ROOT.issue("b.test"), "b.crt", "b.key")
    pki.write_halves(tmp_path, ROOT.issue("a.test"), "a.crt", "a.key")
    combined = ROOT.issue("c.test")
    pki.write(tmp_path / "c.pem", pki.pem(*combined.chain) + pki.key_pem(combined.key))
    assert [pair.names for pair in load(tmp_path)] == [("a.test",), ("b.test",), ("c.test",)]


def both(pair: Pair) -> Callable[[Path], None]:
    return lambda directory: pki.write_halves(directory, pair, "gate.crt", "gate.key")


def replaced(
    certificate: bytes | None = None, key: bytes | None = None, mode: int = 0o600
) -> Callable[[Path], None]:
    """A directory with a good pair, of which one file is replaced by something else."""

    def prepare(directory: Path) -> None:
        pki.write_halves(directory, PAIR, "gate.crt", "gate.key")
        if certificate is not None:
            pki.write(directory / "gate.crt", certificate)
        if key is not None:
            pki.write(directory / "gate.key", key)
        (directory / "gate.key").chmod(mode)

    return prepare


def without(name: str) -> Callable[[Path], None]:
    def prepare(directory: Path) -> None:
        pki.write_halves(directory, PAIR, "gate.crt", "gate.key")
        (directory / name).unlink()

    return prepare


def twice(directory: Path) -> None:
    pki.write_halves(directory, PAIR, "one.crt", "one.key")
    pki.write_halves(directory, ROOT.issue("mcp.test"), "two.crt", "two.key")


CHAIN, KEY = pki.pem(*PAIR.chain), pki.key_pem(PAIR.key)
MANY = [f"host{number}.a-rather-long-domain-name-to-fill-the-chain.test" for number in range(600)]


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (lambda directory: None, "holds no certificate with its key"),
        (without("gate.key"), "gate.crt: has no key"),
        (without("gate.crt"), "gate.key: has no certificate of the same name"),
        (twice, "one.crt and two.crt are both for mcp.test"),
        (replaced(certificate=b""), "gate.crt: holds no certificate"),
        (replaced(certificate=CHAIN[:-100]), "gate.crt: a certificate in it is cut off"),
        (replaced(key=b""), "gate.key: holds no private key"),
        (replaced(key=KEY[:100]), "gate.key: holds no private key"),
        (replaced(key=pki.key_pem(pki.ec_key())), "gate.key: the key does not belong to the certificate"),
        (replaced(certificate=pki.pem(ROOT.issue("mcp.test").chain[0])), "does not belong"),
        (replaced(certificate=pki.pem(*reversed(PAIR.chain))), "does not belong"),
        (replaced(certificate=CHAIN + pki.pem(PAIR.chain[0])), "the chain is out of order: CN=intermediate"),
        (replaced(certificate=pki.pem(PAIR.chain[0], ROOT.certificate)), "CN=leaf was not issued by CN=root"),
        (replaced(mode=0o604), r"gate.key: everybody on this machine may access the key \(mode 0604\)"),
        (both(ROOT.issue("mcp.test", begins=-9 * DAY, ends=-DAY)), "gate.crt: CN=leaf has expired on "),
        (both(ROOT.issue("mcp.test", begins=DAY)), "is valid only from .* clock right?"),
        (both(ROOT.issue()), "gate.crt: names no host"),
        (both(ROOT.issue(uris=["spiffe://a/b"])), "gate.crt: names no host"),
        (both(ROOT.issue("mcp.test", uris=["urn:uuid:1:2"])), "gate.crt: .* cannot be read"),
        (both(ROOT.issue(raw_san=pki.UNREADABLE_SAN)), "gate.crt: its extensions do not parse"),
        (
            both(ROOT.issue("mcp.test", usage=pki.FOR_CLIENTS)),
            "gate.crt: the certificate is not meant for servers",
        ),
        (both(ROOT.issue("mcp.test", key=pki.rsa_key(1024))), "the key is RSA-1024; at least 2048"),
        (both(ROOT.issue(*MANY)), f"at most {MAX_CHAIN} are served"),
    ],
)
def test_what_a_client_would_refuse_is_refused_at_load(
    tmp_path: Path, prepare: Callable[[Path], None], says: str
) -> None:
    """The operator is looking now; later only clients are."""
    prepare(tmp_path)
    with pytest.raises(MaterialError, match=says) as raised:
        load(tmp_path)
    assert KEY.splitlines()[1].decode() not in str(raised.value)


def test_a_key_that_its_group_may_read_is_accepted(tmp_path: Path) -> None:
    """The usual way to let a service read a key that root renews."""
    replaced(mode=0o640)(tmp_path)
    assert len(load(tmp_path)) == 1


def test_a_certificate_without_stated_purposes_is_for_all(tmp_path: Path) -> None:
    both(ROOT.issue("mcp.test", usage=None))(tmp_path)
    assert len(load(tmp_path)) == 1


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MaterialError, match="gate.pem: No such file or directory"):
        load(tmp_path / "gate.pem")


def test_a_client_certificate_needs_no_names_but_its_purpose(tmp_path: Path) -> None:
    good = ROOT.issue("ci.test", usage=pki.FOR_CLIENTS)
    pki.write_halves(tmp_path, good, "ci.crt", "ci.key")
    pair = load_pair(Reading(), tmp_path / "ci.crt", tmp_path / "ci.key", NOW)
    assert pair.chain == good.chain
    pki.write(tmp_path / "ci.pem", pki.pem(*good.chain) + pki.key_pem(good.key))
    assert load_pair(Reading(), tmp_path / "ci.pem", None, NOW).facts == pair.facts
    pki.write_halves(tmp_path, PAIR, "server.crt", "server.key")
    with pytest.raises(MaterialError, match="server.crt: the certificate is not meant for clients"):
        load_pair(Reading(), tmp_path / "server.crt", tmp_path / "server.key", NOW)


def test_a_private_key_is_in_no_repr() -> None:
    assert "PrivateKey" not in repr(PAIR)


def test_the_pair_is_chosen_by_name_then_wildcard_then_default() -> None:
    exact, wild, default = ROOT.issue("a.wild.test"), ROOT.issue("*.wild.test"), ROOT.issue("mcp.test")
    pairs = (wild, exact, default)
    for sni, expected in (
        ("a.wild.test", exact),
        ("b.wild.test", wild),
        ("a.b.wild.test", default),
        ("wild.test", default),
        ("mcp.test", default),
        ("unknown.test", default),
        (None, default),
    ):
        assert choose(pairs, sni, default) is expected
