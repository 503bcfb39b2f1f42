"""The file of session keys: C{session-keys.json} in the state directory.

Replicas that are to serve each other's sessions have copies of it. It is judged strictly, as a file of
tokens is: one that cannot be understood is an error, and never a reason to begin a new one, which would
end every session in silence.
"""

from __future__ import annotations

import os
import secrets
from base64 import b64decode, b64encode
from itertools import pairwise
from pathlib import Path

import msgspec
from attrs import frozen

from mcpgate.identity.replaced import ReplacedFile
from mcpgate.sessions.sealed import KEY_ID_SIZE, KEY_SIZE, RIPE, SessionKey

NAME = "session-keys.json"

#: The longest that limits.session_lifetime may be (seconds). No session needs a key that sealed nothing
#: for so long, whatever is configured: a rotation need not read the configuration.
LIFETIME_MOST = 30 * 86400.0
#: And a little, for the clocks of replicas.
MARGIN = 3600.0
#: The end of the year 9999, which is the last that dates are written in.
CREATED_MOST = 253402300800.0
#: One a day for a month is half of this. A file that somebody rotates in a loop stays small.
KEYS_MOST = 64


class KeyFileError(Exception):
    """The key file cannot be read, understood or written, or has no room for another key."""


class _Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    created: float
    key: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    keys: tuple[_Key, ...]


#: What to do about a file that is none, as no command replaces it.
MEND = "put a copy back, or remove it and run mcpgate session rotate, which ends every session"


def read_keys(raw: bytes) -> tuple[SessionKey, ...]:
    """The keys in a file's bytes, in the order of their creation.

    @raise KeyFileError: They are not exactly what L{KeyFile} writes. No key is quoted.
    """
    try:
        return _keys_of(raw)
    except KeyFileError as error:
        raise KeyFileError(f"{error}; {MEND}") from None


def _keys_of(raw: bytes) -> tuple[SessionKey, ...]:
    try:
        file = msgspec.json.decode(raw, type=_File)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        # msgspec names types and paths in its messages, never values.
        raise KeyFileError(f"not a session key file: {error}") from None
    if file.version != 1:
        raise KeyFileError(f"written by another version (format {file.version}, not 1)")
    if not 1 <= len(file.keys) <= KEYS_MOST:
        raise KeyFileError(f"not a session key file: it has {len(file.keys)} keys, not 1 to {KEYS_MOST}")
    try:
        keys = [
            SessionKey(bytes.fromhex(key.id), key.created, b64decode(key.key, validate=True))
            for key in file.keys
        ]
    except ValueError:
        raise KeyFileError("not a session key file: a key or its id is malformed") from None
    sizes = {(len(key.id), len(key.secret)) for key in keys}
    # Written back it must be the same: base64 and hexadecimal have several ways to write one value.
    if sizes != {(KEY_ID_SIZE, KEY_SIZE)} or tuple(map(_row, keys)) != file.keys:
        raise KeyFileError("not a session key file: a key or its id is malformed")
    if not all(0 <= key.created < CREATED_MOST for key in keys):
        raise KeyFileError("not a session key file: a key was created at no time that there is")
    if len({key.id for key in keys}) != len(keys):
        raise KeyFileError("not a session key file: two keys have the same id")
    return tuple(sorted(keys, key=lambda key: key.created))


def judge_mode(mode: int) -> None:
    """
    @raise KeyFileError: Others than its owner may read or write it.
    """
    if mode & 0o077:
        raise KeyFileError("others than its owner may read or write it; run chmod 600 on it")


@frozen
class Rotation:
    """What a rotation did: the new key, and how many old ones it kept and dropped."""

    key: SessionKey
    kept: int
    dropped: int


class KeyFile:
    """The file, and the only writer of it."""

    def __init__(self, state: Path) -> None:
        """
        @param state: the state directory.
        """
        self.path = state / NAME
        self._file = ReplacedFile(self.path)

    def load(self) -> tuple[SessionKey, ...]:
        """The keys as they are now; none if there is no file yet.

        @raise KeyFileError: It cannot be read or understood, or others may read or write it.
        """
        try:
            with self.path.open("rb") as file:
                mode, raw = os.fstat(file.fileno()).st_mode, file.read()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise KeyFileError(f"{self.path}: {error.strerror}") from error
        try:
            judge_mode(mode)
            return read_keys(raw)
        except KeyFileError as error:
            raise KeyFileError(f"{self.path}: {error}") from None

    def begin(self, now: float) -> None:
        """Make it with a first key, unless it is there.

        @raise KeyFileError: as L{load}, or it cannot be made.
        """
        try:
            with self._file.locked():
                if not self.load():
                    self._file.replace(_written((_new_key(now, ()),)))
        except OSError as error:
            raise KeyFileError(f"{self.path}: {error.strerror}") from error

    def rotate(self, now: float, *, forget: bool = False) -> Rotation:
        """Add a key, and drop those that no live session can need any more.

        @param forget: Drop all old ones, so that every session ends.
        @raise KeyFileError: as L{load}, or it cannot be changed.
        """
        try:
            with self._file.locked():
                old = self.load()
                kept = () if forget else _needed(old, now)
                if len(kept) >= KEYS_MOST:
                    raise KeyFileError(
                        f"{self.path}: sessions may still need all of its {len(kept)} keys, and it has room "
                        "for no more; rotate less often, or end every session with --now"
                    )
                key = _new_key(now, old)
                self._file.replace(_written((*kept, key)))
        except OSError as error:
            raise KeyFileError(f"{self.path}: {error.strerror}") from error
        return Rotation(key, len(kept), len(old) - len(kept))


def _needed(keys: tuple[SessionKey, ...], now: float) -> tuple[SessionKey, ...]:
    """
    Those that a live session may have been sealed with.

    A key seals until the next one is ripe, so its own age says nothing.
    """
    over = now - (RIPE + LIFETIME_MOST + MARGIN)
    return (*(key for key, after in pairwise(keys) if after.created > over), *keys[-1:])


def _new_key(now: float, others: tuple[SessionKey, ...]) -> SessionKey:
    known = {key.id for key in others}
    id = next(id for id in iter(lambda: secrets.token_bytes(KEY_ID_SIZE), None) if id not in known)
    return SessionKey(id, now, secrets.token_bytes(KEY_SIZE))


def _written(keys: tuple[SessionKey, ...]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(_File(1, tuple(map(_row, keys)))), indent=1) + b"\n"


def _row(key: SessionKey) -> _Key:
    return _Key(key.id.hex(), key.created, b64encode(key.secret).decode("ascii"))
