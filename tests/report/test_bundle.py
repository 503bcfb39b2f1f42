"""Bundles: the same bytes for the same evidence, and only whole notes."""

from __future__ import annotations

import os
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import pytest

from mcpgate.evidence.manifest import SUMS, read_sums
from mcpgate.evidence.note import SigningKey
from mcpgate.report.bundle import add_report, pack, seal, whole_notes
from tests.report.written import QUIET, SPAN, at, reported

KEY = SigningKey("gate-0000000000", bytes(range(32)))


def staged(place: Path) -> Path:
    """What is to be packed."""
    (place / "journal").mkdir(parents=True)
    (place / "journal" / "journal-0-00000001.jsonl.gz").write_bytes(b"compressed")
    add_report(place, reported(*QUIET))
    seal(place, gate=KEY.name, made=at(0), span=SPAN, profile="pci-4.2.1", sign=KEY.sign)
    return place


def test_the_same_evidence_is_the_same_file(tmp_path: Path) -> None:
    """Whenever and wherever it is packed."""
    bundles = []
    for name in ("one", "two"):
        place = staged(tmp_path / name)
        for path in place.rglob("*"):
            os.utime(path, (len(name), 1_000_000_000 if name == "one" else 1_500_000_000))
        pack(place, tmp_path / f"{name}.zip")
        bundles.append((tmp_path / f"{name}.zip").read_bytes())
    assert bundles[0] == bundles[1]


def test_everything_is_listed_and_nothing_compressed_twice(tmp_path: Path) -> None:
    """Names in their order; for nobody but the owner."""
    pack(staged(tmp_path / "one"), tmp_path / "one.zip")
    with ZipFile(tmp_path / "one.zip") as bundle:
        names = bundle.namelist()
        assert names == sorted(names)
        assert set(names) == {*read_sums(bundle.read(SUMS).decode()), "manifest", SUMS}
        kinds = {one.filename: one.compress_type for one in bundle.infolist()}
    assert kinds["journal/journal-0-00000001.jsonl.gz"] == ZIP_STORED
    assert kinds["report.html"] == ZIP_DEFLATED
    assert (tmp_path / "one.zip").stat().st_mode & 0o777 == 0o600


def test_what_was_sealed_is_sealed_anew(tmp_path: Path) -> None:
    """So that it lists what came after."""
    place = staged(tmp_path / "one")
    (place / "more.txt").write_bytes(b"more")
    seal(place, gate=KEY.name, made=at(0), span=SPAN, profile="pci-4.2.1", sign=KEY.sign)
    assert "more.txt" in read_sums((place / SUMS).read_text())


def test_a_bundle_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """Neither a part nor a file in its place."""
    place = staged(tmp_path / "one")
    (place / "report.json").unlink()
    (place / "report.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "out").mkdir()
    with pytest.raises(OSError):
        pack(place, tmp_path / "out" / "missing" / "one.zip")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_note_that_is_being_written_is_left_out() -> None:
    """Wherever its writing stands."""
    one = KEY.sign("gate/0/1\nfirst\n") + b"\n"
    two = KEY.sign("gate/0/1\nsecond\n") + b"\n"
    for end in range(len(two)):
        assert whole_notes(one + two[:end]) == one
    assert whole_notes(one + two) == one + two
    assert whole_notes(b"") == whole_notes(b"text\n\n") == b""
