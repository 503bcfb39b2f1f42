"""Who somebody is to the dashboard, and what they may do there (pure).

Two roles: a viewer may look, an approver may decide as well. Whoever matches neither list is nobody here,
however good the proof: a certificate of the staff's CA is not yet a right to see what everybody calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from attrs import frozen

from mcpgate.identity.peer import known_names
from mcpgate.policy.patterns import Patterns


class Role(StrEnum):
    """What somebody may do."""

    VIEWER = "viewer"
    APPROVER = "approver"


@frozen
class Person:
    """
    Somebody who has logged in.

    @ivar name: As the proof has it.
    @ivar how: The proof: C{link}, C{certificate}, C{oidc}, C{socket}.
    """

    name: str
    how: str
    role: Role

    @property
    def decides(self) -> bool:
        """Whether they may decide about held calls, and accept definitions."""
        return self.role is Role.APPROVER

    def __str__(self) -> str:
        return f"{self.name} ({self.how})"


@frozen
class Names:
    """
    What somebody proved to be called.

    @ivar exact: SPIFFE IDs, subjects, groups: to the letter.
    @ivar folded: DNS names and e-mail addresses, in lower case, as there upper and lower case are the same.
    """

    exact: tuple[str, ...] = ()
    folded: tuple[str, ...] = ()


@frozen
class _Listed:
    """One list of C{[admin]}; an empty one names nobody."""

    written: Patterns
    lowered: Patterns

    @classmethod
    def compile(cls, texts: Iterable[str]) -> _Listed:
        kept = tuple(texts)
        return cls(Patterns.compile(kept), known_names(kept))

    def first(self, names: Names) -> str | None:
        """The first of the names that stands here."""
        # An empty list of patterns matches everything elsewhere, and here it means that there is nobody.
        if self.written.every:
            return None
        found = next((name for name in names.exact if self.written.match(name)), None)
        return found or next((name for name in names.folded if self.lowered.match(name)), None)


@frozen
class Roles:
    """The two lists."""

    viewers: _Listed
    approvers: _Listed

    @classmethod
    def compile(cls, viewers: Iterable[str], approvers: Iterable[str]) -> Roles:
        """The lists as they are written."""
        return cls(_Listed.compile(viewers), _Listed.compile(approvers))

    def of(self, names: Names) -> tuple[Role, str] | None:
        """What somebody may do, and the name by which; approvers may look, too."""
        for role, listed in ((Role.APPROVER, self.approvers), (Role.VIEWER, self.viewers)):
            name = listed.first(names)
            if name is not None:
                return role, name
        return None
