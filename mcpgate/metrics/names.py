"""Which values labels may have: the names of the configuration, and words of our own (pure)."""

from __future__ import annotations

from typing import Self

from attrs import field, frozen

from mcpgate.config.schema import Config
from mcpgate.metrics.table import NONE, OTHER
from mcpgate.policy.sought import NAMES as BUILT_IN
from mcpgate.reasons import Reason
from mcpgate.tls.codepoints import CIPHERS, GROUPS, VERSIONS
from mcpgate.wire.mcp import METHODS

REASONS = frozenset(reason.value for reason in Reason)
MCP_METHODS = frozenset(each.method for each in METHODS)
#: Those that are served at all; any other is refused before it means anything.
HTTP_METHODS = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS"})
VERSION_NAMES = frozenset(VERSIONS.values())
GROUP_NAMES = frozenset(GROUPS.values())
SUITE_NAMES = frozenset(CIPHERS.values())


@frozen
class Names:
    """What somebody who runs the gate has given names to."""

    listeners: frozenset[str] = frozenset()
    upstreams: frozenset[str] = frozenset()
    #: Whoever else is asked: issuers, token endpoints, vaults.
    providers: frozenset[str] = frozenset()
    issuers: frozenset[str] = frozenset()
    routes: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()
    detectors: frozenset[str] = field(default=BUILT_IN)
    budgets: frozenset[str] = frozenset()

    @classmethod
    def of(cls, config: Config) -> Self:
        """Those of a configuration."""
        asked = (*config.issuers, *config.credentials, *config.vaults)
        return cls(
            listeners=frozenset(table.name for table in config.listeners),
            upstreams=frozenset(table.name for table in config.upstreams),
            providers=frozenset(table.name for table in asked),
            issuers=frozenset(table.name for table in config.issuers),
            routes=frozenset(table.name for table in config.routes),
            rules=frozenset(table.name for table in config.rules),
            detectors=BUILT_IN | {table.name for table in config.detectors},
            budgets=frozenset(table.name for table in config.budgets),
        )

    def of_leg(self, leg: str) -> frozenset[str]:
        """Whom a handshake may be with."""
        if leg == "inbound":
            return self.listeners
        return self.upstreams if leg == "outbound" else self.providers


def known(value: object, values: frozenset[str]) -> str:
    """A label's value: itself where it is one of ours."""
    if value is None:
        return NONE
    return value if isinstance(value, str) and value in values else OTHER
