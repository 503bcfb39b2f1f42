"""C{mcpgate policy test}: does a policy do what its cases say? For CI, and for whoever writes rules."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click
from attrs import frozen

from mcpgate.cli.exits import complain
from mcpgate.cli.rules import chosen, rules_options, subject_of
from mcpgate.cli.text import cell, format_option, show
from mcpgate.config.load import read_whole
from mcpgate.config.problem import ConfigError, quoted
from mcpgate.trial.cases import Cases, CaseTable, parse_cases
from mcpgate.trial.outcome import Outcome, differences
from mcpgate.trial.subject import Subject
from mcpgate.trial.trial import tried


@frozen
class Result:
    """What came of one case. C{failures}: what is not as expected."""

    source: Path
    line: int | None
    case: CaseTable
    outcome: Outcome
    failures: Sequence[str]

    def facts(self) -> dict[str, object]:
        return {
            "file": str(self.source),
            "line": self.line,
            "case": self.case.name,
            "passed": not self.failures,
            "failures": list(self.failures),
            "outcome": self.outcome.facts(),
        }


@click.command("test", short_help="Try a policy on cases, for CI.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@rules_options
@format_option
def command(files: tuple[Path, ...], config: Path, policy: Path | None, form: str) -> None:
    """Try a policy on the cases in each FILE.

    Whose rules: those of --policy, or of the whole configuration --config; without either, of the file that
    FILE names itself (policy = "..."), or of the configuration where it always is.

    Ends with 1 if a case does not come out as it expects, and with 78 if a file cannot be understood.
    """
    told = chosen()
    # Every file is read before any case is tried, so that all that is wrong is told at once.
    read, problems = _read(files)
    subjects: dict[Path | None, Subject] = {}
    for cases in read:
        own = None if told else cases.policy
        if own not in subjects:
            try:
                subjects[own] = subject_of(config, policy if told else own)
            except ConfigError as error:
                problems.append(error)
    if problems:
        for problem in problems[1:]:
            complain(str(problem))
        raise problems[0]
    results = [result for cases in read for result in _tried(subjects[None if told else cases.policy], cases)]
    failed = [result for result in results if result.failures]
    facts = {
        "cases": len(results),
        "failed": len(failed),
        "results": [result.facts() for result in results],
    }
    show(facts, form, lambda: _told(results, failed))
    if failed:
        raise SystemExit(1)


def _read(files: Sequence[Path]) -> tuple[list[Cases], list[ConfigError]]:
    read, problems = [], []
    for file in files:
        source = file.absolute()
        try:
            read.append(parse_cases(read_whole(source), source))
        except ConfigError as error:
            problems.append(error)
    return read, problems


def _tried(subject: Subject, cases: Cases) -> list[Result]:
    results = []
    for case, line in zip(cases.cases, cases.lines, strict=True):
        outcome = tried(subject, case)
        results.append(Result(cases.source, line, case, outcome, differences(case.expect, outcome)))
    return results


def _told(results: Sequence[Result], failed: Sequence[Result]) -> str:
    lines = []
    for result in failed:
        lines.append(f"{os.path.relpath(result.source)}:{result.line or 0}: {quoted(result.case.name)}")
        lines += [f"  {cell(failure)}" for failure in result.failures]
        lines.append(f"  came out as: {cell(result.outcome.told())}")
    passed = len(results) - len(failed)
    lines.append(f"{passed} of {len(results)} cases came out as expected")
    return "\n".join(lines)
