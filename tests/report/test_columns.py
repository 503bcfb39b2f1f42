"""Rows for spreadsheets."""

from __future__ import annotations

import pytest

from mcpgate.report.columns import cell, row
from tests.report.test_joined import joined
from tests.report.written import QUIET, closed, opened


def test_a_row_says_who_what_how_and_over_what() -> None:
    """With both handshakes in it."""
    (found,) = joined(*QUIET[:4], opened("x"), closed("x", masked={"email": 2, "card": 1}))
    cells = row(found)
    assert (cells["principal"], cells["name"], cells["outcome"]) == ("ci", "read_file", "completed")
    assert (cells["inbound_group"], cells["outbound_pinned"]) == ("X25519MLKEM768", "yes")
    assert (cells["masked"], cells["reason"]) == ("email:2 card:1", "")


def test_all_rows_have_the_same_columns() -> None:
    """Also those of exchanges of which little is known."""
    whole, part = joined(*QUIET, opened("x-2", inbound="h-unknown", outbound=None))
    assert list(row(whole)) == list(row(part))
    assert row(part)["outcome"] == "unfinished"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-2", "@SUM(A1)", "\tx", "\rx", "\n=1", "＝1+1"])
def test_no_cell_is_a_formula(text: str) -> None:
    """Whoever names a tool must not run something in the spreadsheet of who looks at it."""
    assert cell(text) == f"'{text}"


def test_numbers_stay_numbers() -> None:
    """Whatever their sign."""
    assert [cell(value) for value in (-1, 0.25, True, False, None)] == ["-1", "0.25", "yes", "no", ""]
