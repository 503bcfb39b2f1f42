"""Where evidence lies to be verified: a state directory, a journal's directory, a bundle, or its files."""

from __future__ import annotations

import gzip
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from attrs import frozen

from mcpgate.evidence.keyfile import PUBLIC
from mcpgate.evidence.record import LINE_MOST
from mcpgate.evidence.seals import DIRECTORY, SUFFIX
from mcpgate.evidence.segments import sealed_place, segment_file

#: How much is read at once.
BLOCK = 1 << 20
#: What is read as a whole: a segment's checkpoints, at one a second for a day some 50 MB. A bundle of a few
#: kilobytes could unpack to anything.
READ_MOST = 256 << 20
#: What a journal was before there were segments.
_UNCHAINED = re.compile(r"journal-(0|[1-9][0-9]{0,5})\.jsonl", re.ASCII)


class UnreadableError(Exception):
    """There is no evidence there, or it cannot be read; the message names the place and the cause."""


@frozen
class File:
    """One file, wherever it lies. C{size}: in bytes, as it is stored."""

    name: str
    size: int
    open: Callable[[], BinaryIO]

    def read(self, most: int = READ_MOST) -> bytes:
        """
        All of it.

        @raise OSError: It cannot be read, or is larger than anything that is read at once.
        """
        with self.open() as file:
            raw = file.read(most + 1)
        if len(raw) > most:
            raise OSError(f"it is longer than {most} bytes")
        return raw


@frozen
class Place:
    """
    What there is to verify.

    @ivar segments: The files of segments, by worker and number.
    @ivar sealed: The files of checkpoints, likewise.
    @ivar public: The public keys that lie beside them.
    @ivar bundle: It is a part of what a gate has, for others: what is not in it need not be gone.
    @ivar unchained: Names of files from before there were segments.
    @ivar doubled: Names of files that stand for what another one in another place does, too.
    """

    name: str
    segments: dict[tuple[int, int], File]
    sealed: dict[tuple[int, int], File]
    public: File | None
    bundle: bool
    unchained: tuple[str, ...]
    files: dict[str, File]
    doubled: tuple[str, ...] = ()


def find(where: Path) -> Place:
    """
    What there is in a directory or a bundle.

    @raise UnreadableError: It cannot be read, or there is none.
    """
    try:
        if where.is_dir():
            files = dict(_in_directory(where))
        else:
            files = dict(_in_bundle(where))
    except OSError as error:
        raise UnreadableError(f"{where}: {error.strerror or error}") from error
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError) as error:
        raise UnreadableError(f"{where}: neither a directory nor a bundle ({error})") from error
    place = _placed(str(where), files)
    if not place.segments and not place.sealed:
        raise UnreadableError(f"{where}: there is no journal, and no checkpoint")
    return place


def _placed(name: str, files: dict[str, File]) -> Place:
    segments: dict[tuple[int, int], File] = {}
    sealed: dict[tuple[int, int], File] = {}
    unchained = []
    doubled = []
    # Those in directories of their own come first, and count.
    by_place = sorted(files.items(), key=lambda one: ("/" not in one[0], one[0]))
    folders: dict[str, set[str]] = {"segments": set(), "sealed": set()}
    for path, file in by_place:
        folder, _, base = path.rpartition("/")
        if folder in ("", "journal") and (found := segment_file(Path(base))):
            folders["segments"].add(folder)
            if len(folders["segments"]) > 1:
                doubled.append(path)
            # One that is there twice was being compressed: the plain one, which is whole for certain, is
            # first.
            segments.setdefault((found.worker, found.number), file)
        elif folder in ("", DIRECTORY) and (key := sealed_place(base)):
            folders["sealed"].add(folder)
            if len(folders["sealed"]) > 1:
                doubled.append(path)
            sealed.setdefault(key, file)
        elif folder in ("", "journal") and _UNCHAINED.fullmatch(base):
            unchained.append(path)
    return Place(
        name,
        segments,
        sealed,
        files.get(PUBLIC),
        "manifest" in files,
        tuple(unchained),
        files,
        tuple(doubled),
    )


def _in_directory(where: Path) -> Iterator[tuple[str, File]]:
    for folder in ("", "journal", DIRECTORY):
        place = where / folder
        if not place.is_dir():
            continue
        for path in place.iterdir():
            if path.is_file():
                name = f"{folder}/{path.name}" if folder else path.name
                yield name, _file(path)


def _file(path: Path) -> File:
    return File(path.name, path.stat().st_size, lambda: cast(BinaryIO, path.open("rb")))


def _in_bundle(where: Path) -> Iterator[tuple[str, File]]:
    bundle = zipfile.ZipFile(where)
    top = {name.partition("/")[0] for name in bundle.namelist()}
    # Some tools put all into a directory of the bundle's name.
    within = f"{top.pop()}/" if len(top) == 1 and "manifest" not in top else ""
    seen = set()
    for entry in bundle.infolist():
        if not entry.is_dir():
            name = entry.filename.removeprefix(within)
            if name in seen:
                # Which of them is meant, everybody who opens it decides for themselves.
                raise ValueError(f"it has two files of the name {name!r}")
            seen.add(name)
            yield name, File(name.rpartition("/")[2], entry.compress_size, _opener(bundle, entry))


def _opener(bundle: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Callable[[], BinaryIO]:
    return lambda: cast(BinaryIO, _Entry(bundle, entry))


class _Entry:
    """A file of a bundle. Whatever is wrong with it is an C{OSError}, as with any file."""

    def __init__(self, bundle: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
        with _as_oserror():
            self._file = bundle.open(entry)

    def read(self, size: int = -1) -> bytes:
        with _as_oserror():
            return self._file.read(size)

    def __enter__(self) -> _Entry:
        return self

    def __exit__(self, *wrong: object) -> None:
        self._file.close()


@contextmanager
def _as_oserror() -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise OSError(f"it cannot be unpacked ({str(error) or type(error).__name__})") from error


def checkpoints_in(where: Path) -> Iterator[tuple[str, File]]:
    """
    The files that may have checkpoints, at a place that somebody names: a file, or all below a directory.

    @raise UnreadableError: It cannot be read.
    """
    try:
        if where.is_dir():
            for path in sorted(where.rglob(f"*{SUFFIX}")):
                yield str(path), _file(path)
        else:
            where.stat()
            yield str(where), _file(where)
    except OSError as error:
        raise UnreadableError(f"{where}: {error.strerror}") from error


def chunks(file: File, passed: Callable[[int], object] | None = None) -> Iterator[list[bytes]]:
    """
    The lines of a segment in pieces, each with its line feed; the last may have none.

    Of a line that is too long only the beginning is given, in one piece without an end.

    @param passed: Called with how many bytes of the file, as it is stored, were read since the last time.
    @raise OSError: It cannot be read; also where it is compressed and broken.
    """
    with file.open() as raw:
        stream = cast(BinaryIO, _Counted(raw, passed))
        if file.name.endswith(".gz"):
            stream = cast(BinaryIO, gzip.GzipFile(fileobj=stream))
        try:
            yield from _lines(stream)
        except (EOFError, zlib.error) as error:
            raise OSError(f"it cannot be decompressed ({error})") from error


class _Counted:
    """A file that tells how much was read of it."""

    def __init__(self, file: BinaryIO, passed: Callable[[int], object] | None) -> None:
        self._file = file
        self._passed = passed

    def read(self, size: int = -1) -> bytes:
        raw = self._file.read(size)
        if self._passed is not None:
            self._passed(len(raw))
        return raw


def _lines(stream: BinaryIO) -> Iterator[list[bytes]]:
    rest = b""
    skipping = False
    while block := stream.read(BLOCK):
        if skipping:
            _, feed, block = block.partition(b"\n")
            if not feed:
                continue
            skipping = False
        whole = rest + block
        if b"\r" in whole:
            # splitlines would break there, too.
            *parts, rest = whole.split(b"\n")
            lines = [part + b"\n" for part in parts]
        else:
            lines = whole.splitlines(keepends=True)
            rest = lines.pop() if not whole.endswith(b"\n") else b""
        if len(rest) > LINE_MOST:
            lines.append(rest[: LINE_MOST + 1])
            rest, skipping = b"", True
        if lines:
            yield lines
    if rest:
        yield [rest]
