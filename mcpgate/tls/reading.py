"""A snapshot of files: each is read once, and confirmed to be unchanged before it is believed.

Certificates are replaced while the gate runs, and a certificate and its key cannot be replaced in
one step. So everything that one generation is built from is read through one L{Reading}, judged,
and then read a second time: if any byte differs, what was judged is thrown away.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from attrs import Factory, define, field, frozen

#: Largest file that is read, in bytes: a certificate takes 2 KB; revocation lists of large private
#: CAs reach a few megabytes.
MAX_FILE = 16 * 1024 * 1024

_Found = TypeVar("_Found")


class MaterialError(Exception):
    """A file of certificates, keys or lists cannot be used; the message names it and says why."""


@frozen
class _File:
    octets: bytes = field(repr=False)
    sha256: str
    mode: int


@define
class Reading:
    """The files and directories read so far, by path. Symbolic links are followed."""

    _files: dict[Path, _File] = field(init=False, default=Factory(dict), repr=False)
    _listings: dict[Path, tuple[str, ...]] = field(init=False, default=Factory(dict))
    _missing: set[Path] = field(init=False, default=Factory(set))

    def read(self, path: Path) -> bytes:
        """The file's bytes, from memory if it was read before.

        @raise MaterialError: if it cannot be read, is no regular file, or is larger than L{MAX_FILE}.
        """
        return self._file(path).octets

    def read_if_there(self, path: Path) -> bytes | None:
        """As L{read}; C{None} if there is no such file, and its coming is a change.

        @raise MaterialError: as L{read}, but for a file that is not there.
        """
        if path not in self._missing:
            if path in self._files or os.path.lexists(path):
                return self.read(path)
            self._missing.add(path)
        return None

    def mode(self, path: Path) -> int:
        """The permission bits the file had when it was read."""
        return self._file(path).mode

    def names(self, path: Path) -> tuple[str, ...]:
        """The names in a directory, sorted, without those that begin with a dot.

        Kubernetes swaps a mounted directory by its C{..data} link; the visible names stay.
        """
        if path not in self._listings:
            self._listings[path] = _list(path)
        return self._listings[path]

    def digest(self) -> bytes:
        """One SHA-256 over all that was read; equal if and only if nothing differs."""
        total = hashlib.sha256()
        for path, file in sorted(self._files.items()):
            total.update(f"{path}\0{file.sha256}\0{file.mode:o}\0".encode())
        for path, names in sorted(self._listings.items()):
            total.update("\0".join((str(path), *names, "")).encode(errors="surrogateescape"))
        for path in sorted(self._missing):
            total.update(f"{path}\0missing\0".encode(errors="surrogateescape"))
        return total.digest()

    def changed(self) -> Path | None:
        """Reads everything again: the first path that differs from the snapshot, or is gone."""
        for path, names in self._listings.items():
            if _or_none(_list, path) != names:
                return path
        for path, file in self._files.items():
            if _or_none(_open, path) != file:
                return path
        return next((path for path in self._missing if os.path.lexists(path)), None)

    def confirm(self) -> None:
        """The second reading.

        @raise MaterialError: if anything changed since the first.
        """
        path = self.changed()
        if path is not None:
            raise MaterialError(f"{path}: changed while it was being read")

    def _file(self, path: Path) -> _File:
        if path not in self._files:
            self._files[path] = _open(path)
        return self._files[path]


def _open(path: Path) -> _File:
    try:
        # Without O_NONBLOCK, opening a FIFO that someone put here would never return.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise MaterialError(f"{path}: is not a regular file")
            octets = file.read(MAX_FILE + 1)
    except OSError as error:
        raise MaterialError(f"{path}: {error.strerror or error}") from error
    if len(octets) > MAX_FILE:
        raise MaterialError(f"{path}: is larger than {MAX_FILE >> 20} MiB")
    return _File(octets, hashlib.sha256(octets).hexdigest(), stat.S_IMODE(status.st_mode))


def _list(path: Path) -> tuple[str, ...]:
    try:
        return tuple(sorted(name for name in os.listdir(path) if not name.startswith(".")))
    except OSError as error:
        raise MaterialError(f"{path}: {error.strerror or error}") from error


def _or_none(read: Callable[[Path], _Found], path: Path) -> _Found | None:
    try:
        return read(path)
    except MaterialError:
        return None
