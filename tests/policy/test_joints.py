"""What begins in one text and ends in another."""

from __future__ import annotations

from mcpgate.policy.detectors import NAMES, Detectors
from mcpgate.policy.effort import Effort
from mcpgate.policy.found import Found
from mcpgate.policy.joints import REACH, Chain, chains, crossing, news_in

ALL = Detectors.compile(NAMES, {})


def crossed(joined: str, *joints: int) -> list[tuple[str, str]]:
    """What is found over joints in ASCII text."""
    found = crossing(ALL.shapes, ALL.custom, joined.encode(), joints, Effort())
    return [(joined[start:end], name) for start, end, name in found]


def test_only_what_goes_over_a_joint_is_found() -> None:
    """What ends or begins there stands in one text."""
    assert crossed("x 4111111111111111 y", 9) == [("4111111111111111", "card")]
    assert crossed("x 4111111111111111 y", 2, 18) == []
    assert crossed("x 4111111111111111 y") == []


def test_a_joint_is_a_boundary_where_one_is_needed() -> None:
    """And letters on its other side do not hide what stands beside it."""
    assert crossed("word4111111111111111word", 4, 9, 20) == [("4111111111111111", "card")]
    assert crossed("word4111111111111111word", 9) == []
    assert crossed("a123-45-6789b", 1, 5, 12) == [("123-45-6789", "ssn")]


def test_what_a_secret_is_known_by_may_stand_in_the_text_before() -> None:
    """The key itself is whole in the second."""
    key = "a1B2" * 10
    assert crossed(f"secret_key={key}", 11) == [(key, "aws-key")]


def test_without_effort_the_rest_is_found() -> None:
    """As in one text."""
    found = list(crossing(ALL.shapes, (), b"4111111111111111", [3], Effort(0)))
    assert found[0] == Found(0, 16, "card")


def test_chains_leave_out_the_middle_of_long_texts() -> None:
    """A long one ends a chain with its beginning and begins one with its end."""
    long = "a" * REACH + "b" * REACH + "c"
    assert list(chains(["x", "y", long, "z"])) == [
        Chain(["x", "y", long[:REACH]], [(0, 0), (1, 0), (2, 0)]),
        Chain([long[-REACH:], "z"], [(2, len(long) - REACH), (3, 0)]),
    ]
    assert list(chains(["x"])) == list(chains([long])) == list(chains([])) == []


def test_a_find_is_in_parts() -> None:
    """One in each text, with its place there; empty texts have none."""
    chain = Chain(["abc", "", "de", "fgh"], [(4, 10), (5, 0), (6, 0), (7, 0)])
    assert chain.parts(Found(2, 7, "x")) == [
        (4, Found(12, 13, "x")),
        (6, Found(0, 2, "x")),
        (7, Found(0, 2, "x")),
    ]
    assert chain.parts(Found(3, 5, "x")) == [(6, Found(0, 2, "x"))]


def test_what_was_found_is_no_news() -> None:
    """Of the same detector, in the same place."""
    split = [(0, Found(2, 5, "x")), (1, Found(0, 3, "x"))]
    assert news_in(split, [[], []]) == split
    assert news_in(split, [[Found(0, 2, "x"), Found(2, 5, "y")], [Found(3, 4, "x")]]) == split
    assert news_in(split, [[], [Found(2, 3, "x")]]) == []
    assert news_in(split, [[Found(2, 5, "x")], []]) == []


def test_what_begins_within_another_find_is_news_behind_it() -> None:
    """Or an address right before a secret one would hide it."""
    split = [(0, Found(2, 5, "x")), (1, Found(0, 3, "x"))]
    assert news_in(split, [[Found(0, 4, "x")], []]) == [(0, Found(4, 5, "x")), split[1]]
    assert news_in(split, [[Found(2, 4, "x")], []]) == [(0, Found(4, 5, "x")), split[1]]
    assert news_in(split, [[Found(0, 5, "x")], []]) == split[1:]
