"""What a framework is to a report: its clauses, each with the question that answers it (pure)."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from mcpgate.report.checks.answer import Facts, Finding


@frozen
class Clause:
    """
    One control of a framework.

    @ivar clause: Its number there. C{asks}: what an auditor wants to see, in our words.
    """

    clause: str
    title: str
    asks: str
    check: Callable[[Facts], Finding]


@frozen
class Framework:
    """
    A framework, as far as this evidence has something to say about it.

    @ivar name: That of the report's profile.
    @ivar beyond: What it asks about, and no record of a gate can answer.
    """

    name: str
    title: str
    source: str
    url: str
    clauses: tuple[Clause, ...]
    beyond: tuple[str, ...]
