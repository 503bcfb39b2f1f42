"""Who did what, and whether the record of it stands."""

from __future__ import annotations

from attrs import evolve

from mcpgate.report.checks.answer import Answer, Facts
from mcpgate.report.checks.conduct import authorized, record
from tests.report.written import PRINCIPAL, QUIET, closed, opened, said, summed, verified


def test_callers_have_proved_who_they_are() -> None:
    """One who had not to is enough for the contrary."""
    assert authorized(Facts(summed(*QUIET), verified())).answer is Answer.MET
    anonymous = evolve(PRINCIPAL, name="anonymous", how="anonymous")
    lines = (*QUIET, opened("x-2", principal=anonymous), closed("x-2"))
    assert authorized(Facts(summed(*lines), verified())).answer is Answer.NOT_MET


def test_a_record_stands_if_it_is_sealed_and_whole() -> None:
    """Tampered with, or forwarded without it, it does not; without a checkpoint nothing shows it."""
    summary = summed(*QUIET)
    assert record(Facts(summary, verified())).answer is Answer.MET
    assert record(Facts(summary, verified(sound=False))).answer is Answer.NOT_MET
    assert record(Facts(summary, verified(checkpoints=0))).answer is Answer.NOT_SHOWN
    for facts in ({"exchanges": 1, "lines": 0}, {"exchanges": 0, "lines": 9}):
        assert record(Facts(summed(*QUIET, said("gap", **facts)), verified())).answer is Answer.NOT_MET


def test_what_is_not_sealed_yet_is_a_figure_and_no_failure() -> None:
    """A gate that runs always has some."""
    found = record(Facts(summed(*QUIET), verified(unsealed=12)))
    assert found.answer is Answer.MET
    assert {one.label: one.value for one in found.figures}["lines after the last checkpoint"] == "12"
