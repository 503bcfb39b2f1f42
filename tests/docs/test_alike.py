"""What is shown of a run, and what another run prints."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.docs.alike import alike, copied, fits, torn, with_copies

LINES = st.lists(st.text("ab .", max_size=4), max_size=6)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("2026-11-26T10:08:40.421934Z  x-01a2…3  ci", "2027-01-02T00:00:00.1Z x-01b27f0e11-00a1  ci"),
        ("took 32.6 ms", "took 0.1 ms"),
        ('pins = ["sha256/AAAA…"]', 'pins = ["sha256/' + "ab+/" * 10 + 'abc="]'),
        ("sha256:5d2c…", "sha256:" + "0f" * 32),
        ("mcpgate_0a1b2c3d4e5f_…", "mcpgate_ffffffffffff_A-b_c"),
        ("name   listen", "name listen"),
        ("----  ---", "------  -------"),
        ("is good: ...", "is good: really"),
        ("127.0.0.1:53122", "127.0.0.1:40000"),
        ("[1] 4711", "[1] 12"),
    ],
)
def test_what_differs_from_run_to_run_is_alike(shown: str, printed: str) -> None:
    """Times, ids, keys and the like are compared by their kinds."""
    assert fits(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("allow", "block"),
        ("refused 200", "refused 403"),
        ("https://localhost:8443/files", "https://localhost:8444/files"),
        ("policy.denied", "policy.budget"),
        ("took 3 ms", "took long"),
        ("x-ray", "x-01b27f0e11"),
    ],
)
def test_what_means_something_else_is_not(shown: str, printed: str) -> None:
    """Words, verdicts, status codes and the ports that a page names are compared as they are."""
    assert not fits(shown, printed)


def test_a_line_of_dots_stands_for_any_lines() -> None:
    """None, some, anywhere; blank lines do not count."""
    assert alike(["a", "...", "c"], ["a", "c"])
    assert alike(["a", "...", "c"], ["a", "b", "", "b", "c"])
    assert alike(["..."], [])
    assert not alike(["a", "...", "c"], ["a", "b"])
    assert not alike(["a"], ["a", "b"])
    assert not alike(["a", "b"], ["a"])


def test_what_goes_on_may_print_more() -> None:
    """A program in the background has printed what is shown, and whatever comes after it."""
    assert alike(["a"], ["a", "b"], more=True)
    assert not alike(["b"], ["a"], more=True)


def test_what_was_printed_is_copied_into_later_commands() -> None:
    """By what the page shows in its place, wherever that stands."""
    copies = copied(
        [
            "began id",
            "...",
            "2026-11-26T10:08:40Z x-01a2…3 ci",
            "mcpgate_0a1b_…",
            "sha256:5d2c…",
            "5f2d0c44…",
        ],
        [
            "began id",
            "other",
            "2027-01-01T00:00:00Z x-99ff00 ci",
            "mcpgate_77_secret",
            "sha256:ab12",
            "0f" * 32,
        ],
    )
    assert copies == {"x-01a2…3": "x-99ff00", "mcpgate_0a1b_…": "mcpgate_77_secret"} | {
        "sha256:5d2c…": "sha256:ab12",
        "5d2c…": "ab12",
        "5f2d0c44…": "0f" * 32,
    }
    assert with_copies("show x-01a2…3 x-01a2…", copies) == "show x-99ff00 x-01a2…"
    assert with_copies("-H 'Authorization: Bearer mcpgate_0a1b_…'", copies).endswith("mcpgate_77_secret'")
    assert with_copies("as it is", {}) == "as it is"


def test_a_pin_that_is_shown_in_two_ways_is_told() -> None:
    """Runbooks have people compare pins: those of a page have to be of one run."""
    one, other, real, second = (f"sha256/{letter * 43}=" for letter in "ABCD")
    assert torn({one: real}, {one: real, other: second}) is None
    assert torn({"sha256/AAA…": real}, {one: real}) is None
    assert torn({one: real}, {other: real}) == f"{one} and {other} are shown where it prints the same, {real}"
    assert torn({one: real}, {one: second}) == f"{one} stands for {real}, and for {second}"


@given(LINES)
def test_output_is_alike_to_itself(lines: list[str]) -> None:
    """Whatever it is."""
    assert alike(lines, lines)


@given(LINES, LINES, LINES)
def test_dots_stand_for_whatever_is_left_out(before: list[str], between: list[str], after: list[str]) -> None:
    """Wherever it is left out."""
    assert alike([*before, "...", *after], [*before, *between, *after])
