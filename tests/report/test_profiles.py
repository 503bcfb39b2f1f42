"""What auditors ask, answered as far as the record goes and no further."""

from __future__ import annotations

import pytest

from mcpgate.report.checks.answer import Answer
from mcpgate.report.profiles import PROFILES, SHOWS, SHOWS_NOT, Control
from tests.report.written import QUIET, reported, verified


def controls(*lines: bytes, profile: str, sound: bool = True) -> dict[str, Control]:
    """The controls of a report, by their clauses; of several with one clause, the last."""
    return {
        one.clause: one for one in reported(*lines, profile=profile, found=verified(sound=sound)).controls
    }


def test_the_issue_s_frameworks_are_there() -> None:
    """By the names that the command line takes, each with its source."""
    assert set(PROFILES) == {"pci-4.2.1", "soc2-cc6.7", "hipaa-164.312e", "nist-sc-8", "iso-a8.24"}
    for one in PROFILES.values():
        assert one.url.startswith("https://") and one.source and one.clauses and one.beyond
    assert SHOWS and SHOWS_NOT


@pytest.mark.parametrize("profile", PROFILES)
def test_a_quiet_day_is_answered(profile: str) -> None:
    """What the record can show is met, and what it cannot is said to be not shown; nothing is not met."""
    found = reported(*QUIET, profile=profile).controls
    assert Answer.MET in {one.answer for one in found}
    assert Answer.NOT_MET not in {one.answer for one in found}
    assert all(one.why and one.asks and one.figures for one in found)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_journal_that_was_tampered_with_shows_nothing(profile: str) -> None:
    """However good the rest of it looks."""
    found = reported(*QUIET, profile=profile, found=verified(sound=False)).controls
    assert Answer.MET not in {one.answer for one in found}
    assert Answer.NOT_MET in {one.answer for one in found} or profile == "none"


@pytest.mark.parametrize("profile", PROFILES)
def test_a_journal_that_was_not_sealed_in_time_shows_nothing_good(profile: str) -> None:
    """Somebody could have written its lines without the key."""
    found = reported(*QUIET, profile=profile, found=verified(late=True)).controls
    assert {one.answer for one in found} == {Answer.NOT_SHOWN}


@pytest.mark.parametrize("profile", PROFILES)
def test_nothing_that_happened_shows_nothing_of_encryption(profile: str) -> None:
    """A span without an exchange proves that nothing was seen, and no more."""
    answers = {one.title: one.answer for one in reported(profile=profile).controls}
    record = {"Changes of audit logs are detected", "Activity is monitored", "Audit controls", "Logging"}
    record |= {"The record is protected by cryptography", "Collection of evidence"}
    assert {answer for title, answer in answers.items() if title not in record} == {Answer.NOT_SHOWN}


def test_pci_asks_what_it_asks() -> None:
    """Each of its clauses, by its number."""
    found = controls(*QUIET, profile="pci-4.2.1")
    assert {clause.split(",")[0].split(" ")[0] for clause in found} == {
        "4.2.1",
        "4.2.1.1",
        "12.3.3",
        "10.3.4",
    }
    assert found["4.2.1 (4.2.1.c)"].answer is Answer.MET
    # No record of a gate can show that somebody reviews a list.
    assert found["12.3.3"].answer is Answer.NOT_SHOWN


def test_which_module_is_prescribed_is_not_ours_to_say() -> None:
    """The figures say whether the FIPS provider was in use."""
    found = controls(*QUIET, profile="nist-sc-8")["SC-13"]
    assert found.answer is Answer.NOT_SHOWN
    assert {one.label: one.value for one in found.figures}["its FIPS provider in use"] == "no"
