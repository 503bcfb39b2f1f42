"""What must hold between the keys of C{[evidence]} (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mcpgate.config.draft import Draft
from mcpgate.config.units import write_size
from mcpgate.evidence.targets import Directory, read_target

Drafts = Mapping[str, Sequence[Draft]]


def judge_evidence(drafts: Drafts) -> None:
    """Report what is wrong with it."""
    for evidence in drafts["evidence"]:
        _copies(evidence)
        _kept(evidence)


def _copies(evidence: Draft) -> None:
    copies = evidence.get("copies")
    known = set()
    for index, text in enumerate(copies if isinstance(copies, tuple) else ()):
        place = evidence.place.key("copies").item(index)
        try:
            target = read_target(str(text))
        except ValueError as error:
            evidence.sheet.report(place, str(error))
            continue
        if target in known:
            evidence.sheet.report(place, "is there twice")
        known.add(target)
        if isinstance(target, Directory) and target.path == evidence.get("checkpoints"):
            what = "is where the checkpoints are anyway; a copy is for when that is lost"
            evidence.sheet.report(place, what)


def _kept(evidence: Draft) -> None:
    most, segment = evidence.get("keep_size"), evidence.get("segment_size")
    if isinstance(most, int) and isinstance(segment, int) and most < segment:
        what = f"is less than one segment ({write_size(segment)}): each would be removed once it is closed"
        evidence.report("keep_size", what)
    keep, age = evidence.get("keep"), evidence.get("segment_age")
    if isinstance(keep, int | float) and isinstance(age, int | float) and keep < age:
        evidence.report("keep", "is less than segment_age, so a segment may be closed later than it expires")
