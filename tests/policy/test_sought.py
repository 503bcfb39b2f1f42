"""What is said of each shape is true of it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpgate.policy.detectors import Detectors
from mcpgate.policy.effort import Effort
from mcpgate.policy.regex import Regex
from mcpgate.policy.shapes import Shape
from mcpgate.policy.sought import BUILT_IN, HINT_MOST, NAMES, Sought
from tests.policy.samples import WHOLE

SHAPES = [(sought, Shape.of(sought), Regex(sought.hint, captures=False)) for sought in BUILT_IN]
SAMPLES = [text for texts in WHOLE.values() for text in texts]
texts = st.lists(
    st.sampled_from(SAMPLES).flatmap(
        lambda text: st.tuples(st.integers(0, 3), st.integers(0, 3)).map(
            lambda cut: text[cut[0] : len(text) - cut[1]]
        )
    ),
    max_size=4,
).map(" ".join)


@settings(max_examples=500)
@given(texts)
def test_a_hint_is_wherever_the_shape_is(text: str) -> None:
    """And what a text needs to have it is there."""
    raw = text.encode()
    for sought, shape, hint in SHAPES:
        span = shape.loose.span(raw)
        if span is not None:
            assert not sought.needs or any(need in raw for need in sought.needs), sought.detector
            assert hint.hits(raw) or not sought.check(raw, *span, frozenset()), sought.detector
        if any(shape.seek(raw, Effort())):
            assert hint.hits(raw) and (not sought.near or Regex(sought.near).hits(raw)), sought.detector


@pytest.mark.parametrize("sought", BUILT_IN, ids=lambda sought: sought.detector)
def test_hints_are_short(sought: Sought) -> None:
    """No hint needs more of two texts than is looked at where they meet."""
    hint = Regex(f"^(?:{sought.hint})", captures=False)
    for text in SAMPLES:
        raw = text.encode()
        for at in range(len(raw)):
            span = hint.span(raw[at:])
            assert span is None or span[1] <= HINT_MOST
    assert hint.size < 1500


@pytest.mark.parametrize("sought", BUILT_IN, ids=lambda sought: sought.detector)
def test_shapes_are_small(sought: Sought) -> None:
    """RE2 has an automaton for each, so no text makes it slow."""
    assert Regex(f"(?:^|{sought.left})({sought.core})(?:$|{sought.right})").size < 1000


@pytest.mark.parametrize("name", sorted(NAMES - {"private-key"}))
def test_the_beginning_of_everything_is_in_doubt_before_it_says_much(name: str) -> None:
    """Character by character, there is no gap between what passes and what is found."""
    detectors = Detectors.compile(frozenset({name}), {})
    for text in WHOLE[name]:
        if not text.isascii():
            continue
        began = False
        for end in range(len(text) + 1):
            doubts = detectors.doubts([text[:end]])
            if not detectors.find(text[:end]):
                assert not began or doubts, text[:end]
                began = bool(doubts)
        passed = max(end for end in range(len(text)) if not detectors.doubts([text[:end]]))
        assert began or passed == 0 or detectors.find(text[: passed + 1]), text


@pytest.mark.parametrize(
    "text", ["at noon", "4 of 12", "order 41111", "see foo", "eyJ", "AKIA", "+1 415", "line 123"]
)
def test_the_ends_of_most_texts_are_in_no_doubt(text: str) -> None:
    """What says little passes."""
    assert Detectors.compile(NAMES, {}).doubts([text]) == []
