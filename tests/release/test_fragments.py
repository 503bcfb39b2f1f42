"""Fragments that would be left out, or lead nowhere, are named; and ours are neither."""

from pathlib import Path

from tests.release.fragments import astray, kinds, misnamed

ROOT = Path(__file__).resolve().parents[2]
FRAGMENTS = sorted((ROOT / "docs/newsfragments").glob("*.md"))
KINDS = kinds((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_our_fragments_are_taken_and_lead_somewhere() -> None:
    """Each of those that wait for the next release."""
    assert misnamed((path.name for path in FRAGMENTS), KINDS) == []
    lost = [
        wrong
        for path in FRAGMENTS
        for wrong in astray(path.name, path.read_text(encoding="utf-8"), lambda one: (ROOT / one).exists())
    ]
    assert lost == []


def test_what_towncrier_would_pass_over_is_named() -> None:
    """A kind that is not known, and a name without an issue; several of one kind are numbered."""
    names = ["8.feature.md", "8.feature.1.md", "8.fix.md", "feature.md", "8.feature.txt"]
    wrong = misnamed(names, frozenset({"feature", "bugfix"}))
    assert [sentence.split()[0] for sentence in wrong] == ["8.fix.md", "feature.md", "8.feature.txt"]


def test_a_link_is_seen_from_the_top() -> None:
    """What is right in docs/ is wrong in NEWS.md; addresses elsewhere are not judged, nor are pictures."""
    text = "See [a](docs/a.md#here), [b](b.md), [c](https://example.com/c) and ![d](d.png)."
    assert astray("8.feature.md", text, {"docs/a.md"}.__contains__) == ["8.feature.md: b.md leads nowhere"]
