"""Which rows there are, and how one is run."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from attrs import evolve, frozen

from mcpgate.testing import LocalCA
from tests.conformance.checks import Row, Run
from tests.conformance.passage import Passages
from tests.conformance.stage import STRICT, Setting, Stage
from tests.conformance.suite import Suite

#: The revisions that the suite has server scenarios for; it knows nothing of 2024-11-05.
REVISIONS = ("2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28")

#: The revisions that have a list of what they require, frozen when they were published.
FROZEN = ("2025-11-25", "2026-07-28")

#: What no server at hand can do, of what the suite runs with a requirement set: the tasks extension.
KNOWN = {"2026-07-28": 25}

#: All client scenarios that are not about authorization, which ends at the gate; with the revision that the
#: client then speaks. (2025-06-18 has two of these, too.)
CLIENT = (
    ("initialize", "2025-11-25"),
    ("tools_call", "2025-11-25"),
    ("elicitation-sep1034-client-defaults", "2025-11-25"),
    ("sse-retry", "2025-11-25"),
    ("json-schema-2020-12-preservation", "2025-11-25"),
    ("tools_call", "2026-07-28"),
    ("request-metadata", "2026-07-28"),
    ("sep-2322-client-request-state", "2026-07-28"),
    ("http-standard-headers", "2026-07-28"),
    ("http-custom-headers", "2026-07-28"),
    ("http-invalid-tool-headers", "2026-07-28"),
    ("json-schema-ref-no-deref", "2026-07-28"),
    ("json-schema-2020-12-preservation", "2026-07-28"),
)


@frozen
class Case:
    """A row to be: its name, what the suite is told to run, and around what.

    The row of the clients has no setting: it sets its own stage.
    """

    what: str
    selection: tuple[str, ...] = ()
    setting: Setting | None = None
    #: How many checks the servers fail, too.
    known: int = 0


def _cases(setting: Setting, revisions: tuple[str, ...], frozen_sets: tuple[str, ...]) -> list[Case]:
    cases = [Case(one, ("--suite", "all", "--spec-version", one)) for one in revisions]
    cases += [
        Case(f"requirements {one}", ("--requirements", one), known=KNOWN.get(one, 0)) for one in frozen_sets
    ]
    return [evolve(case, what=case.what + setting.suffix, setting=setting) for case in cases]


#: In the order in which they are run.
ROWS: tuple[Case, ...] = (
    *_cases(Setting(), REVISIONS, FROZEN),
    *_cases(Setting(", rules", rules=STRICT), REVISIONS, FROZEN),
    *_cases(Setting(", two workers", workers=2), REVISIONS, FROZEN),
    *_cases(Setting(", typescript", server="typescript"), ("2025-06-18", "2025-11-25"), ("2025-11-25",)),
    Case("client"),
)


class Series:
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
            if case.setting is None:
                return self._clients(case.what)
            return self._server(case, self._staged(case.setting))
        except Exception as error:
            # Whatever it is, the other rows are run and this one is no blank.
            told = Run(trouble=f"it could not be run: {str(error) or repr(error)}")
            return Row(case.what, told, told)

    def _server(self, case: Case, stage: Stage) -> Row:
        key = (stage.setting.server, case.selection)
        if key not in self._direct:
            self._direct[key] = self._suite.server(stage.server.url, *case.selection)
        gate = self._suite.server(stage.url, *case.selection)
        return Row(case.what, self._direct[key], gate, case.known)

    def _clients(self, what: str) -> Row:
        self._clear()
        direct = gate = Run()
        names = tuple(f"{scenario}-{revision}" for scenario, revision in CLIENT)
        place = self._place()
        try:
            with Passages(names, place, self._ca) as passages:
                for name, (scenario, revision) in zip(names, CLIENT, strict=True):
                    direct += self._suite.client(scenario, revision, {})
                    gate += self._suite.client(scenario, revision, passages.of(name).to_environment())
        finally:
            self._keep_logs(place, f", {what}")
        return Row(what, direct, gate)

    def _staged(self, setting: Setting) -> Stage:
        if self._stage is None or self._stage.setting != setting:
            self._clear()
            place = self._place()
            stage = Stage(setting, place, self._ca)
            try:
                self._stage = stage.__enter__()
            except BaseException:
                self._keep_logs(place, setting.suffix)
                raise
        return self._stage

    def _place(self) -> Path:
        """A new directory for a stage."""
        self._stages += 1
        return self._directory / str(self._stages)

    def _clear(self) -> None:
        stage, self._stage = self._stage, None
        if stage is not None:
            stage.__exit__()
            self._keep_logs(stage.directory, stage.setting.suffix)

    def _keep_logs(self, place: Path, name: str) -> None:
        """What the gate and the server wrote, beside what the suite did: a difference may begin there."""
        self.results.mkdir(parents=True, exist_ok=True)
        for log in place.glob("*.log"):
            shutil.copy(log, self.results / f"{log.stem}{name.replace(', ', '-').replace(' ', '-')}.log")
