"""Names that can be taken for one another, and names that cannot."""

from __future__ import annotations

import pytest

from mcpgate.policy.alike import skeleton, skeletons


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("read_file", "re\u0430d_file"),  # Cyrillic a
        ("read_file", "r\u0435\u0430d_f\u0456l\u0435"),
        ("paypal", "\u0440\u0430\u0443\u0440\u0430\u04cf"),
        ("send", "\ua731end"),  # a Latin small capital S is no s in ASCII
        ("ALPHA", "\u0391LPH\u0391"),  # Greek capitals
        ("HOST", "\u13bbOST"),  # Cherokee
        ("read_file", "\uff52ead_file"),  # full width
        ("read_file", "read\u200b_file"),  # a zero-width space
        ("read_file", "read_fi\ufe00le"),  # a variation selector
        ("read-file", "read\u2010file"),  # another hyphen
        ("read_file", "read_fi1e"),
        ("item_O", "item_0"),
        ("I", "\u0399"),  # by way of a letter that looks like a third
        ("l", "\u0406"),
    ],
)
def test_what_looks_the_same_has_one_skeleton(one: str, other: str) -> None:
    """Whatever it is written with."""
    assert one != other
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("getUser", "getuser"),
        ("get_user", "get-user"),
        ("get_modern", "get_modem"),
        ("ask_o1", "ask_O1"),
        ("step_1", "step_2"),
        ("\u0444\u0430\u0439\u043b", "\u0444\u0430\u0439\u043b\u044b"),
    ],
)
def test_what_is_told_apart_at_a_glance_has_two(one: str, other: str) -> None:
    """Case, other marks of punctuation, and letters that look alike only together."""
    assert skeleton(one) != skeleton(other)


def test_names_are_gathered_by_what_they_look_like() -> None:
    """In their order, the same one as often as it is there."""
    assert skeletons(["a", "b", "\u0430", "b"]) == {"a": ["a", "\u0430"], "b": ["b", "b"]}
