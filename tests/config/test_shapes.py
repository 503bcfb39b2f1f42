"""What an editor can know of a single value."""

from __future__ import annotations

import re

import pytest
from jsonschema import Draft4Validator

from mcpgate.config import shapes
from mcpgate.config.shapes import Shape
from mcpgate.config.units import BYTES


@pytest.mark.parametrize(
    ("shape", "good", "bad"),
    [
        (shapes.TEXT, ["a"], ["", 5]),
        (shapes.BOOLEAN, [True], [1, "true"]),
        (shapes.matching("a|b"), ["a", "b"], ["ab", "ca", "", 1]),
        (shapes.matching(re.compile("[0-9]{2}")), ["12"], ["1", "123"]),
        (shapes.beginning("https://", "http://"), ["https://a", "HTTP://a"], ["xhttps://a", "ftp://a"]),
        (shapes.beginning("moz-extension://"), ["moz-extension://a"], ["mozxextension://a"]),
        (shapes.among(["a", True]), ["a", True], ["b", False]),
        (shapes.whole(1, 3), [1, 3], [0, 4, 1.5, "1"]),
        (shapes.quantity(BYTES), ["64KiB", "1B"], ["64", "64 KiB", "64kB", 64]),
        (shapes.either(shapes.BOOLEAN, shapes.among(["a"])), [True, "a"], ["b"]),
        (shapes.listed(shapes.BOOLEAN), [[True]], [[], [1], True]),
    ],
)
def test_a_shape_takes_what_it_should(shape: Shape, good: list[object], bad: list[object]) -> None:
    """And nothing else."""
    Draft4Validator.check_schema(dict(shape))
    judge = Draft4Validator(dict(shape))
    assert [value for value in good if not judge.is_valid(value)] == []
    assert [value for value in bad if judge.is_valid(value)] == []
