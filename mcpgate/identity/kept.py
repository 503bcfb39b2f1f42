"""The file with the last keys of an issuer, one for all workers: they outlive restarts and outages.

Whoever fetches holds the lock beside it; the others read what is there. What stands in it is read as
strictly as what comes from the network, counts only for the issuer as it is configured now, and only if
nobody else could have written it.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Mapping
from math import isfinite
from pathlib import Path

import msgspec
from attrs import evolve, field, frozen

from mcpgate.identity.document import read_object
from mcpgate.identity.jwks import SET_MOST, KeySet, read_keys
from mcpgate.identity.replaced import ReplacedFile, create_private

#: Bytes: a set whose every character is escaped, and what stands around it.
FILE_MOST = 6 * SET_MOST + 16 * 1024
VERSION = 1


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    fingerprint: str
    fetched: float
    fresh: float
    sought: float
    asked: float
    failures: int
    why: str
    jwks: str
    endpoints: dict[str, str]
    discovered: float
    keys: str


@frozen
class Kept:
    """
    What is known of an issuer's keys. Times are Unix seconds; 0 for never.

    @ivar fetched: when C{raw} was told, and C{fresh}: for how many seconds it is good by the issuer's word.
    @ivar sought: when the issuer was last asked because of a key that nobody knew.
    @ivar asked: when it was last asked at all; C{failures}: how often in vain since then, and C{why}.
    @ivar jwks: where its keys were, and C{discovered} when that was found out.
    """

    keys: KeySet | None = None
    raw: bytes = field(default=b"", repr=False)
    fetched: float = 0.0
    fresh: float = 0.0
    sought: float = 0.0
    asked: float = 0.0
    failures: int = 0
    why: str = ""
    jwks: str = ""
    endpoints: Mapping[str, str] = field(factory=dict)
    discovered: float = 0.0


NOTHING = Kept()


class KeptFile:
    """
    The file of one issuer.

    @ivar problem: why it cannot be read or written, if so; then a worker has what it fetched itself.
    """

    def __init__(self, directory: Path, name: str, fingerprint: bytes) -> None:
        self.path = directory / f"{name}.json"
        self.problem: str | None = None
        self._lock_path = directory / f"{name}.json.lock"
        self._file = ReplacedFile(self.path)
        self._fingerprint = fingerprint.hex()
        self._seen: tuple[int, int, int] | None = None
        self._lock: int | None = None

    def begin(self) -> None:
        """Make the directory."""
        try:
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            self.problem = f"{self.path.parent}: {error.strerror}"

    def look(self, known: Kept) -> Kept | None:
        """What another worker has put there since the last look; C{None}: nothing new that counts."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        seen = (found.st_mtime_ns, found.st_ino, found.st_size)
        if seen == self._seen:
            return None
        self._seen = seen
        try:
            kept = self._read(known)
        except (OSError, ValueError) as error:
            what = error.strerror if isinstance(error, OSError) else error
            self.problem = f"{self.path}: {what}"
            return None
        self.problem = None
        return kept

    def write(self, kept: Kept) -> None:
        """Put it there, for the other workers and for another day."""
        file = _File(
            version=VERSION,
            fingerprint=self._fingerprint,
            fetched=kept.fetched,
            fresh=kept.fresh,
            sought=kept.sought,
            asked=kept.asked,
            failures=kept.failures,
            why=kept.why,
            jwks=kept.jwks,
            endpoints=dict(kept.endpoints),
            discovered=kept.discovered,
            keys=kept.raw.decode("utf-8"),
        )
        try:
            self._file.replace(msgspec.json.format(msgspec.json.encode(file), indent=1) + b"\n")
            found = self.path.stat()
        except OSError as error:
            self.problem = f"{self.path}: {error.strerror}"
            return
        self.problem = None
        self._seen = (found.st_mtime_ns, found.st_ino, found.st_size)

    def lock(self) -> bool:
        """
        Be the one who fetches, until L{unlock}; C{False}: another worker does.

        Where the disk refuses a lock, everybody fetches for himself.
        """
        try:
            lock = create_private(self._lock_path, os.O_RDWR)
        except OSError as error:
            self.problem = f"{self._lock_path}: {error.strerror}"
            return True
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        except OSError as error:
            # Some file systems of networks have no locks.
            os.close(lock)
            self.problem = f"{self._lock_path}: {error.strerror}"
            return True
        self._lock = lock
        return True

    def unlock(self) -> None:
        """Let others fetch."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _read(self, known: Kept) -> Kept | None:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise ValueError("is not a regular file")
            if found.st_mode & 0o022:
                raise ValueError("others may write it; remove it, and the keys are fetched anew")
            raw = file.read(FILE_MOST + 1)
        if len(raw) > FILE_MOST:
            raise ValueError("is larger than what is written there")
        return read_kept(raw, self._fingerprint, known)


def same_or_new(known: KeySet | None, told: KeySet) -> KeySet:
    """What was told; but what is known already, if there is nothing else in it, in whatever order."""
    if known is None or known.left_out != told.left_out or len(known.keys) != len(told.keys):
        return told
    # Both ways, as a set may have a key twice in the place of one that was taken back.
    same = all(key in known.keys for key in told.keys) and all(key in told.keys for key in known.keys)
    return known if same else told


def read_kept(raw: bytes, fingerprint: str, known: Kept = NOTHING) -> Kept | None:
    """
    What the bytes of a file say; C{None} where they are about the issuer as it was configured before.

    @param known: what was read last; if the keys are the same, so is the object.
    @raise ValueError: they are not what L{KeptFile.write} writes.
    """
    try:
        file = msgspec.convert(read_object(raw), _File, strict=True)
    except msgspec.ValidationError as error:
        # It names types and paths, never values.
        raise ValueError(f"not a file of keys: {error}") from None
    if file.version != VERSION:
        raise ValueError(f"written by another version (format {file.version}, not {VERSION})")
    if file.fingerprint != fingerprint:
        return None
    times = (file.fetched, file.fresh, file.sought, file.asked, file.discovered)
    if not all(isfinite(time) and time >= 0 for time in times) or file.failures < 0:
        raise ValueError("not a file of keys: a number is out of range")
    keys = file.keys.encode("utf-8")
    if keys == known.raw:
        parsed = known.keys
    else:
        parsed = same_or_new(known.keys, read_keys(keys)) if keys else None
    return evolve(
        known,
        keys=parsed,
        raw=keys,
        fetched=file.fetched,
        fresh=file.fresh,
        sought=file.sought,
        asked=file.asked,
        failures=file.failures,
        why=file.why,
        jwks=file.jwks,
        endpoints=file.endpoints,
        discovered=file.discovered,
    )
