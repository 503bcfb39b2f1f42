"""Which rows there are, and how one is run."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from attrs import frozen

from mcpgate.testing import LocalCA
from tests.conformance.checks import Row, Run
from tests.conformance.stage import STRICT, Setting, Stage
from tests.conformance.suite import Missing, Suite

#: The revisions that the suite has server scenarios for; it knows nothing of 2024-11-05.
REVISIONS = ("2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28")

#: The revisions that have a list of what they require, frozen when they were published.
FROZEN = ("2025-11-25", "2026-07-28")


@frozen
class Case:
    """A row to be: its name, what the suite is told to run, and around what."""

    what: str
    selection: tuple[str, ...]
    setting: Setting


def _cases(setting: Setting, revisions: tuple[str, ...], frozen_sets: tuple[str, ...]) -> list[Case]:
    whole = [(one, ("--suite", "all", "--spec-version", one)) for one in revisions]
    whole += [(f"requirements {one}", ("--requirements", one)) for one in frozen_sets]
    return [Case(what + setting.suffix, selection, setting) for what, selection in whole]


#: In the order in which they are run.
ROWS: tuple[Case, ...] = (
    *_cases(Setting(), REVISIONS, FROZEN),
    *_cases(Setting(", rules", rules=STRICT), REVISIONS, FROZEN),
    *_cases(Setting(", two workers", workers=2), REVISIONS, FROZEN),
)


class Rehearsal:
    """Runs cases; the stage stays up while one case after the other wants the same."""

    def __init__(self, suite: Suite, directory: Path, results: Path, ca: LocalCA) -> None:
        """
        @param directory: for sockets and state, with a short path.
        @param results: where the suite's own words stay.
        """
        self.results = results
        self._suite = suite
        self._directory = directory
        self._ca = ca
        self._stage: Stage | None = None
        self._stages = 0
        # What a server says directly does not depend on what is changed at the gate.
        self._direct: dict[tuple[str, tuple[str, ...]], Run] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()

    def row(self, case: Case) -> Row:
        """Run it on both ways. What cannot be run is a row with trouble."""
        try:
            stage = self._staged(case.setting)
        except (AssertionError, OSError, Missing) as error:
            told = Run(trouble=f"the stage could not be set: {error}")
            return Row(case.what, told, told)
        key = (case.setting.server, case.selection)
        if key not in self._direct:
            self._direct[key] = self._suite.server(stage.server.url, *case.selection)
        return Row(case.what, self._direct[key], self._suite.server(stage.url, *case.selection))

    def _staged(self, setting: Setting) -> Stage:
        if self._stage is None or self._stage.setting != setting:
            self._clear()
            self._stages += 1
            self._stage = Stage(setting, self._directory / str(self._stages), self._ca).__enter__()
        return self._stage

    def _clear(self) -> None:
        stage, self._stage = self._stage, None
        if stage is not None:
            stage.__exit__()
