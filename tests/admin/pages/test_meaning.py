"""What a reason means to the people who run the gate."""

from __future__ import annotations

import pytest

from mcpgate.admin.pages.meaning import advice, means
from mcpgate.config.advice import ADVICE
from mcpgate.reasons import Reason


@pytest.mark.parametrize("reason", ADVICE)
def test_it_is_one_sentence_of_the_advice(reason: Reason) -> None:
    """The first, whole; all of it is on the page of an exchange."""
    words = means(reason.value)
    assert words and words[-1] in ".)" and "\n" not in words
    assert (advice(reason.value) or "").startswith(words)


def test_what_this_version_does_not_know_means_nothing() -> None:
    """A journal may be of a later one."""
    assert means("tls.later") == ""
    assert advice(None) is advice("tls.later") is None
