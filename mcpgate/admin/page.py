"""What a page of the dashboard is: a function of a request, the index and what the gate says (pure).

It runs in a thread, because the index is a database; what the gate says was asked before, by the site. So
a page is tested by values alone, and can touch nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from attrs import frozen

from mcpgate.admin.roles import Person


@frozen
class GateFacts:
    """
    What the gate said when the page was asked for.

    @ivar status: As C{mcpgate status}; C{None} where it did not answer.
    @ivar held: The calls that wait, as C{mcpgate policy held} lists them; C{None} where it was not asked.
    @ivar hold: One call that waits, with all of its params that are kept; C{None} where it does not wait.
    @ivar problem: Why it did not answer.
    """

    status: Mapping[str, Any] | None = None
    held: tuple[Mapping[str, Any], ...] | None = None
    hold: Mapping[str, Any] | None = None
    problem: str | None = None


@frozen
class Asked:
    """
    One request for a page.

    @ivar path: Without the query.
    @ivar query: The first value of each argument.
    @ivar parts: What the page's path has in the place of C{<name>}.
    @ivar person: Who looks.
    @ivar now: Unix seconds.
    """

    path: str
    person: Person
    now: float
    query: Mapping[str, str] = MappingProxyType({})
    parts: Mapping[str, str] = MappingProxyType({})


@frozen
class Sources:
    """
    Where a page's values come from.

    @ivar index: The queries of C{mcpgate.index}; C{None} where there is no index.
    @ivar state: The gate's state directory, for what is kept in files, such as definitions.
    """

    gate: GateFacts
    state: str
    index: Any = None
    #: The configuration in force.
    config: Any = None
    #: What the gate is called in its evidence.
    name: str = "this gate"
    #: How far the index is behind the journal (C{index.filling.Freshness}); C{None} where there is none.
    freshness: Any = None


@frozen
class Shown:
    """What a page shows: a template and its values. Beside them each template has what L{render} adds."""

    template: str
    values: Mapping[str, object] = MappingProxyType({})
    status: int = 200


@frozen
class Page:
    """
    A page: where it is, and what it shows.

    @ivar path: Such as C{/sessions/<id>}.
    @ivar title: Of the page, and in the menu.
    @ivar menu: Whether it stands there.
    @ivar asks: What the gate is asked before: C{status}, C{held}, and C{hold}: the one that the path names.
    """

    path: str
    title: str
    show: Callable[[Asked, Sources], Shown]
    menu: bool = True
    asks: tuple[str, ...] = ("status",)


class NotFound(Exception):
    """A page has nothing to show of what was asked for; in words for whoever looks."""
