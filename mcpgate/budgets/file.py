"""The file in which all workers of a host count: C{budgets} in the state directory, mapped into memory.

A count is looked up and moved on in some microseconds, without a word to the supervisor. The kernel
keeps order: a set of slots is locked for as long as one of them is changed, and each process holds the
lock of its row for as long as it lives, so that whoever finds it free knows that the process is gone,
however it ended. (Locks of open file descriptions: those of processes are lost when any descriptor of
the file is closed, and two gates in one process would not see each other's.)

The layout: a header; the keys of all slots, a set after the other; the slots' numbers; then for each
process a row with how many of its calls run for each slot. Keys are keyed digests of what is counted
by: no name of a caller or tool is in the file.

What may be written is allocated before it is mapped, as a full disk would otherwise end the process
(SIGBUS) at a count. Rows of processes that never were are holes.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import secrets
import struct
import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

NAME = "budgets"

#: As many as one worker has connections by default (limits.connections): a count for each caller. 2.8 MB.
SLOTS = 16384
#: A key has its place in one set of so many slots. At four keys for a set, one in a million sets is full.
WAYS = 16
SETS = SLOTS // WAYS
#: Twice the most workers there can be: those of a supervisor that was killed may be finishing still.
ROWS = 512
#: How long one waits for a lock that is held for microseconds. On a busy machine its holder may have lost
#: the processor for some milliseconds; one that was stopped must not stop all others.
LOCK_MOST = 0.1

KEY_SIZE = 16
#: A slot's numbers, of 8 bytes each: see C{budgets.ledger}.
NUMBERS = 21

_MAGIC = b"mcpgate budgets1"
_HEADER = 4096
_KEYS = _HEADER
_NUMBERS = _KEYS + SLOTS * KEY_SIZE
_ROWS = _NUMBERS + SLOTS * NUMBERS * 8
_ROW_SIZE = SLOTS * 4
SIZE = _ROWS + ROWS * _ROW_SIZE

# In the header: magic, digest of the boot, salt; then how many rows were ever taken.
_HEAD = struct.Struct("16s16s16s")
_TAKEN = struct.Struct("<Q")
_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
# The clock begins anew with the machine, and so do all windows.
_BOOT = Path("/proc/sys/kernel/random/boot_id")

# Which byte of the file stands for what is locked; no matter what is in it.
_LOCK_HEADER = 0
_LOCK_ROW = 1
_LOCK_SET = _LOCK_ROW + ROWS


class LedgerError(Exception):
    """The file cannot be made or used."""


def _flock(kind: int, byte: int) -> bytes:
    # struct flock of fcntl(2); the pid must be 0 for these locks.
    return struct.pack("@hhqqi0q", kind, os.SEEK_SET, byte, 1, 0)


_TAKE = [_flock(fcntl.F_WRLCK, byte) for byte in range(_LOCK_SET + SETS)]
_GIVE = [_flock(fcntl.F_UNLCK, byte) for byte in range(_LOCK_SET + SETS)]


def boot_of(path: Path = _BOOT) -> bytes:
    """What tells this boot of the machine from others."""
    try:
        return blake2b(path.read_bytes(), digest_size=16).digest()
    except OSError:
        # Without /proc: then a reboot is not noticed, and counts of before may last for a window longer.
        return bytes(16)


class LedgerFile:
    """
    The file, open and mapped.

    @ivar keys: The keys of all slots; to be searched, and written by slices.
    @ivar numbers: The slots' numbers, C{NUMBERS} for each.
    @ivar mine: How many calls of this process run for each slot. Nobody else writes there.
    """

    def __init__(self, state: Path, boot: Callable[[], bytes] = boot_of) -> None:
        """
        @param state: the state directory.
        @raise LedgerError: it cannot be made or used.
        """
        self.path = state / NAME
        try:
            self._fd = self._opened(boot())
        except OSError as error:
            raise LedgerError(f"{self.path}: {error.strerror}") from None
        try:
            self._map = mmap.mmap(self._fd, SIZE)
            self.salt = _HEAD.unpack_from(self._map)[2]
            whole = memoryview(self._map)
            self.numbers = whole[_NUMBERS:_ROWS].cast("Q")
            self._running = whole[_ROWS:].cast("I")
            self._views = (whole, self.numbers, self._running)
            self._row = self._claimed()
        except (OSError, ValueError) as error:
            self.close()
            raise LedgerError(f"{self.path}: {getattr(error, 'strerror', None) or error}") from None
        self.mine = self._running[self._row * SLOTS : (self._row + 1) * SLOTS]
        self._views = (self.mine, *self._views)

    _views: tuple[memoryview, ...] = ()
    _map: mmap.mmap

    def close(self) -> None:
        """Our running calls count no more."""
        for view in self._views:
            view.release()
        self._views = ()
        if hasattr(self, "_map"):
            self._map.close()
        os.close(self._fd)

    # Sets of slots.

    def lock(self, number: int) -> bool:
        """Have a set for ourselves; C{False}: not in time."""
        try:
            fcntl.fcntl(self._fd, fcntl.F_OFD_SETLK, _TAKE[_LOCK_SET + number])
        except (BlockingIOError, PermissionError):
            return self._locked(_LOCK_SET + number)
        return True

    def unlock(self, number: int) -> None:
        """Let others have it."""
        fcntl.fcntl(self._fd, fcntl.F_OFD_SETLK, _GIVE[_LOCK_SET + number])

    def key(self, slot: int) -> bytes:
        """The key that a slot is for; zeros: none."""
        at = _KEYS + slot * KEY_SIZE
        return self._map[at : at + KEY_SIZE]

    def write_key(self, slot: int, key: bytes) -> None:
        """A slot is for this key from now on."""
        at = _KEYS + slot * KEY_SIZE
        self._map[at : at + KEY_SIZE] = key

    def find(self, number: int, key: bytes) -> int:
        """The slot of a key in its set; -1: it has none."""
        begin = _KEYS + number * WAYS * KEY_SIZE
        end = begin + WAYS * KEY_SIZE
        at = self._map.find(key, begin, end)
        # Two keys may have a third between them, once in an age.
        while at >= 0 and (at - begin) % KEY_SIZE:
            at = self._map.find(key, at + 1, end)
        return (at - _KEYS) // KEY_SIZE if at >= 0 else -1

    # Rows of processes.

    def running(self, slot: int) -> int:
        """How many calls run for a slot, in all processes; those of dead ones too, until L{bury}."""
        rows = _TAKEN.unpack_from(self._map, _HEAD.size)[0]
        running = self._running
        return sum(running[row * SLOTS + slot] for row in range(rows))

    def bury(self) -> int:
        """Give back the calls of processes that are gone; how many processes that were."""
        (rows,) = _TAKEN.unpack_from(self._map, _HEAD.size)
        buried = 0
        for row in range(rows):
            if row != self._row and self._try(_LOCK_ROW + row):
                buried += self._empty(row)
                self._give(_LOCK_ROW + row)
        return buried

    def _empty(self, row: int) -> bool:
        at = _ROWS + row * _ROW_SIZE
        empty = self._map[at : at + _ROW_SIZE] == bytes(_ROW_SIZE)
        if not empty:
            self._map[at : at + _ROW_SIZE] = bytes(_ROW_SIZE)
        return not empty

    def _claimed(self) -> int:
        """A row that nobody has, for as long as we live."""
        for row in range(ROWS):
            if self._try(_LOCK_ROW + row):
                os.posix_fallocate(self._fd, _ROWS + row * _ROW_SIZE, _ROW_SIZE)
                self._empty(row)
                break
        else:
            raise ValueError(f"{ROWS} processes use it already")
        if not self._locked(_LOCK_HEADER):
            raise ValueError("somebody else holds it for too long")
        (rows,) = _TAKEN.unpack_from(self._map, _HEAD.size)
        _TAKEN.pack_into(self._map, _HEAD.size, max(rows, row + 1))
        self._give(_LOCK_HEADER)
        return row

    # Locks.

    def _try(self, byte: int) -> bool:
        try:
            fcntl.fcntl(self._fd, fcntl.F_OFD_SETLK, _TAKE[byte])
        except (BlockingIOError, PermissionError):
            return False
        return True

    def _locked(self, byte: int) -> bool:
        if self._try(byte):
            return True
        end = time.monotonic() + LOCK_MOST
        while time.monotonic() < end:
            os.sched_yield()
            if self._try(byte):
                return True
        return False

    def _give(self, byte: int) -> None:
        fcntl.fcntl(self._fd, fcntl.F_OFD_SETLK, _GIVE[byte])

    # The file itself.

    def _opened(self, boot: bytes) -> int:
        """
        It, or a new one in its place where it is of another boot or version. Whoever has an old one mapped
        goes on with that: it is replaced, never changed.
        """
        while True:
            fd = os.open(self.path, _FLAGS | os.O_CREAT, 0o600)
            try:
                self._fd = fd
                if not self._locked(_LOCK_HEADER):
                    raise OSError(errno.EBUSY, "somebody else holds it for too long")
                if self._is_there(fd):
                    if self._is_good(fd, boot):
                        self._give(_LOCK_HEADER)
                        return fd
                    # What was found there is locked until a good one stands in its place.
                    self._replace(boot)
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)

    def _is_there(self, fd: int) -> bool:
        """Whether nobody has put another in its place while we waited for the lock."""
        try:
            return os.path.samestat(os.fstat(fd), os.stat(self.path, follow_symlinks=False))
        except FileNotFoundError:
            return False

    def _is_good(self, fd: int, boot: bytes) -> bool:
        if os.fstat(fd).st_size != SIZE:
            return False
        magic, booted, _ = _HEAD.unpack(os.pread(fd, _HEAD.size, 0))
        return (magic, booted) == (_MAGIC, boot)

    def _replace(self, boot: bytes) -> None:
        fresh = f"{self.path}.new"
        fd = os.open(fresh, _FLAGS | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.ftruncate(fd, SIZE)
            os.posix_fallocate(fd, 0, _ROWS)
            os.pwrite(fd, _HEAD.pack(_MAGIC, boot, secrets.token_bytes(16)), 0)
        except BaseException:
            os.unlink(fresh)
            raise
        finally:
            os.close(fd)
        os.replace(fresh, self.path)
