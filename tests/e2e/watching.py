"""What comes into being in directories while a test runs, be it for a moment (inotify)."""

from __future__ import annotations

import ctypes
import os
import struct
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Self

_CREATE, _CLOSE_WRITE, _MOVED_TO = 0x100, 0x8, 0x80
_EVENT = struct.Struct("iIII")

_libc = ctypes.CDLL(None, use_errno=True)


class Watch:
    """From C{with} to its end: every file that was made there, and what was in it when it was closed.

    No file is missed by its name, however short its life (C{names}); one that is gone before we look has
    no C{contents}.
    """

    def __init__(self, directories: Sequence[Path]) -> None:
        self.names: set[str] = set()
        self.contents: dict[str, set[bytes]] = {}
        self._directories = directories
        self._descriptor = -1
        self._places: dict[int, Path] = {}
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._descriptor = _libc.inotify_init1(os.O_CLOEXEC)
        assert self._descriptor >= 0, os.strerror(ctypes.get_errno())
        for directory in self._directories:
            wanted = _CREATE | _CLOSE_WRITE | _MOVED_TO
            number = _libc.inotify_add_watch(self._descriptor, os.fsencode(directory), wanted)
            assert number >= 0, os.strerror(ctypes.get_errno())
            self._places[number] = directory
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Something that is seen is what ends the thread's read.
        last = self._directories[0] / "the-end-of-the-watch"
        last.touch()
        self._thread.join(10)
        last.unlink()
        os.close(self._descriptor)

    def _look(self) -> None:
        while True:
            raw, at = os.read(self._descriptor, 65536), 0
            while at < len(raw):
                number, _, _, size = _EVENT.unpack_from(raw, at)
                at += _EVENT.size
                name = raw[at : at + size].rstrip(b"\0").decode()
                at += size
                if name == "the-end-of-the-watch":
                    return
                path = self._places[number] / name
                self.names.add(str(path))
                try:
                    self.contents.setdefault(str(path), set()).add(path.read_bytes())
                except OSError:
                    pass
