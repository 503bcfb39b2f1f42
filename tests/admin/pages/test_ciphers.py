"""What exchanges had on one leg, over time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.admin.pages.staged import MadeIndex, asked, show, sources


@pytest.mark.parametrize(
    ("query", "leg"), [("", "inbound"), ("?leg=outbound", "outbound"), ("?leg=sideways", "inbound")]
)
def test_a_leg_is_one_of_the_two(query: str, leg: str) -> None:
    """Whatever somebody writes into the address."""
    index = MadeIndex()
    shown = show("/ciphers", asked(f"/ciphers{query}"), sources(index))
    assert shown.values["leg"] == leg
    assert index.asked[0][1][0] == leg


def test_what_is_not_known_has_a_name_too() -> None:
    """Exchanges by handshakes that the index has no more are not left out of the chart."""
    course: Any = show("/ciphers", asked("/ciphers?show=groups"), sources(MadeIndex("X25519"))).values[
        "course"
    ]
    assert course.names == ("X25519", "unknown")
    assert [row.counts for row in course.rows] == [(3, 1), (3, 1)]
