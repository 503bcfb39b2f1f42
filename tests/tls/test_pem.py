"""PEM files, and what they can hold instead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.tls import pem
from mcpgate.tls.pem import PrivateKey
from mcpgate.tls.reading import MaterialError
from tests import pki

ROOT = pki.Authority.root()
PAIR = ROOT.intermediate().issue("mcp.test")
CHAIN = pki.pem(*PAIR.chain)
KEY = pki.key_pem(PAIR.key)
CRL = pki.pem(ROOT.crl())
PATH = Path("dir/gate.pem")


def test_certificates_come_in_the_order_of_the_file() -> None:
    assert pem.certificates(b"subject=/CN=x\n" + CHAIN + KEY, PATH) == PAIR.chain


def test_a_key_is_found_among_certificates_and_parameters() -> None:
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    key = pem.private_key(CHAIN + parameters + KEY, PATH)
    assert key.public_key() == PAIR.chain[0].public_key()
    assert pem.has_private_key(CHAIN + KEY)
    assert not pem.has_private_key(CHAIN)


@pytest.mark.parametrize("form", [PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8])
@pytest.mark.parametrize("key", [pki.ec_key(), pki.rsa_key(2048)], ids=["EC", "RSA"])
def test_both_usual_forms_of_keys_are_read(key: PrivateKey, form: PrivateFormat) -> None:
    written = key.private_bytes(Encoding.PEM, form, NoEncryption())
    assert pem.private_key(written, PATH).public_key() == key.public_key()


ENCRYPTED = PAIR.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hunter2"))
DSA = dsa.generate_private_key(1024).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("read", "octets", "says"),
    [
        (pem.certificates, b"", "holds no certificate"),
        (pem.certificates, KEY, "holds no certificate"),
        (pem.certificates, CHAIN[:-40], "a certificate in it is cut off"),
        (pem.certificates, CHAIN.replace(b"\nMII", b"\nAAA", 1), "certificate 1 in it does not parse"),
        (pem.private_key, b"", "holds no private key"),
        (pem.private_key, KEY[:-40], "holds no private key"),
        (pem.private_key, KEY + KEY, "holds 2 private keys"),
        (pem.private_key, ENCRYPTED, "is encrypted"),
        (pem.private_key, DSA, "DSA key cannot be used"),
        (pem.private_key, KEY.replace(b"\nM", b"\nA", 1), "the private key does not parse"),
        (pem.revocation_lists, CHAIN, "holds no revocation list"),
        (pem.revocation_lists, CRL[:-40], "cut off"),
        (pem.revocation_lists, CRL.replace(b"\nM", b"\nA", 1), "does not parse"),
    ],
)
def test_what_is_wrong_is_said_with_the_path(
    read: Callable[[bytes, Path], object], octets: bytes, says: str
) -> None:
    with pytest.raises(MaterialError, match=says) as raised:
        read(octets, PATH)
    assert str(raised.value).startswith("dir/gate.pem: ")
    assert KEY.splitlines()[1].decode() not in str(raised.value)


def test_unreadable_certificates_of_a_collection_are_left_out() -> None:
    broken = CHAIN.replace(b"\nMII", b"\nAAA", 1)
    assert pem.readable_certificates(broken) == PAIR.chain[1:]


@given(st.binary(max_size=80), st.integers(0, 600), st.integers(0, 20))
def test_any_damage_is_a_material_error(octets: bytes, at: int, length: int) -> None:
    for read, whole in ((pem.certificates, CHAIN), (pem.private_key, KEY), (pem.revocation_lists, CRL)):
        try:
            read(whole[:at] + octets + whole[at + length :], PATH)
        except MaterialError:
            pass
