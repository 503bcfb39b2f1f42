"""The profiles of reports: what the auditors of a framework ask, answered from the record (pure).

An answer is about this gate in this span, and no more: no report makes anybody compliant.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from attrs import frozen

from mcpgate.report.checks.answer import Answer, Facts, Figure
from mcpgate.report.clause import Framework
from mcpgate.report.frameworks import HIPAA, ISO, NIST, PCI, SOC2

PROFILES: Mapping[str, Framework] = MappingProxyType({one.name: one for one in (PCI, SOC2, HIPAA, NIST, ISO)})

#: What holds for all of them.
SHOWS = (
    "what the gate negotiated on each connection of its own: with callers, with upstreams, with issuers and "
    "other providers; as its TLS library reported it after each handshake, not as it was configured",
    "that each exchange in the record names the handshakes of the connections that it used",
    "what was refused, why, and what the other end had offered",
    "that the lines under a signed checkpoint are those that were written, in their order, and none is "
    "missing",
)
SHOWS_NOT = (
    "traffic that did not pass this gate",
    "what happens behind the other end of a connection: within an upstream, or before a balancer that ends "
    "TLS",
    "what was in the exchanges: the record has no payload (or an encrypted one, for the auditor, where a "
    "rule says so), so it cannot say which data was protected",
    "what a peer would have accepted besides: what was negotiated was observed, nothing else was tried",
    "anything that somebody with full control of the gate's host made it write from then on; the signature "
    "says "
    "who wrote, not that it is true",
    "the true time: times are those of the host's clock",
)


@frozen
class Control:
    """A control, judged."""

    clause: str
    title: str
    asks: str
    answer: Answer
    why: str
    figures: tuple[Figure, ...]


def judged(framework: Framework, facts: Facts) -> tuple[Control, ...]:
    """The controls of a framework, each with its answer."""
    found = []
    for clause in framework.clauses:
        finding = clause.check(facts)
        found.append(
            Control(clause.clause, clause.title, clause.asks, finding.answer, finding.why, finding.figures)
        )
    return tuple(found)
