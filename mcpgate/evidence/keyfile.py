"""The file of the key that signs evidence: C{evidence-key.json} in the state directory; and its public half.

The gate's name in its evidence is made with the first key, once, and is the name of all keys after it: two
gates with the same host name are still two. Of each key that was replaced only the public half stays, with
the note by which it named its successor; so whoever has any of the keys can check all that came after.

It is judged strictly: a file that cannot be understood is an error and never a reason to begin another,
which would end the sequence that others rely on. C{evidence.pub} beside it is for others to have, and is
made anew from it.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path

import msgspec
from attrs import frozen

from mcpgate.evidence.checkpoint import Succession
from mcpgate.evidence.note import NoteError, SigningKey, VerifierKey, judge_name, read_key
from mcpgate.evidence.record import timestamp
from mcpgate.evidence.trusted import Trusted, follow, written_keys
from mcpgate.identity.replaced import ReplacedFile

NAME = "evidence-key.json"
PUBLIC = "evidence.pub"

_SECRET_SIZE = 32
#: The end of the year 9999, which is the last that dates are written in.
_CREATED_MOST = 253402300800.0
#: One a month for two decades. A file that somebody rotates in a loop stays small.
KEYS_MOST = 256


class EvidenceKeyError(Exception):
    """The key file cannot be read, understood or written, or has no room for another key."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    gate: str
    created: float
    key: str
    public: tuple[str, ...]
    successions: tuple[str, ...]


#: What to do about a file that is none, as no command replaces it.
MEND = (
    "put a copy back; or move it, evidence.pub and the journal away, and the gate begins anew, under "
    "another name"
)


@frozen
class EvidenceKeys:
    """The key that signs, and how one came to it from the first.

    @ivar created: When the one that signs was made, in Unix seconds.
    @ivar public: All public halves, in their order; the last one is of the key that signs.
    @ivar successions: The notes by which each named the next.
    """

    signing: SigningKey
    created: float
    public: tuple[VerifierKey, ...]
    successions: tuple[bytes, ...]

    @property
    def gate(self) -> str:
        """What the gate is called in its evidence."""
        return self.signing.name

    def published(self) -> bytes:
        """What C{evidence.pub} says."""
        return written_keys(self.public, self.successions)


def read_keys(raw: bytes) -> EvidenceKeys:
    """What is in a file's bytes.

    @raise EvidenceKeyError: They are not exactly what L{KeyFile} writes. No key is quoted.
    """
    try:
        return _keys_of(raw)
    except EvidenceKeyError as error:
        raise EvidenceKeyError(f"{error}; {MEND}") from None


def _keys_of(raw: bytes) -> EvidenceKeys:
    try:
        file = msgspec.json.decode(raw, type=_File)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        # msgspec names types and paths in its messages, never values.
        raise EvidenceKeyError(f"not an evidence key file: {error}") from None
    if file.version != 1:
        raise EvidenceKeyError(f"written by another version (format {file.version}, not 1)")
    if not 0 <= file.created < _CREATED_MOST:
        raise EvidenceKeyError("not an evidence key file: its key was created at no time that there is")
    if not 1 <= len(file.public) <= KEYS_MOST:
        count = len(file.public)
        raise EvidenceKeyError(f"not an evidence key file: it has {count} keys, not 1 to {KEYS_MOST}")
    try:
        secret = b64decode(file.key, validate=True)
        judge_name(file.gate)
        public = tuple(map(read_key, file.public))
    except ValueError:
        raise EvidenceKeyError("not an evidence key file: a key or a name is malformed") from None
    # Written back it must be the same: base64 has several ways to write one value.
    if len(secret) != _SECRET_SIZE or b64encode(secret).decode("ascii") != file.key:
        raise EvidenceKeyError("not an evidence key file: the key is malformed")
    keys = EvidenceKeys(
        SigningKey(file.gate, secret),
        file.created,
        public,
        tuple(note.encode("utf-8", "surrogatepass") for note in file.successions),
    )
    if keys.signing.verifier != public[-1]:
        raise EvidenceKeyError("not an evidence key file: the key is not the last of those that it names")
    try:
        followed = follow(Trusted(public[0]), keys.successions)
    except NoteError as error:
        raise EvidenceKeyError(f"not an evidence key file: {error}") from None
    if followed.keys != public or len(file.successions) != len(public) - 1:
        raise EvidenceKeyError("not an evidence key file: a key was not named by the one before")
    return keys


def judge_mode(mode: int) -> None:
    """
    @raise EvidenceKeyError: Others than its owner may read or write it.
    """
    if mode & 0o077:
        raise EvidenceKeyError("others than its owner may read or write it; run chmod 600 on it")


class KeyFile:
    """The file, and the only writer of it and of C{evidence.pub}."""

    def __init__(self, state: Path, *, host: Callable[[], str] = socket.gethostname) -> None:
        """
        @param state: the state directory.
        @param host: what the name of a new gate begins with.
        """
        self.path = state / NAME
        self.public = state / PUBLIC
        self._host = host
        self._file = ReplacedFile(self.path)
        self._published = ReplacedFile(self.public)

    def load(self) -> EvidenceKeys | None:
        """The keys as they are now; C{None} if there is no file yet.

        @raise EvidenceKeyError: It cannot be read or understood, or others may read or write it.
        """
        try:
            with self.path.open("rb") as file:
                mode, raw = os.fstat(file.fileno()).st_mode, file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise EvidenceKeyError(f"{self.path}: {error.strerror}") from error
        try:
            judge_mode(mode)
            return read_keys(raw)
        except EvidenceKeyError as error:
            raise EvidenceKeyError(f"{self.path}: {error}") from None

    def stamp(self) -> tuple[int, int, int] | None:
        """What is another one as soon as the file is; C{None} if it is not there."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def begin(self, now: float) -> tuple[EvidenceKeys, bool]:
        """Make it with a first key, unless it is there; and whether it was made.

        @raise EvidenceKeyError: as L{load}, or it cannot be made, or it is gone while its public half stays.
        """
        try:
            with self._file.locked():
                keys = self.load()
                if keys is not None:
                    self._publish(keys)
                    return keys, False
                if self.public.exists():
                    raise EvidenceKeyError(f"{self.path}: it is gone, and {PUBLIC} is there; {MEND}")
                key = SigningKey(_gate_name(self._host()), secrets.token_bytes(_SECRET_SIZE))
                keys = EvidenceKeys(key, now, (key.verifier,), ())
                self._file.replace(_written(keys))
                self._publish(keys)
        except OSError as error:
            raise EvidenceKeyError(f"{self.path}: {error.strerror}") from error
        return keys, True

    def rotate(self, now: float) -> EvidenceKeys:
        """Have the key name its successor, which signs from now on; the old one's secret is gone then.

        @raise EvidenceKeyError: as L{load}, or there is none, or it cannot be changed.
        """
        try:
            with self._file.locked():
                old = self.load()
                if old is None:
                    raise EvidenceKeyError(f"{self.path}: not there; a gate makes it at its first start")
                if len(old.public) >= KEYS_MOST:
                    raise EvidenceKeyError(f"{self.path}: it has room for no more than {KEYS_MOST} keys")
                key = SigningKey(old.gate, secrets.token_bytes(_SECRET_SIZE))
                said = Succession(old.gate, key.verifier, timestamp(now)).text()
                successions = (*old.successions, old.signing.sign(said))
                keys = EvidenceKeys(key, now, (*old.public, key.verifier), successions)
                # Whoever sees the new half of it alone can do nothing with it yet, and no harm.
                self._file.replace(_written(keys))
                self._publish(keys)
        except OSError as error:
            raise EvidenceKeyError(f"{self.path}: {error.strerror}") from error
        return keys

    def _publish(self, keys: EvidenceKeys) -> None:
        raw = keys.published()
        if not self.public.exists() or self.public.read_bytes() != raw:
            self._published.replace(raw)


def _gate_name(host: str) -> str:
    """A name that no other gate has: the host's, as far as it can be one, and 40 random bits."""
    plain = re.sub(r"[^a-z0-9.-]+", "-", host.lower()).strip("-.")[:64] or "gate"
    return f"{plain}-{secrets.token_hex(5)}"


def _written(keys: EvidenceKeys) -> bytes:
    file = _File(
        1,
        keys.gate,
        keys.created,
        b64encode(keys.signing.secret).decode("ascii"),
        tuple(map(str, keys.public)),
        tuple(note.decode() for note in keys.successions),
    )
    return msgspec.json.format(msgspec.json.encode(file), indent=1) + b"\n"
