"""What a token is bound to, and what of that does not hold where it is presented."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address

import pytest

from mcpgate.identity.bound import BOUND_MOST, Bound, Presented
from mcpgate.reasons import Reason
from mcpgate.tls.handshake import Certificate

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SHOWN = Certificate("", "", "01", "ab" * 32, "", NOW, NOW, "")
HERE = Presented("git", ip_address("10.1.2.3"), SHOWN, "spiffe://example.org/ci")
NOT_PLACE, NOT_BOUND = Reason.AUTH_PLACE, Reason.AUTH_BINDING


@pytest.mark.parametrize(
    ("bound", "presented", "expected"),
    [
        ({}, Presented(), None),
        ({"rules": ["x"], "scopes": ["y"]}, Presented(), None),
        ({"routes": ["git", "hub"]}, HERE, None),
        ({"routes": ["hub"]}, HERE, NOT_PLACE),
        ({"routes": ["git"]}, Presented(), NOT_PLACE),
        ({"addresses": ["10.1.2.3"]}, HERE, None),
        ({"addresses": ["::/0", "10.0.0.0/8"]}, HERE, None),
        ({"addresses": ["::/0"]}, HERE, NOT_PLACE),
        ({"addresses": ["::ffff:10.1.0.0/112"]}, HERE, None),
        ({"addresses": ["::ffff:10.1.2.4"]}, HERE, NOT_PLACE),
        ({"addresses": ["10.1.2.4"]}, HERE, NOT_PLACE),
        ({"addresses": ["0.0.0.0/0"]}, Presented("git"), NOT_PLACE),
        ({"certificates": ["AB:" * 31 + "AB"]}, HERE, None),
        ({"certificates": ["spiffe://example.org/ci"]}, HERE, None),
        ({"certificates": ["CI.Example"]}, Presented("git", None, SHOWN, "ci.example"), None),
        ({"certificates": ["ab" * 32]}, Presented("git", None, SHOWN, None), None),
        ({"certificates": ["cd" * 32, "ci.example"]}, HERE, NOT_BOUND),
        ({"certificates": ["ci.example"]}, Presented("git", None, SHOWN, None), NOT_BOUND),
        ({"certificates": ["ab" * 32]}, Presented("git"), NOT_BOUND),
        ({"routes": ["git"], "addresses": ["10.1.2.4"]}, HERE, NOT_PLACE),
        ({"routes": ["git"], "certificates": ["ci.example"]}, HERE, NOT_BOUND),
    ],
)
def test_every_binding_has_to_hold(
    bound: dict[str, list[str]], presented: Presented, expected: Reason | None
) -> None:
    """Each narrows it down; what nobody looked at holds for nothing."""
    refusal = Bound.to(**bound).refuses(presented)  # type: ignore[arg-type]
    assert (refusal.reason if refusal is not None else None) is expected


@pytest.mark.parametrize(
    "bound",
    [
        {"routes": ["a b"]},
        {"routes": [""]},
        {"rules": ["x*"]},
        {"addresses": ["10.1.2.3/8"]},
        {"addresses": ["ten"]},
        {"certificates": ["*.example"]},
        {"certificates": ["a b"]},
        {"scopes": ['a"b']},
        {"scopes": ["a b"]},
        {"scopes": ["x" * 129]},
        {"scopes": [f"s{number}" for number in range(BOUND_MOST + 1)]},
    ],
)
def test_what_is_written_in_no_such_way_is_an_error(bound: dict[str, list[str]]) -> None:
    """It would bind to nothing that there is, or be no binding at all."""
    with pytest.raises(ValueError, match=r"cannot be a|is no |at most"):
        Bound.to(**bound)  # type: ignore[arg-type]


def test_a_file_that_somebody_edited_is_held_to_the_same() -> None:
    """A network that is written otherwise is one that nobody has read."""
    assert list(Bound(addresses=("10.0.0.1/8",)).faults()) == ["'10.0.0.1/8' is no network"]
    assert list(Bound(addresses=("10.0.0.1",)).faults()) == ["'10.0.0.1' is not how a network is written"]
    assert list(Bound.to(addresses=["10.0.0.1"], routes=["git"]).faults()) == []


def test_what_it_is_bound_to_and_is_not_there_is_told() -> None:
    """Such a token is good for less than somebody meant; it is never good for more."""
    bound = Bound.to(routes=["git", "gone"], rules=["old"], certificates=["ci.example"])
    assert list(bound.strays({"git"}, {"new"}, False)) == [
        "is bound to the route gone, which there is not",
        "is bound to the rule old, and no rule of that name allows anything",
        "is bound to a client certificate, and no listener asks for one",
    ]
    assert list(bound.strays({"git", "gone"}, {"old"}, True)) == []
