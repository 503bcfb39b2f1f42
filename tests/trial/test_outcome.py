"""How an outcome differs from what was expected, and how it is told."""

from __future__ import annotations

import pytest

from mcpgate.reasons import Reason
from mcpgate.trial.cases import ExpectTable
from mcpgate.trial.outcome import Outcome, differences

OUTCOME = Outcome(
    "block",
    "no-keys",
    Reason.POLICY_CONTENT,
    "aws-key, by no-keys",
    {"email": 2},
    (("tried", "block"),),
    b'{"asked": 1}',
    b'{"answered": 1}',
)


def test_what_is_expected_makes_no_difference() -> None:
    """All of it, or only the verdict."""
    whole = ExpectTable(
        verdict="block",
        rule="no-keys",
        reason="policy.content",
        masked={"email": 2, "card": 0},
        shadow=("tried",),
        answer_has=("answered",),
        answer_lacks=("asked",),
        asked_has=("asked",),
        asked_lacks=("answered",),
    )
    assert differences(whole, OUTCOME) == []
    assert differences(ExpectTable(verdict="block"), OUTCOME) == []


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        (ExpectTable(verdict="allow"), "the verdict is block, not allow"),
        (ExpectTable(verdict="block", rule="other"), "no-keys decides, not other"),
        (
            ExpectTable(verdict="block", reason="policy.blocked"),
            "the reason is policy.content, not policy.blocked",
        ),
        (ExpectTable(verdict="block", masked={}), "masks 2 email, not nothing"),
        (ExpectTable(verdict="block", masked={"email": 1}), "masks 2 email, not 1 email"),
        (ExpectTable(verdict="block", shadow=()), "shadow rules are tried, not none"),
        (ExpectTable(verdict="block", answer_has=("x",)), 'the caller\'s answer does not hold "x"'),
        (ExpectTable(verdict="block", answer_lacks=("1",)), 'the caller\'s answer holds "1"'),
        (ExpectTable(verdict="block", asked_has=("x",)), 'what the upstream gets does not hold "x"'),
        (ExpectTable(verdict="block", asked_lacks=("1",)), 'what the upstream gets holds "1"'),
    ],
)
def test_each_difference_is_said(expected: ExpectTable, said: str) -> None:
    """In words for who has to mend it, and nothing besides."""
    assert differences(expected, OUTCOME) == [said]


def test_without_a_rule_or_reason_it_says_so() -> None:
    """No single rule decided."""
    plain = Outcome("allow")
    expected = ExpectTable(verdict="allow", rule="reads")
    assert differences(expected, plain) == ["no single rule decides, not reads"]


def test_it_is_told_in_a_line_and_as_facts_without_the_messages() -> None:
    """What policy keeps back is in neither."""
    assert OUTCOME.told() == (
        "block by no-keys (policy.content: aws-key, by no-keys) masks 2 email shadow: tried would block"
    )
    assert Outcome("allow").told() == "allow"
    facts = OUTCOME.facts()
    assert facts["reason"] == "policy.content" and facts["shadow"] == [{"rule": "tried", "verdict": "block"}]
    assert "answered" not in str(facts)
