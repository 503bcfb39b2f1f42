"""A snapshot of files that is confirmed before it is believed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mcpgate.tls.reading import MAX_FILE, MaterialError, Reading
from tests.pki import write


def test_a_file_is_read_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a", b"one", 0o640)
    reading = Reading()
    assert reading.read(path) == b"one"
    path.write_bytes(b"two")
    assert reading.read(path) == b"one"
    assert reading.mode(path) == 0o640


def test_a_change_between_the_two_readings_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a", b"one")
    reading = Reading()
    reading.read(path)
    reading.confirm()
    path.write_bytes(b"two")
    assert reading.changed() == path
    with pytest.raises(MaterialError, match="a: changed while it was being read"):
        reading.confirm()


def test_a_file_that_is_gone_or_opened_to_others_has_changed(tmp_path: Path) -> None:
    path = write(tmp_path / "a", b"one")
    reading = Reading()
    reading.read(path)
    path.chmod(0o644)
    assert reading.changed() == path
    path.unlink()
    assert reading.changed() == path


def test_a_name_that_comes_or_goes_in_a_directory_is_a_change(tmp_path: Path) -> None:
    write(tmp_path / "b", b"")
    write(tmp_path / "a", b"")
    write(tmp_path / ".hidden", b"")
    reading = Reading()
    assert reading.names(tmp_path) == ("a", "b")
    write(tmp_path / ".another", b"")
    assert reading.changed() is None
    write(tmp_path / "c", b"")
    assert reading.changed() == tmp_path


def test_the_digest_is_of_paths_contents_and_modes(tmp_path: Path) -> None:
    def digest() -> bytes:
        reading = Reading()
        reading.names(tmp_path)
        for name in reading.names(tmp_path):
            reading.read(tmp_path / name)
        return reading.digest()

    path = write(tmp_path / "a", b"one")
    first = digest()
    assert digest() == first
    write(path, b"two")
    second = digest()
    path.chmod(0o400)
    third = digest()
    path.rename(tmp_path / "b")
    assert len({first, second, third, digest()}) == 4


def test_a_symbolic_link_is_followed_and_its_swap_noticed(tmp_path: Path) -> None:
    """How Kubernetes replaces a mounted secret: ..data points to another directory."""
    for name, content in (("..one", b"one"), ("..two", b"two")):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "tls.crt", content)
    (tmp_path / "..data").symlink_to("..one")
    (tmp_path / "tls.crt").symlink_to("..data/tls.crt")
    reading = Reading()
    assert reading.names(tmp_path) == ("tls.crt",)
    assert reading.read(tmp_path / "tls.crt") == b"one"
    (tmp_path / "..new").symlink_to("..two")
    (tmp_path / "..new").rename(tmp_path / "..data")
    assert reading.changed() == tmp_path / "tls.crt"


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    write(tmp_path / "huge", b"")
    os.truncate(tmp_path / "huge", MAX_FILE + 1)
    for name, says in (
        ("missing", "missing: No such file or directory"),
        ("pipe", "pipe: is not a regular file"),
        ("", ": Is a directory"),
        ("huge", "huge: is larger than 16 MiB"),
    ):
        with pytest.raises(MaterialError, match=says):
            Reading().read(tmp_path / name)
    with pytest.raises(MaterialError, match="missing: No such file"):
        Reading().names(tmp_path / "missing")


def test_a_file_that_need_not_be_there_is_missed_when_it_comes(tmp_path: Path) -> None:
    """Also when it goes again; its absence is a part of what was read."""
    reading, path = Reading(), tmp_path / "a"
    assert reading.read_if_there(path) is None
    digest = reading.digest()
    assert reading.changed() is None and digest != Reading().digest()
    write(path, b"one")
    assert reading.changed() == path and reading.read_if_there(path) is None
    later = Reading()
    assert (later.read_if_there(path), later.read_if_there(path)) == (b"one", b"one")
    path.unlink()
    assert later.changed() == path
    path.mkdir()
    with pytest.raises(MaterialError, match="Is a directory"):
        Reading().read_if_there(path)


def test_contents_are_in_no_repr(tmp_path: Path) -> None:
    reading = Reading()
    reading.read(write(tmp_path / "a", b"secret-content"))
    assert "secret-content" not in repr(reading)
