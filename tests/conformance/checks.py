"""What the suite found in one run, and how two runs are compared (pure).

The suite leaves one C{checks.json} for each scenario. Checks of one scenario that have the same id
are told apart by their order only, which nothing promises; so runs are compared by how often each id
came out how.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

PASSED = "SUCCESS"
FAILED = "FAILURE"

#: Notes of the suite on what it saw, as many as there were requests. They pass no judgement.
_NOTE = "INFO"

#: The name of what is wrong with a scenario as a whole.
WHOLE = "the scenario itself"

# A line of the report; the suite's own words may be pages long.
_WORDS = 240


@frozen
class Check:
    """One thing that the suite looked at, and how it came out."""

    scenario: str
    name: str
    status: str
    #: The suite's words, where it has any.
    why: str = ""


@frozen
class Run:
    """All checks of one run; C{trouble} says why it could not be made, or not to its end."""

    checks: tuple[Check, ...] = ()
    trouble: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """Passed and failed, as the suite counts them: warnings and skipped checks are neither."""
        statuses = Counter(check.status for check in self.checks)
        return {"passed": statuses[PASSED], "failed": statuses[FAILED]}

    def __add__(self, other: Run) -> Run:
        """Both as one."""
        troubles = [trouble for trouble in (self.trouble, other.trouble) if trouble]
        return Run(self.checks + other.checks, "; ".join(troubles))


def read_checks(scenario: str, text: str | None) -> list[Check]:
    """What a C{checks.json} holds; none at all is a failure, as it is for the suite: its scenario threw."""
    if text is None:
        return [Check(scenario, WHOLE, FAILED, "it ended without a result")]
    try:
        found = json.loads(text)
    except ValueError as error:
        return [Check(scenario, WHOLE, FAILED, f"its result cannot be read: {error}")]
    return [
        Check(scenario, one["id"], one["status"], _short(one.get("errorMessage") or ""))
        for one in found
        if one["status"] != _NOTE
    ]


def differences(direct: Run, gate: Run) -> list[str]:
    """One line for each check that did not come out the same way as often.

    What a run that was cut short did not come to is not told check by check.
    """
    left, right = _by_name(direct.checks), _by_name(gate.checks)
    lines = []
    for key in sorted(left.keys() | right.keys()):
        before, after = left.get(key, []), right.get(key, [])
        if (direct.trouble and not before) or (gate.trouble and not after):
            continue
        if Counter(one.status for one in before) != Counter(one.status for one in after):
            came_out = f"{_statuses(before)} directly, {_statuses(after)} through the gate"
            lines.append(f"{': '.join(key)}: {came_out}{_because(after) or _because(before)}")
    return lines


def faults(direct: Run, gate: Run, known: int = 0) -> list[str]:
    """Why a row is not what it should be, one line each; empty if the suite saw no difference.

    @param known: how many checks the server is known to fail. Two runs against a server that is broken
        would be as equal as two against one that works.
    """
    lines = [
        f"{trouble} ({where})"
        for where, trouble in (("directly", direct.trouble), ("through the gate", gate.trouble))
        if trouble
    ]
    for where, run in (("directly", direct), ("through the gate", gate)):
        if not run.trouble and not run.counts["passed"]:
            lines.append(f"nothing passed {where}")
    if not direct.trouble and direct.counts["failed"] != known:
        lines.append(f"{direct.counts['failed']} failed directly, where {known} are known to")
    return lines + differences(direct, gate)


@frozen
class Row:
    """One run of the suite, made twice."""

    what: str
    direct: Run
    gate: Run
    #: How many checks fail directly, too.
    known: int = 0

    @property
    def faults(self) -> list[str]:
        return faults(self.direct, self.gate, self.known)

    def written(self) -> dict[str, object]:
        """As it stands in C{build/conformance.json}."""
        return {"what": self.what, "direct": self.direct.counts, "gate": self.gate.counts}


def line(row: Row, width: int) -> str:
    """A row of the table."""
    cells = [f"{run.counts['passed']:>6}/{run.counts['failed']:<6}" for run in (row.direct, row.gate)]
    count = len(row.faults)
    verdict = "same" if not count else f"{count} {'differs' if count == 1 else 'differ'}"
    return f"{row.what:<{width}}  {'  '.join(cells)}  {verdict}"


def heading(width: int) -> str:
    """The line over it."""
    return f"{'passed/failed':<{width}}  {'direct':^13}  {'gate':^13}"


def _by_name(checks: Iterable[Check]) -> Mapping[tuple[str, str], list[Check]]:
    found: dict[tuple[str, str], list[Check]] = {}
    for check in checks:
        found.setdefault((check.scenario, check.name), []).append(check)
    return found


def _statuses(checks: Sequence[Check]) -> str:
    counted = Counter(check.status for check in checks)
    texts = [status if count == 1 else f"{count} {status}" for status, count in sorted(counted.items())]
    return " and ".join(texts) or "nothing"


def _because(checks: Sequence[Check]) -> str:
    whys = [check.why for check in checks if check.why and check.status != PASSED]
    return f" ({whys[0]})" if whys else ""


def _short(words: str) -> str:
    flat = " ".join(words.split())
    return flat if len(flat) <= _WORDS else flat[: _WORDS - 3] + "..."
