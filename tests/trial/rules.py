"""Rules for the tests of this room, written as people write them."""

from __future__ import annotations

from pathlib import Path

from mcpgate.config.load import load_policy
from mcpgate.policy.rules import compile_rules
from mcpgate.trial.cases import CaseTable, parse_cases
from mcpgate.trial.subject import Subject


def subject(directory: Path, text: str, routes: tuple[str, ...] | None = None) -> Subject:
    """The rules in a text."""
    file = directory / "rules.toml"
    file.write_text(text, encoding="utf-8")
    alone = load_policy(file)
    known = frozenset(routes) if routes is not None else None
    return Subject(file, compile_rules(alone.rules, alone.detectors), known)


def case(text: str) -> CaseTable:
    """One case, which expects nothing in particular."""
    whole = f'[[case]]\nname = "x"\nexpect = {{ verdict = "allow" }}\n{text}'
    return parse_cases(whole.encode(), Path("x.test.toml")).cases[0]
