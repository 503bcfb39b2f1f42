"""Signed notes: a few lines of text, and who has signed them (pure).

The form is that of C2SP (c2sp.org/signed-note), which transparency logs use, so that tools of others read
ours. A note is its text, an empty line, and a line for each signature::

    the text

    — NAME base64(key id, signature)

We sign with Ed25519 (RFC 8032) only. A key is told as C{NAME+KEYID+base64(0x01, public key)}, the C{vkey} of
that specification, where the key id is the beginning of a hash over all the rest: it tells keys of one name
apart and proves nothing. A signature by a key that is not known says nothing, and is passed over; one by
a known key that is wrong condemns the whole note.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256

from attrs import frozen
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

#: The signature type of Ed25519.
_ED25519 = b"\x01"
_DASH = "— "
#: The specification wants at least 16 to be accepted. Ours have one.
SIGNATURES_MOST = 100
#: Ours have some hundred bytes; 16 signatures of post-quantum kinds fit in, too.
NOTE_MOST = 128 * 1024
#: Names of ours are shorter; a longer one would only fill messages.
NAME_MOST = 255


class NoteError(ValueError):
    """It is not a signed note, or not a key, or a key that we know has not signed it."""


def judge_name(name: str) -> None:
    """
    @raise NoteError: It cannot be the name of a key.
    """
    if not 0 < len(name) <= NAME_MOST or not name.isprintable() or "+" in name or len(name.split()) != 1:
        raise NoteError("a key's name has no space and no +, and is neither empty nor long")
    if name != name.strip():
        raise NoteError("a key's name begins and ends with no space")


@frozen
class VerifierKey:
    """The public half of a key, by its name."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """Four bytes that tell keys of one name apart."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        """As it is told: C{NAME+KEYID+base64}."""
        return f"{self.name}+{self.id.hex()}+{b64encode(_ED25519 + self.public).decode('ascii')}"


@frozen
class SigningKey:
    """Both halves of a key. Its C{repr} shows the public one."""

    name: str
    _secret: bytes

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self._private().public_key().public_bytes_raw())

    @property
    def secret(self) -> bytes:
        """32 bytes, for the file that keeps it."""
        return self._secret

    def sign(self, text: str) -> bytes:
        """The note that this text and this key make.

        @param text: Whole lines, at least one.
        """
        if not text.endswith("\n") or any(ord(c) < 32 and c != "\n" for c in text):
            raise NoteError("a note's text is whole lines without control characters")
        raw = text.encode()
        signature = b64encode(self.verifier.id + self._private().sign(raw)).decode("ascii")
        return raw + f"\n{_DASH}{self.name} {signature}\n".encode()

    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self._secret)

    def __repr__(self) -> str:
        return f"SigningKey({self.verifier})"


@frozen
class Signature:
    """That some key may have signed: its name and id, and what it would have made."""

    name: str
    id: bytes
    value: bytes


@frozen
class Note:
    """A text and its signatures, none of them proved."""

    text: str
    signatures: tuple[Signature, ...]

    def signer(self, keys: Iterable[VerifierKey]) -> VerifierKey | None:
        """The first of these keys that has signed it, if any.

        @raise NoteError: A signature says that it is by one of them, and is not.
        """
        found = None
        for key in keys:
            for one in self.signatures:
                if one.name == key.name and one.id == key.id:
                    if not _signed(key, self.text, one.value):
                        raise NoteError(f"its signature by the key {key.name}+{key.id.hex()} is wrong")
                    found = found or key
        return found


def _signed(key: VerifierKey, text: str, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def read_key(text: str) -> VerifierKey:
    """A key as it is told: C{NAME+KEYID+base64}.

    @raise NoteError: It is none, or not of Ed25519.
    """
    name, _, rest = text.partition("+")
    id, _, key = rest.partition("+")
    judge_name(name)
    raw = decoded(key)
    if len(raw) != 33 or not raw.startswith(_ED25519):
        raise NoteError("not a key of Ed25519 (NAME+KEYID+base64)")
    found = VerifierKey(name, raw[1:])
    # The id is a hash of the rest: so a key that was copied badly is told as such.
    if str(found) != text:
        raise NoteError(f"the key {found.name} does not have the id that stands in it: it was copied badly")
    return found


def read_note(raw: bytes) -> Note:
    """A note, with none of its signatures proved.

    @raise NoteError: It is none.
    """
    if len(raw) > NOTE_MOST:
        raise NoteError(f"longer than any note ({NOTE_MOST} bytes)")
    try:
        whole = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise NoteError("not a note: it is not UTF-8") from None
    if any(ord(c) < 32 and c != "\n" for c in whole):
        raise NoteError("not a note: it has control characters")
    text, gap, below = whole.rpartition("\n\n")
    if not gap or not text or not below.endswith("\n"):
        raise NoteError("not a note: it has no text, an empty line and signatures below")
    lines = below[:-1].split("\n")
    if len(lines) > SIGNATURES_MOST:
        raise NoteError(f"more than {SIGNATURES_MOST} signatures")
    return Note(text + "\n", tuple(map(_signature, lines)))


def _signature(line: str) -> Signature:
    name, space, value = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space:
        raise NoteError("not a note: a line below its text is no signature")
    judge_name(name)
    raw = decoded(value)
    if len(raw) < 5:
        raise NoteError("not a note: a signature is too short to be one")
    return Signature(name, raw[:4], raw[4:])


def decoded(text: str) -> bytes:
    """
    @raise NoteError: It is not the base64 of anything, or not as it is written.
    """
    try:
        raw = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError("malformed base64") from None
    # There are several ways to write the same bytes, and one of them counts.
    if b64encode(raw).decode("ascii") != text:
        raise NoteError("malformed base64")
    return raw


def notes_in(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """The notes in a file of them, each with the line that it begins at (from 1) and unread.

    They stand one behind the other, each followed by an empty line, and their texts have no empty line.
    What is no note comes out in pieces, too, up to where a note may end; so does a part of one at the end.
    """
    start, first, ended = 0, 1, False
    position = 0
    for number, line in enumerate(raw.split(b"\n"), 1):
        if ended and not line:
            yield first, raw[start:position]
            start, first = position + 1, number + 1
        ended = line.startswith(_DASH.encode())
        position += len(line) + 1
    if start < len(raw):
        yield first, raw[start:]
