"""What others have issued and this gate refuses."""

from __future__ import annotations

import pytest
from attrs import evolve

from mcpgate.identity.denied import Denials, Denied
from mcpgate.identity.principal import Principal
from mcpgate.reasons import Reason

PROOF = "ab" * 32
ADA = Principal("okta/ada", "jwt", PROOF, None, issuer="okta", subject="ada")
ONE = Denied(0.0, 10.0, id=PROOF)
ALL_OF_ADA = Denied(0.0, 20.0, issuer="okta", subject="ada")


@pytest.mark.parametrize(
    ("denied", "principal", "now", "expected"),
    [
        ((), ADA, 1.0, False),
        ((ONE,), ADA, 9.9, True),
        ((ONE,), ADA, 10.0, False),
        ((ONE, ALL_OF_ADA), ADA, 10.0, True),
        ((ALL_OF_ADA,), ADA, 20.0, False),
        ((ONE,), ADA, float("nan"), True),
        ((ONE,), Principal("okta/ada", "jwt", "cd" * 32, None, issuer="okta", subject="ada"), 1.0, False),
        ((ALL_OF_ADA,), Principal("x/ada", "jwt", PROOF, None, issuer="x", subject="ada"), 1.0, False),
        ((ALL_OF_ADA,), Principal("okta/bob", "saml", PROOF, None, issuer="okta", subject="bob"), 1.0, False),
        ((ONE,), Principal("ci.example", "certificate", PROOF, None), 1.0, True),
        ((ONE, ALL_OF_ADA), Principal("ada", "token", "0123456789ab", None), 1.0, False),
    ],
)
def test_a_proof_or_all_of_a_subjects_are_refused_for_a_time(
    denied: tuple[Denied, ...], principal: Principal, now: float, expected: bool
) -> None:
    """Whatever kind of proof it is; the subject of one issuer is not that of another."""
    refusal = Denials(denied).denies(principal, now)
    assert (refusal is not None) is expected
    assert refusal is None or refusal.reason is Reason.AUTH_REVOKED


@pytest.mark.parametrize(
    ("how", "claims", "expected"),
    [
        ("jwt", {"iat": 160}, True),
        ("jwt", {"iat": 161}, False),
        ("opaque", {"iat": 161.5}, False),
        ("opaque", {}, True),
        ("jwt", {"iat": "161"}, True),
        ("jwt", {"iat": True}, True),
        ("saml", {"iat": 161}, True),
    ],
)
def test_what_a_subject_is_given_later_is_good_if_it_says_when(
    how: str, claims: dict[str, object], expected: bool
) -> None:
    """Give or take what the issuer's clock may be ahead; a proof that was denied by its id stays so."""
    principal = evolve(ADA, how=how, claims=claims)
    all_until_then = Denied(100.0, 1_000.0, issuer="okta", subject="ada")
    assert (Denials((all_until_then,)).denies(principal, 200.0) is not None) is expected
    assert Denials((Denied(100.0, 1_000.0, id=PROOF),)).denies(principal, 200.0) is not None


def test_what_is_over_is_forgotten() -> None:
    assert list(Denials((ONE, ALL_OF_ADA)).after(10.0)) == [ALL_OF_ADA]


@pytest.mark.parametrize(
    "denied",
    [
        Denied(0.0, 1.0),
        Denied(0.0, 1.0, id="short"),
        Denied(0.0, 1.0, id="ab" * 16),
        Denied(0.0, 1.0, id=PROOF.upper()),
        Denied(0.0, 1.0, id=PROOF, issuer="okta", subject="ada"),
        Denied(0.0, 1.0, issuer="okta"),
        Denied(0.0, 1.0, issuer="", subject="ada"),
        Denied(0.0, 1.0, issuer="okta", subject="x" * 1025),
    ],
)
def test_it_is_about_one_or_the_other(denied: Denied) -> None:
    assert not denied.sound
    assert ONE.sound and ALL_OF_ADA.sound
