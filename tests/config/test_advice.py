"""What operators are told about reasons."""

import re

import pytest

from mcpgate.config.advice import ADVICE
from mcpgate.reasons import Reason


def test_no_reason_is_without_advice() -> None:
    """Whoever adds a reason says what to do about it."""
    assert set(ADVICE) == set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_advice_is_a_few_sentences(reason: Reason) -> None:
    """What happened and what to do about it: two at least, and no more than is read at three at night."""
    advice = ADVICE[reason]
    assert advice[0].isupper() and advice.endswith(".")
    assert 2 <= len(re.split(r"[.:;] ", advice)) <= 6
    assert advice.isprintable() and "  " not in advice
