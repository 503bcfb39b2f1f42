"""A file that is replaced whole: nobody sees half of it, and nobody's change is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mcpgate.identity.replaced import ReplacedFile, create_private


def test_it_is_private_whole_and_leaves_only_its_lock(tmp_path: Path) -> None:
    """Also with an open umask, and with a leftover of a crash in the way."""
    file = ReplacedFile(tmp_path / "kept.json")
    (tmp_path / ".kept.json.new").write_bytes(b"half of")
    before = os.umask(0)
    try:
        for raw in (b"one", b"two"):
            with file.locked():
                file.replace(raw)
            assert file.path.read_bytes() == raw
    finally:
        os.umask(before)
    assert {path.name for path in tmp_path.iterdir()} == {"kept.json", "kept.json.lock"}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_link_in_its_way_is_not_followed(tmp_path: Path) -> None:
    """Neither in the place of the new file nor in that of the lock."""
    (tmp_path / "victim").write_text("precious")
    file = ReplacedFile(tmp_path / "kept.json")
    (tmp_path / ".kept.json.new").symlink_to(tmp_path / "victim")
    with file.locked():
        file.replace(b"new")
    (tmp_path / "kept.json.lock").unlink()
    (tmp_path / "kept.json.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError), file.locked():
        raise AssertionError("it is locked by what is not its lock")
    assert (tmp_path / "victim").read_text() == "precious"


def test_processes_that_change_it_at_once_do_so_one_after_the_other(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from mcpgate.identity.replaced import ReplacedFile\n"
        "file = ReplacedFile(Path(sys.argv[1]))\n"
        "for _ in range(20):\n"
        "    with file.locked(): file.replace(b'%d' % (int(file.path.read_bytes()) + 1))"
    )
    path = tmp_path / "count"
    path.write_bytes(b"0")
    children = [subprocess.Popen([sys.executable, "-c", script, str(path)]) for _ in range(3)]
    assert [child.wait() for child in children] == [0] * 3
    assert path.read_bytes() == b"60"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files for others")
def test_as_root_it_is_made_for_the_owner_of_the_directory(tmp_path: Path) -> None:
    os.chown(tmp_path, 1234, 2345)
    os.close(create_private(tmp_path / "file", os.O_WRONLY))
    status = (tmp_path / "file").stat()
    assert (status.st_uid, status.st_gid) == (1234, 2345)
