"""An sdist that is the same whenever and wherever it is built.

setuptools gives each file the owner, the mode and the time that it has on the disk, and gzip the time of
the build. The wheel needs nothing of this: it goes by SOURCE_DATE_EPOCH.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

#: Nobody in particular, and what any checkout may be read with; a bit to run it is kept.
_READ, _RUN = 0o644, 0o755


def steady(sdist: Path, epoch: int) -> None:
    """Write it anew: names in order, everything of one time and of nobody."""
    members = []
    with tarfile.open(sdist) as before:
        for member in before.getmembers():
            file = before.extractfile(member)
            members.append((member, file.read() if file else b""))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as after:
        for member, text in sorted(members, key=lambda one: one[0].name):
            after.addfile(_plain(member, epoch), io.BytesIO(text))
    with sdist.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=epoch) as zipped:
        zipped.write(packed.getvalue())


def _plain(member: tarfile.TarInfo, epoch: int) -> tarfile.TarInfo:
    plain = tarfile.TarInfo(member.name)
    plain.type, plain.size, plain.linkname = member.type, member.size, member.linkname
    plain.mode = _RUN if member.isdir() or member.mode & 0o100 else _READ
    plain.mtime = epoch
    return plain
