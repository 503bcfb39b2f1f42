"""The configuration as a whole: which tables a file has, and what they make together.

Nothing here reads a file. C{config.load} makes these values from TOML and reports every problem at
once; each field's C{help} and C{form} are what C{mcpgate explain} and the reference page print.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

from mcpgate.config.problem import Problem
from mcpgate.config.tables.admin import AdminTable
from mcpgate.config.tables.alert import AlertTable
from mcpgate.config.tables.credential import CredentialTable
from mcpgate.config.tables.evidence import EvidenceTable
from mcpgate.config.tables.gate import GateTable, LimitsTable
from mcpgate.config.tables.issuer import IssuerTable
from mcpgate.config.tables.listener import ListenerTable
from mcpgate.config.tables.policy import BudgetTable, DetectorTable
from mcpgate.config.tables.route import RouteTable
from mcpgate.config.tables.rule import RuleTable
from mcpgate.config.tables.saml import SamlTable
from mcpgate.config.tables.upstream import UpstreamTable
from mcpgate.config.tables.vault import VaultTable

#: The tables of a file: those that stand once, C{[gate]}, and those that repeat, C{[[listener]]}.
SINGLE: Mapping[str, type] = {
    "gate": GateTable,
    "limits": LimitsTable,
    "evidence": EvidenceTable,
    "admin": AdminTable,
}
REPEATED: Mapping[str, type] = {
    "listener": ListenerTable,
    "issuer": IssuerTable,
    "upstream": UpstreamTable,
    "credential": CredentialTable,
    "vault": VaultTable,
    "route": RouteTable,
    "rule": RuleTable,
    "saml": SamlTable,
    "detector": DetectorTable,
    "budget": BudgetTable,
    "alert": AlertTable,
}
#: What an included file may hold: policy, and nothing that needs a reload to be judged with the rest.
INCLUDED = frozenset({"rule", "detector", "budget"})


def field_of(kind: str) -> str:
    """The field of a L{Config} that holds the tables of one kind that repeats."""
    return f"{kind}s"


@frozen
class Config:
    """A whole configuration file: its tables as they are configured, and where they stand in it."""

    #: C{[gate]}.
    gate: GateTable
    #: C{[limits]}.
    limits: LimitsTable
    #: C{[[listener]]}.
    listeners: tuple[ListenerTable, ...]
    #: C{[[upstream]]}.
    upstreams: tuple[UpstreamTable, ...]
    #: C{[[route]]}.
    routes: tuple[RouteTable, ...]
    #: C{[[rule]]}.
    rules: tuple[RuleTable, ...]
    #: C{[[issuer]]}.
    issuers: tuple[IssuerTable, ...] = ()
    #: C{[[credential]]}.
    credentials: tuple[CredentialTable, ...] = ()
    #: C{[[vault]]}.
    vaults: tuple[VaultTable, ...] = ()
    #: C{[[detector]]}.
    detectors: tuple[DetectorTable, ...] = ()
    #: C{[[budget]]}.
    budgets: tuple[BudgetTable, ...] = ()
    #: C{[[saml]]}.
    samls: tuple[SamlTable, ...] = ()
    #: C{[[alert]]}.
    alerts: tuple[AlertTable, ...] = ()
    #: C{[evidence]}.
    evidence: EvidenceTable = field(factory=EvidenceTable)
    #: C{[admin]}.
    admin: AdminTable = field(factory=AdminTable)
    #: Where it came from, for messages; C{None}: it was made in memory.
    source: Path | None = None
    #: The bytes that it was read from, for another process to read it again.
    text: bytes = field(default=b"", eq=False, repr=False)
    #: The same of the files that it includes, by their paths as they are shown.
    included: Mapping[str, bytes] = field(factory=dict, eq=False, repr=False)
    #: On which line a key stands, by its path (C{upstream.git.pins}); it is how a later check can still
    #: point into the file.
    lines: Mapping[str, int] = field(factory=dict, eq=False, repr=False)
    #: Which included file a table stands in, by its path (C{rule.read-only}).
    files: Mapping[str, str] = field(factory=dict, eq=False, repr=False)

    def problem(self, path: str, message: str) -> Problem:
        """A problem at a key such as C{listener.public.certificates}, with its line and topic."""
        head, *rest = path.split(".")
        topic = ".".join([head, *(rest[1:] if head in REPEATED else rest)])
        file = self.files.get(".".join([head, *rest[:1]]), "")
        return Problem(path, self.lines.get(path), message, topic, file)
