"""The manifest of a bundle: read back as it was written, and nothing else is one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.evidence.manifest import Manifest, read_manifest, read_sums, sums_text

TIME = "2026-11-01T00:00:00.000000Z"
MANIFEST = Manifest("gate.example.com-0a1b2c3d4e", TIME, TIME, TIME, "pci-4.2.1", 2, "ab" * 32)


def test_a_manifest_is_read_back() -> None:
    """What is signed says all of it."""
    assert read_manifest(MANIFEST.text()) == MANIFEST


@pytest.mark.parametrize(
    "text",
    [
        "",
        MANIFEST.text()[:-1],
        MANIFEST.text() + "more\n",
        MANIFEST.text().replace("/bundle", "/0/1"),
        MANIFEST.text().replace("files 2", "files 02"),
        MANIFEST.text().replace("ab" * 32, "AB" * 32),
        MANIFEST.text().replace("made ", "made  "),
    ],
)
def test_what_is_no_manifest_is_refused(text: str) -> None:
    """A checkpoint, a part, or one that was written in another way is none."""
    with pytest.raises(ValueError, match="manifest"):
        read_manifest(text)


def test_sums_are_those_of_sha256sum() -> None:
    """Two spaces stand between hash and name, and names are in their order."""
    assert sums_text({"b": "0" * 64, "a/c": "1" * 64}) == f"{'1' * 64}  a/c\n{'0' * 64}  b\n"
    assert read_sums(sums_text({"b": "0" * 64, "a/c": "1" * 64})) == {"a/c": "1" * 64, "b": "0" * 64}
    assert read_sums("") == {}


@pytest.mark.parametrize(
    "name", ["../a", "a/../b", "/a", "a//b", ".", "a/.", "manifest", "SHA256SUMS", "a b", "a\\b", ""]
)
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    """Whoever unpacks by these names stays where he is."""
    with pytest.raises(ValueError, match="line 1"):
        read_sums(f"{'0' * 64}  {name}\n")


def test_a_name_twice_is_refused() -> None:
    """Of two files with one name, each reader would take another."""
    with pytest.raises(ValueError, match="line 2"):
        read_sums(f"{'0' * 64}  a\n{'1' * 64}  a\n")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Reading raises nothing but C{ValueError}, and what was read is written as it came."""
    try:
        sums = read_sums(text)
    except ValueError:
        pass
    else:
        assert sorted(sums_text(sums)) == sorted(text)
    with pytest.raises(ValueError):
        read_manifest(text)
