"""How results are read and compared."""

from __future__ import annotations

import json

import pytest

from tests.conformance.checks import (
    FAILED,
    PASSED,
    WHOLE,
    Check,
    Row,
    Run,
    differences,
    faults,
    line,
    read_checks,
)


def run(*checks: tuple[str, str], trouble: str = "") -> Run:
    """A run of scenario C{s} with these ids and statuses."""
    return Run(tuple(Check("s", name, status) for name, status in checks), trouble)


def test_notes_are_no_checks() -> None:
    """The suite's notes on what it saw are as many as there were requests."""
    text = json.dumps([{"id": "seen", "status": "INFO"}, {"id": "a", "status": PASSED}])
    assert read_checks("s", text) == [Check("s", "a", PASSED)]


@pytest.mark.parametrize("text", [None, "", "[{"])
def test_a_scenario_without_a_result_has_failed(text: str | None) -> None:
    """The suite counts one that threw as a failure, and so do we: it is no blank."""
    [check] = read_checks("s", text)
    assert (check.name, check.status) == (WHOLE, FAILED)
    assert check.why


def test_the_suites_words_are_kept_to_a_line() -> None:
    """They may be pages long."""
    [check] = read_checks("s", json.dumps([{"id": "a", "status": FAILED, "errorMessage": "no\n" * 999}]))
    assert check.why.startswith("no no no")
    assert len(check.why) < 300


def test_warnings_and_skipped_checks_are_not_counted() -> None:
    """The suite's own totals leave them out."""
    found = run(("a", PASSED), ("b", FAILED), ("c", "WARNING"), ("d", "SKIPPED"))
    assert found.counts == {"passed": 1, "failed": 1}


def test_the_same_run_twice_has_no_difference() -> None:
    """In whatever order the checks came, and although some have the same id."""
    direct = run(("a", PASSED), ("a", FAILED), ("b", PASSED))
    gate = run(("b", PASSED), ("a", FAILED), ("a", PASSED))
    assert faults(direct, gate, known=1) == []


@pytest.mark.parametrize(
    ("direct", "gate", "words"),
    [
        (run(("a", PASSED)), run(("a", FAILED)), "SUCCESS directly, FAILURE through the gate"),
        (run(("a", FAILED)), run(("a", PASSED)), "FAILURE directly, SUCCESS through the gate"),
        (run(("a", PASSED)), run(), "SUCCESS directly, nothing through the gate"),
        (run(), run(("a", PASSED)), "nothing directly, SUCCESS through the gate"),
        (run(("a", PASSED)), run(("a", "WARNING")), "SUCCESS directly, WARNING through the gate"),
        (run(("a", "WARNING")), run(("a", "SKIPPED")), "WARNING directly, SKIPPED through the gate"),
        (
            run(("a", PASSED), ("a", PASSED)),
            run(("a", PASSED), ("a", FAILED)),
            "2 SUCCESS directly, FAILURE and SUCCESS through the gate",
        ),
    ],
)
def test_what_came_out_differently_is_named(direct: Run, gate: Run, words: str) -> None:
    """Each id once, with how often it came out how; a change that no count shows is one, too."""
    assert differences(direct, gate) == [f"s: a: {words}"]


def test_equal_counts_of_different_checks_are_different() -> None:
    """One that fails instead of another is two differences."""
    assert len(differences(run(("a", PASSED), ("b", FAILED)), run(("a", FAILED), ("b", PASSED)))) == 2


def test_a_difference_has_the_suites_words() -> None:
    """Those of the run in which it did not pass."""
    direct, gate = run(("a", PASSED)), Run((Check("s", "a", FAILED, "got 400"),))
    assert differences(direct, gate)[0].endswith("through the gate (got 400)")


def test_a_row_that_was_not_run_is_not_the_same() -> None:
    """Neither one without a single check, nor one that was not made to its end."""
    assert faults(run(), run()) == ["nothing passed directly", "nothing passed through the gate"]
    good = run(("a", PASSED))
    assert faults(good, good + Run(trouble="late")) == ["late (through the gate)"]
    # A check that is neither passed nor failed checks nothing.
    only = run(("a", "SKIPPED"))
    assert len(faults(only, only)) == 2


def test_a_server_that_is_broken_is_no_measure() -> None:
    """Both ways are equally bad then."""
    found = run(("a", PASSED), ("b", FAILED))
    assert faults(found, found) == ["1 failed directly, where 0 are known to"]
    assert faults(found, found, known=2) == ["1 failed directly, where 2 are known to"]


def test_what_a_run_did_not_come_to_is_not_told_check_by_check() -> None:
    """That it was cut short is one fault; what it did come to is compared."""
    direct = run(("a", PASSED), ("b", PASSED), ("c", PASSED))
    gate = run(("a", PASSED), ("b", FAILED), (WHOLE, FAILED), trouble="not finished in 90 s")
    assert faults(direct, gate) == [
        "not finished in 90 s (through the gate)",
        "s: b: SUCCESS directly, FAILURE through the gate",
        f"s: {WHOLE}: nothing directly, FAILURE through the gate",
    ]


def test_runs_add_up() -> None:
    """With their checks and their troubles."""
    both = run(("a", PASSED), trouble="late") + run(("b", FAILED), trouble="lost")
    assert both == run(("a", PASSED), ("b", FAILED), trouble="late; lost")


def test_a_row_as_it_is_written_and_shown() -> None:
    """Names and counts; nobody has to know what a check is."""
    row = Row("2025-11-25", run(("a", PASSED), ("b", PASSED)), run(("a", PASSED), ("b", FAILED)))
    assert row.written() == {
        "what": "2025-11-25",
        "direct": {"passed": 2, "failed": 0},
        "gate": {"passed": 1, "failed": 1},
    }
    assert line(row, 12).split() == ["2025-11-25", "2/0", "1/1", "1", "differs"]
    assert line(Row("x", row.direct, row.direct), 12).split() == ["x", "2/0", "2/0", "same"]
