"""A second library judges the same tokens in the same way; C{make tokens} asks it about 100,000."""

from __future__ import annotations

import pytest

from tests.identity import differential
from tests.identity.differential import DIFFERENCES, MINTER, Outcome, joserfc, run

COUNT = 3000


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return run(COUNT, seed=6)


def test_mutated_tokens_are_judged_alike_but_for_known_differences(outcome: Outcome) -> None:
    assert outcome.surprises == []


def test_enough_of_them_are_good_for_both_and_enough_for_neither(outcome: Outcome) -> None:
    """If nothing passed, or everything did, they would agree on nothing."""
    assert outcome.counts["both accept"] > COUNT / 10
    assert outcome.counts["both refuse"] > COUNT / 3
    assert sum(outcome.counts[known.name] for known in DIFFERENCES) < COUNT / 5


def test_what_joserfc_says_is_not_always_the_same() -> None:
    good = MINTER.mint()
    assert joserfc(good) == ""
    assert joserfc(good[:-4] + b"AAAA") == "BadSignatureError"
    assert joserfc(MINTER.mint(aud="x")) == "InvalidClaimError"


def test_a_difference_that_nobody_knows_is_a_surprise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is told by what the token is and by what we refuse it for: one of the two alone is not enough."""
    outcome = Outcome()
    bound = MINTER.mint(cnf={"x5t#S256": "AA"})
    outcome.judge(bound)
    assert outcome.surprises == [] and outcome.counts == {"is bound": 1}
    monkeypatch.setattr(differential, "joserfc", lambda token: "")
    outcome.judge(bound[:-4] + b"AAAA")
    outcome.judge(MINTER.mint(aud="x"))
    monkeypatch.setattr(differential, "joserfc", lambda token: "JoseError")
    outcome.judge(MINTER.mint())
    assert [surprise.split(";")[0] for surprise in outcome.surprises] == [
        "auth.signature: the signature does not hold by the issuer's key",
        "auth.audience: it is for 'x', not for 'https://gate.example:8443/github'",
        "accepted",
    ]
