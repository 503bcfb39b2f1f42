"""Two builds of one source at different times and by different people give the same bytes."""

import io
import tarfile
import time
from pathlib import Path

from tests.release.steady import steady

EPOCH = 1_790_000_000


def packed(path: Path, *, user: int, mask: int, backwards: bool) -> bytes:
    """The bytes of an sdist of three members, made steady."""
    texts = {"p-1": b"", "p-1/setup.cfg": b"[metadata]\n", "p-1/run": b"#!/bin/sh\n"}
    members = [(name, text, 0o644 if "." in name else 0o755) for name, text in texts.items()]
    with tarfile.open(path, "w:gz") as sdist:
        for name, text, mode in reversed(members) if backwards else members:
            one = tarfile.TarInfo(name)
            one.size, one.mode, one.uid, one.mtime = len(text), mode & ~mask, user, int(time.time()) + user
            one.type = tarfile.DIRTYPE if not text else tarfile.REGTYPE
            sdist.addfile(one, io.BytesIO(text))
    steady(path, EPOCH)
    return path.read_bytes()


def test_who_builds_it_and_when_makes_no_difference(tmp_path: Path) -> None:
    """Nor does the order in which a disk lists files, nor a umask; what may be run still may be."""
    first = packed(tmp_path / "a.tar.gz", user=0, mask=0o022, backwards=False)
    other = packed(tmp_path / "b.tar.gz", user=1000, mask=0o077, backwards=True)
    assert first == other
    with tarfile.open(tmp_path / "b.tar.gz") as sdist:
        found = {one.name: (one.mode, one.uid, one.mtime) for one in sdist.getmembers()}
        assert sdist.extractfile("p-1/run").read() == b"#!/bin/sh\n"  # type: ignore[union-attr]
    assert found == {
        "p-1": (0o755, 0, EPOCH), "p-1/run": (0o755, 0, EPOCH), "p-1/setup.cfg": (0o644, 0, EPOCH),
    }  # fmt: skip
