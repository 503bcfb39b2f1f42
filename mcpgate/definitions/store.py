"""The files in which definitions are kept: one for each upstream, in C{definitions/} of the state directory.

All workers of a host read and write them, and operators accept changes in them, also while no gate runs.
A file is replaced whole, under a lock. That something has changed is told by eight bytes of a file that
everybody has mapped into memory: to look at them costs a call less than a look at the clock would.
"""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from mcpgate.definitions.known import Known
from mcpgate.identity.replaced import ReplacedFile, create_private

#: Of the state directory.
DIRECTORY: Final = "definitions"
#: The largest file that is read, in bytes. Ours hold TEXTS_MOST and what is said around it.
FILE_MOST: Final = 64 * 1024 * 1024

_TOLD: Final = "changes"
_TOLD_SIZE: Final = 8
_ENDING: Final = ".json"
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")

T = TypeVar("T")


class StoreError(Exception):
    """Definitions cannot be read or kept, in words that name the file."""


class Store:
    """The files of one state directory, for one of the processes that use them."""

    def __init__(self, state: Path) -> None:
        self._directory = state / DIRECTORY
        self._told: mmap.mmap | None = None

    def begin(self) -> None:
        """
        Make what is not there yet. Whoever only reads need not.

        @raise StoreError: it cannot be made.
        """
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._map()
        except (OSError, ValueError) as error:
            raise StoreError(f"{self._directory}: {_why(error)}") from error

    def close(self) -> None:
        """Let go of the memory."""
        told, self._told = self._told, None
        if told is not None:
            told.close()

    def changes(self) -> bytes:
        """What is another thing as soon as anybody has changed any of the files."""
        told = self._told
        return told[:] if told is not None else b""

    def read(self, upstream: str) -> Known | None:
        """
        What is known of an upstream; C{None}: nothing yet.

        @raise StoreError: the file cannot be read, or is none of ours.
        """
        path = self._path(upstream)
        try:
            with path.open("rb") as file:
                raw = file.read(FILE_MOST + 1)
            if len(raw) > FILE_MOST:
                raise ValueError("is too large")
            known = msgspec.json.decode(raw, type=Known)
            if known.v != 1 or known.upstream != upstream:
                raise ValueError(f"is not of this version, or not of upstream {upstream}")
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError, ValueError) as error:
            raise StoreError(f"{path}: {_why(error)}") from error
        return known

    def change(self, upstream: str, by: Callable[[Known | None], tuple[Known, T]]) -> T:
        """
        Change what is known of an upstream, with nobody in between.

        @param by: gets what is known; returns what is to be known, and what we return.
        @raise StoreError: it cannot be read or kept; then nothing was changed.
        """
        path = self._path(upstream)
        file = ReplacedFile(path)
        try:
            with file.locked():
                known, returned = by(self.read(upstream))
                file.replace(msgspec.json.encode(known))
                self._tell()
        except OSError as error:
            raise StoreError(f"{path}: {_why(error)}") from error
        return returned

    def upstreams(self) -> list[str]:
        """Of whom anything is known."""
        try:
            names = os.listdir(self._directory)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"{self._directory}: {_why(error)}") from error
        ours = (name for name in names if name.endswith(_ENDING) and not name.startswith("."))
        return sorted(name.removesuffix(_ENDING) for name in ours)

    def _path(self, upstream: str) -> Path:
        if not _NAME.fullmatch(upstream):
            # No name of the configuration, but perhaps the way to another file.
            raise StoreError(f"{upstream!a} is no name of an upstream")
        return self._directory / f"{upstream}{_ENDING}"

    def _map(self) -> None:
        fd = create_private(self._directory / _TOLD, os.O_RDWR)
        try:
            if os.fstat(fd).st_size != _TOLD_SIZE:
                os.ftruncate(fd, _TOLD_SIZE)
            self._told = mmap.mmap(fd, _TOLD_SIZE)
        finally:
            os.close(fd)

    def _tell(self) -> None:
        if self._told is None:
            self._map()
        assert self._told is not None
        # Not a count: two who change two files at the same time would both count to the same.
        self._told[:] = os.urandom(_TOLD_SIZE)


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
