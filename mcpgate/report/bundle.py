"""The bundle behind a report: a ZIP archive that can be verified with nothing but the public key.

It holds whole segments (C{journal/}), all checkpoints (C{checkpoints/}), C{evidence.pub}, the report as a
page and as JSON, and what it is and has (L{mcpgate.evidence.manifest}), signed. Nothing in it depends on when
or where it was packed but what the report itself says: files stand in the order of their names, with one
time and one mode.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from mcpgate.evidence.keyfile import PUBLIC
from mcpgate.evidence.manifest import NAME, SUMS, Manifest, sums_text
from mcpgate.evidence.seals import DIRECTORY
from mcpgate.report.page import page
from mcpgate.report.report import Report
from mcpgate.report.span import Span

PAGE, FACTS = "report.html", "report.json"

#: The earliest time that the format has.
_TIME = (1980, 1, 1, 0, 0, 0)
_BLOCK = 1 << 20
#: What the last line of a note begins with; an empty line follows it.
_SIGNATURE = "\N{EM DASH} ".encode()


def add_sealed(staged: Path, checkpoints: Path, public: Path) -> None:
    """
    Copy all checkpoints and the public keys to the segments that were staged.

    @raise OSError: It cannot be done.
    """
    sealed = staged / DIRECTORY
    sealed.mkdir(mode=0o700)
    if checkpoints.is_dir():
        for path in sorted(checkpoints.iterdir()):
            if path.is_file():
                _write(sealed / path.name, whole_notes(path.read_bytes()))
    if public.is_file():
        shutil.copyfile(public, staged / PUBLIC)


def whole_notes(raw: bytes) -> bytes:
    """A file of notes without a part of one at its end, which is being written."""
    at = raw.rfind(b"\n\n")
    while at >= 0:
        if raw.startswith(_SIGNATURE, raw.rfind(b"\n", 0, at) + 1):
            return raw[: at + 2]
        at = raw.rfind(b"\n\n", 0, at)
    return b""


def add_report(staged: Path, report: Report) -> None:
    """Write a report beside what it is about, as a page and as JSON."""
    _write(staged / PAGE, page(report).encode())
    facts = json.dumps(report.facts(), indent=1, ensure_ascii=True, sort_keys=False)
    _write(staged / FACTS, facts.encode() + b"\n")


def seal(
    staged: Path, *, gate: str, made: str, span: Span, profile: str, sign: Callable[[str], bytes]
) -> None:
    """
    Say what there is, and sign it; what was said before is forgotten.

    @param sign: Makes a note of a text.
    """
    for name in (SUMS, NAME):
        (staged / name).unlink(missing_ok=True)
    sums = {name: _sha256(path) for name, path in _files(staged).items()}
    text = sums_text(sums).encode()
    _write(staged / SUMS, text)
    manifest = Manifest(
        gate=gate,
        made=made,
        since=span.since,
        until=span.until,
        profile=profile,
        files=len(sums),
        sums=hashlib.sha256(text).hexdigest(),
    )
    _write(staged / NAME, sign(manifest.text()))


def pack(staged: Path, bundle: Path) -> None:
    """
    Make one file of it, in the place of what has that name.

    @raise OSError: It cannot be done; then there is none.
    """
    fresh = bundle.with_name(f".{bundle.name}.{os.getpid()}")
    try:
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, path in sorted(_files(staged).items()):
                    _add(archive, name, path)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(bundle)
    finally:
        fresh.unlink(missing_ok=True)


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.create_system = 3  # Unix, wherever it is packed
    entry.external_attr = 0o600 << 16
    entry.compress_type = zipfile.ZIP_STORED if name.endswith(".gz") else zipfile.ZIP_DEFLATED
    entry.file_size = path.stat().st_size
    with path.open("rb") as source, archive.open(entry, "w") as target:
        shutil.copyfileobj(source, target, _BLOCK)


def _files(staged: Path) -> Mapping[str, Path]:
    """All files, by their names in the bundle."""
    return {path.relative_to(staged).as_posix(): path for path in staged.rglob("*") if path.is_file()}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, content: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
