"""What is tried: the rules of a configuration, or of a file of rules alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import Factory, frozen

from mcpgate.config.problem import did_you_mean, quoted
from mcpgate.policy.rules import Policy


@frozen
class Subject:
    """
    Rules, ready to be asked.

    @ivar source: Where they stand.
    @ivar routes: The routes that there are; C{None} where a file of rules alone does not say.
    @ivar scopes: What anything on a route needs, by its name, where that is something.
    """

    source: Path
    policy: Policy
    routes: frozenset[str] | None = None
    scopes: Mapping[str, frozenset[str]] = Factory(dict)

    def missing(self, route: str) -> str | None:
        """What is wrong with the name of a route, if anything."""
        if self.routes is None or route in self.routes:
            return None
        return f"no route is named {quoted(route)}{did_you_mean(route, sorted(self.routes))}"
