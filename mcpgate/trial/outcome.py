"""What came of a case, and how that differs from what was expected of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import Factory, frozen

from mcpgate.config.problem import quoted
from mcpgate.reasons import Reason
from mcpgate.trial.cases import ExpectTable


@frozen
class Outcome:
    """
    What came of one message, and of what the upstream says then.

    @ivar verdict: C{allow}, C{block} or C{hold}; C{block} also where only the answer may not pass.
    @ivar detail: As a record would have it.
    @ivar masked: How many values each detector has masked, in both directions.
    @ivar shadow: Shadow rules that would have had a say.
    @ivar asked: What the upstream gets; C{None}: nothing.
    @ivar answer: What the caller gets of what the upstream says, or from the gate in its place; C{None}:
        nothing.
    """

    verdict: str
    rule: str | None = None
    reason: Reason | None = None
    detail: str = ""
    masked: Mapping[str, int] = Factory(dict)
    shadow: tuple[tuple[str, str], ...] = ()
    asked: bytes | None = None
    answer: bytes | None = None

    def facts(self) -> dict[str, object]:
        """As values that JSON can say. Messages are not among them: they have what policy keeps back."""
        return {
            "verdict": self.verdict,
            "rule": self.rule,
            "reason": self.reason.value if self.reason is not None else None,
            "detail": self.detail or None,
            "masked": dict(self.masked),
            "shadow": [{"rule": rule, "verdict": verdict} for rule, verdict in self.shadow],
        }

    def told(self) -> str:
        """The same in one line."""
        words = [self.verdict]
        if self.rule is not None:
            words.append(f"by {self.rule}")
        if self.reason is not None:
            words.append(f"({self.reason.value}{': ' + self.detail if self.detail else ''})")
        if self.masked:
            words.append("masks " + _counts(self.masked))
        if self.shadow:
            words.append("shadow: " + ", ".join(f"{rule} would {verdict}" for rule, verdict in self.shadow))
        return " ".join(words)


def differences(expected: ExpectTable, outcome: Outcome) -> list[str]:
    """Everything that is not as expected, each in a sentence."""
    found = []
    if expected.verdict != outcome.verdict:
        found.append(f"the verdict is {outcome.verdict}, not {expected.verdict}")
    if expected.rule is not None and expected.rule != outcome.rule:
        found.append(f"{_named(outcome.rule)} decides, not {expected.rule}")
    reason = outcome.reason.value if outcome.reason is not None else None
    if expected.reason is not None and expected.reason != reason:
        found.append(f"the reason is {reason or 'none'}, not {expected.reason}")
    if expected.masked is not None:
        wanted = {detector: count for detector, count in expected.masked.items() if count}
        if wanted != dict(outcome.masked):
            found.append(f"masks {_counts(outcome.masked)}, not {_counts(wanted)}")
    if expected.shadow is not None:
        told = {rule for rule, _ in outcome.shadow}
        if told != set(expected.shadow):
            found.append(f"shadow rules are {_names(told)}, not {_names(expected.shadow)}")
    found += _texts("the caller's answer", outcome.answer, expected.answer_has, expected.answer_lacks)
    found += _texts("what the upstream gets", outcome.asked, expected.asked_has, expected.asked_lacks)
    return found


def _texts(what: str, raw: bytes | None, has: Sequence[str], lacks: Sequence[str]) -> list[str]:
    text = (raw or b"").decode("utf-8", "replace")
    return [
        *(f"{what} does not hold {quoted(part)}" for part in has if part not in text),
        *(f"{what} holds {quoted(part)}" for part in lacks if part in text),
    ]


def _named(rule: str | None) -> str:
    return rule if rule is not None else "no single rule"


def _names(names: Sequence[str] | set[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _counts(masked: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {detector}" for detector, count in sorted(masked.items())) or "nothing"
