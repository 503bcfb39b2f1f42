"""Who may look, and who may decide."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.admin.roles import Names, Person, Role, Roles

ROLES = Roles.compile(
    viewers=["*.staff.example.com", "Auditors", "spiffe://example.org/look/*", "eve@example.com"],
    approvers=["oncall.staff.example.com", "platform"],
)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (Names(folded=("a.staff.example.com",)), (Role.VIEWER, "a.staff.example.com")),
        (Names(folded=("oncall.staff.example.com",)), (Role.APPROVER, "oncall.staff.example.com")),
        (Names(exact=("Auditors",)), (Role.VIEWER, "Auditors")),
        (Names(exact=("spiffe://example.org/look/a",)), (Role.VIEWER, "spiffe://example.org/look/a")),
        (Names(exact=("Auditors", "platform")), (Role.APPROVER, "platform")),
        (Names(exact=("somebody",), folded=("eve@example.com",)), (Role.VIEWER, "eve@example.com")),
    ],
)
def test_whoever_is_on_a_list_may_do_what_it_says(names: Names, found: tuple[Role, str]) -> None:
    """The approvers' list counts first, as they may look, too."""
    assert ROLES.of(names) == found


@pytest.mark.parametrize(
    "names",
    [
        Names(),
        Names(exact=("auditors",)),
        Names(exact=("Platform",)),
        Names(folded=("staff.example.com", "a.staff.example.com.evil.test")),
        Names(exact=("spiffe://example.org/looking",)),
    ],
)
def test_whoever_is_on_none_is_nobody(names: Names) -> None:
    """However good the proof; and groups of other letters are other groups."""
    assert ROLES.of(names) is None


@given(st.lists(st.text(max_size=20), max_size=4))
def test_an_empty_list_names_nobody(names: list[str]) -> None:
    """Elsewhere an empty list of patterns matches everything."""
    assert Roles.compile((), ()).of(Names(tuple(names), tuple(names))) is None


def test_only_approvers_decide() -> None:
    """And records say how somebody has proved to be who they are."""
    assert Person("a", "oidc", Role.APPROVER).decides
    assert not Person("a", "oidc", Role.VIEWER).decides
    assert str(Person("a@example.com", "oidc", Role.VIEWER)) == "a@example.com (oidc)"
