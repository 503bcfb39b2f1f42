"""What is in a bundle is what its manifest lists, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from mcpgate.evidence.keyfile import KeyFile
from mcpgate.evidence.manifest import NAME, SUMS, Manifest, read_manifest, sums_text
from mcpgate.evidence.note import SigningKey, read_note
from mcpgate.evidence.verify import verify
from tests.evidence.sealed import make
from tests.evidence.test_verify import zipped

Files = dict[str, bytes]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle with a page in it."""
    state = tmp_path / "state"
    make(state)
    (state / "report.html").write_bytes(b"<p>all is well</p>")
    return zipped(state, tmp_path)


def rewritten(bundle: Path, change: Callable[[Files], object]) -> list[tuple[str, str | None]]:
    """What is found after a change: kinds and files."""
    with ZipFile(bundle) as opened:
        files = {name: opened.read(name) for name in opened.namelist()}
    change(files)
    with ZipFile(bundle, "w") as changed:
        for name, raw in files.items():
            changed.writestr(name, raw)
    result = verify(bundle)
    return [(one.kind, one.file) for one in result.findings if one.severity == "tampered"]


def test_what_is_as_it_was_is_sound(bundle: Path) -> None:
    """Nothing is told."""
    assert verify(bundle).findings == ()


def test_a_changed_report_is_named(bundle: Path) -> None:
    """The journal in it is sound, and the page lies about it."""

    def change(files: Files) -> None:
        files["report.html"] = b"<p>all is very well</p>"

    assert rewritten(bundle, change) == [("changed", "report.html")]


def test_what_was_taken_out_or_put_in_is_named(bundle: Path) -> None:
    """Each once."""

    def change(files: Files) -> None:
        files["more.html"] = files.pop("report.html")

    assert rewritten(bundle, change) == [("missing", "report.html"), ("added", "more.html")]


def test_an_edited_line_is_told_once(bundle: Path) -> None:
    """By the chain, with its place; that its file differs is no news."""

    def change(files: Files) -> None:
        name = next(name for name in files if name.startswith("journal/"))
        files[name] = files[name].replace(b'"type":"open"', b'"type":"OPEN"', 1)

    found = rewritten(bundle, change)
    assert len(found) == 1 and found[0][0] != "changed"


def test_a_list_that_was_changed_with_a_file_is_named(bundle: Path) -> None:
    """The manifest was signed for another."""

    def change(files: Files) -> None:
        files[SUMS] = files[SUMS].replace(b"report.html", b"report.htm")

    assert rewritten(bundle, change) == [("manifest", SUMS)]


def test_a_manifest_of_another_key_does_not_count(bundle: Path) -> None:
    """Whoever can write a bundle cannot sign it."""
    other = SigningKey("somebody-0000000000", bytes(range(32)))

    def change(files: Files) -> None:
        text = read_note(files[NAME]).text
        files[NAME] = other.sign(text)

    assert rewritten(bundle, change) == [("manifest", NAME)]


@pytest.mark.parametrize("manifest", [b"", b"not a note\n", b"x" * 200_000])
def test_a_manifest_that_is_none_does_not_count(bundle: Path, manifest: bytes) -> None:
    """Nor does one that is far too long."""
    assert rewritten(bundle, lambda files: files.update({NAME: manifest})) == [("manifest", NAME)]


def test_a_note_about_something_else_is_no_manifest(bundle: Path, tmp_path: Path) -> None:
    """Checkpoints are signed by the same key."""
    keys = KeyFile(tmp_path / "state").load()
    assert keys is not None

    def change(files: Files) -> None:
        checkpoints = next(raw for name, raw in files.items() if name.startswith("checkpoints/"))
        files[NAME] = checkpoints[: checkpoints.index(b"\n\n\xe2") + checkpoints[2:].index(b"=\n\n")]

    assert rewritten(bundle, change) == [("manifest", NAME)]


def test_a_list_with_fewer_files_than_signed_for_is_named(bundle: Path, tmp_path: Path) -> None:
    """Also if both were signed."""
    keys = KeyFile(tmp_path / "state").load()
    assert keys is not None
    signing = keys.signing

    def change(files: Files) -> None:
        said = read_manifest(read_note(files[NAME]).text)
        files[NAME] = signing.sign(
            Manifest(said.gate, said.made, said.since, said.until, said.profile, 1, said.sums).text()
        )

    assert rewritten(bundle, change) == [("manifest", SUMS)]
    assert sums_text({}) == ""
