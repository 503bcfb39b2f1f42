"""One version everywhere: in the package, in NEWS, and in what packagers made of it; and the same floors.

Everything here is about texts, so that it can be shown with texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

#: A release's heading in NEWS.md, as the title_format of pyproject.toml has it.
HEADING = re.compile(r"^## (?P<version>\S+) \((?P<date>\d{4}-\d\d-\d\d)\)$", re.MULTILINE)
_CHANGELOG = re.compile(r"^mcpgate \((?P<version>[^-)\s]+)(?:-[^)\s]+)?\) ")
_BOUND = re.compile(r"\bpython3-(?P<name>[a-z0-9.-]+) \(>= (?P<bound>[^)\s]+)\)")
_SPEC = re.compile(r"^Version:\s*(?P<version>\S+)\s*$", re.MULTILINE)


def disagreeing(
    version: str, news: str, fragments: Sequence[str], changelog: str | None, spec: str | None
) -> list[str]:
    """
    What says another version than the package does, a sentence each.

    @param fragments: names of those that no release has taken up yet; while there are any, NEWS.md is not
        expected to know of this release.
    @param changelog: C{debian/changelog}.
    @param spec: the spec file of the RPM.
    """
    found = [_first(HEADING, news, "NEWS.md")] if not fragments else []
    if changelog is not None:
        found.append(_first(_CHANGELOG, changelog, "debian/changelog"))
    if spec is not None:
        found.append(_first(_SPEC, spec, "the RPM's spec"))
    wrong = [(place, said or "no version") for place, said in found if said != version]
    sentences = [f"{place} says {said}, not {version}" for place, said in wrong]
    if fragments and version in {match["version"] for match in HEADING.finditer(news)}:
        sentences.append(f"NEWS.md has {version} already, and fragments are left: {', '.join(fragments)}")
    return sentences


def lagging(control: str, floors: Iterable[str]) -> list[str]:
    """
    Bounds of C{debian/control} that are not what setup.cfg asks for, a sentence each.

    @param control: bounds of libraries that it does not name are not missed, as it may name them otherwise.
    @param floors: each as C{NAME==VERSION}.
    """
    ours = dict(floor.lower().split("==") for floor in floors)
    stated = {(match["name"], match["bound"]) for match in _BOUND.finditer(control)}
    return [
        f"debian/control asks for {name} {bound}, setup.cfg for {ours[name]}"
        for name, bound in sorted(stated)
        if name in ours and not _same(bound, ours[name])
    ]


def _same(one: str, other: str) -> bool:
    """Whether they are one version to Debian and to Python: 2.0 and 2 are."""
    return one.removesuffix("~").removesuffix(".0") == other.removesuffix(".0")


def _first(form: re.Pattern[str], text: str, place: str) -> tuple[str, str | None]:
    match = form.search(text)
    return place, match["version"] if match else None
