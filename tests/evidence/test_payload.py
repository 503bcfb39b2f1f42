"""What is sealed to an auditor is for the auditor, in the place where it was."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.evidence.payload import PIECE, Auditor, PayloadError, Reader, new_pair, payload_line
from mcpgate.evidence.record import LINE_MOST, timestamp
from tests.evidence.lines import one_line

PRIVATE, PUBLIC = new_pair()
AUDITOR, READER = Auditor.of(PUBLIC), Reader.of(PRIVATE)


@given(st.binary(max_size=300), st.integers(0, 9))
def test_what_is_sealed_opens_with_the_other_half_alone(piece: bytes, number: int) -> None:
    sealed = AUDITOR.seal(piece, "x-1", "request", number)
    text = base64.b64encode(sealed).decode()
    assert READER.open(text, "x-1", "request", number) == piece
    assert not piece or len(piece) < 4 or piece not in sealed
    with pytest.raises(PayloadError, match="does not open with this key"):
        Reader.of(new_pair()[0]).open(text, "x-1", "request", number)


def test_a_piece_opens_nowhere_else() -> None:
    """Not as another's, not as another part, not as another piece of it, and not changed."""
    text = base64.b64encode(AUDITOR.seal(b"secret", "x-1", "request", 0)).decode()
    for exchange, part, number in (("x-2", "request", 0), ("x-1", "answer", 0), ("x-1", "request", 1)):
        with pytest.raises(PayloadError):
            READER.open(text, exchange, part, number)
    for wrong in ("A" + text[1:] if text[0] != "A" else "B" + text[1:], text[:-8], "!", "AAAA"):
        with pytest.raises(PayloadError):
            READER.open(wrong, "x-1", "request", 0)


def test_a_payload_line_says_whose_and_how_much_is_missing() -> None:
    line = payload_line(
        "p-1",
        time=timestamp(1_800_000_000.5),
        exchange="x-1",
        part="answer",
        number=2,
        last=True,
        cut=7,
        key=AUDITOR.name,
        sealed=b"\xff" * 3,
    )
    assert {key: value for key, value in one_line(line).items() if key not in ("v", "id", "time")} == {
        "type": "payload",
        "exchange": "x-1",
        "part": "answer",
        "number": 2,
        "last": True,
        "cut": 7,
        "key": READER.name,
        "sealed": "////",
    }


def test_the_largest_piece_fits_a_line() -> None:
    sealed = AUDITOR.seal(b"x" * PIECE, "x-1", "request", 0)
    facts = {"exchange": "x" * 100, "number": 10**9, "last": True, "cut": 10**15}
    line = payload_line("p-1", time="t", part="request", key=AUDITOR.name, sealed=sealed, **facts)  # type: ignore[arg-type]
    assert len(line) < LINE_MOST


def test_a_key_that_is_none_of_ours_is_told_apart(tmp_path: Path) -> None:
    """And a private key is not taken for the public half: the gate's host could read what it records."""
    other = Ed25519PrivateKey.generate()
    private = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for pem, words in ((PRIVATE, "is a private key"), (public, "another kind"), (b"", "no public key")):
        with pytest.raises(PayloadError, match=words):
            Auditor.of(pem)
    for pem, words in ((private, "another kind"), (PUBLIC, "no private key"), (b"\xff", "no private key")):
        with pytest.raises(PayloadError, match=words):
            Reader.of(pem)


def test_openssl_makes_the_same_keys(tmp_path: Path) -> None:
    """An auditor need not have mcpgate for that."""
    key, public = tmp_path / "key.pem", tmp_path / "public.pem"
    made = ["openssl", "genpkey", "-algorithm", "X25519", "-out", str(key)]
    shown = ["openssl", "pkey", "-in", str(key), "-pubout", "-out", str(public)]
    for command in (made, shown):
        subprocess.run(command, check=True, capture_output=True)
    assert Auditor.of(public.read_bytes()).name == Reader.of(key.read_bytes()).name


@pytest.mark.parametrize("number", [0, 1, 2**255 - 19, 2**255 - 20])
def test_a_key_of_low_order_is_refused_when_it_is_read(number: int) -> None:
    """Whatever is sealed to it, everybody can open; the library will not, in the middle of traffic."""
    key = X25519PublicKey.from_public_bytes(number.to_bytes(32, "little"))
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(PayloadError, match="hides nothing"):
        Auditor.of(pem)
