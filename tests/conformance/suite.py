"""The official suite as a process: started, waited for, ended, and its results read."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.conformance.checks import Check, Run, read_checks
from tests.e2e.lab import ROOT

#: Where the Makefile installs what C{package.json} asks for.
PACKAGES = ROOT / "build" / "conformance" / "node_modules"

#: The suite needs this; where the machine's node is older, the Makefile installs one beside the suite.
NODE_LEAST = 22

# A whole run takes 2 to 7 seconds on an idle machine; one in which every request hangs takes minutes.
SERVER_MOST = 90.0
# The suite gives each of its scenarios with a client this, and we the suite a little more.
CLIENT_MOST = 30.0
_BEYOND = 15.0


#: What the suite makes of a client scenario as a whole.
VERDICT = "the suite's verdict"


class Missing(Exception):
    """The suite cannot be run here; the text says why."""


def node() -> str:
    """A node that is new enough."""
    own = PACKAGES / "node" / "bin" / "node"
    for path in (str(own) if own.is_file() else None, shutil.which("node")):
        if path is not None and _version(path) >= NODE_LEAST:
            return path
    raise Missing(f"there is no node of version {NODE_LEAST} or newer; 'make conformance' installs one")


def _version(path: str) -> int:
    said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30).stdout
    number = said.strip().removeprefix("v").partition(".")[0]
    return int(number) if number.isdigit() else 0


class Suite:
    """Runs it, one run after the other; C{directory} keeps what each left."""

    def __init__(self, directory: Path) -> None:
        self._program = PACKAGES / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
        if not self._program.is_file():
            raise Missing(f"{self._program} is missing; 'make conformance' installs it")
        self._node = node()
        self._directory = directory
        self._runs = 0

    def server(self, url: str, *selection: str) -> Run:
        """All scenarios of a selection against the server at a URL."""
        run, _ = self._run(["server", "--url", url, *selection], "server-", SERVER_MOST, {})
        return run

    def client(self, scenario: str, revision: str, settings: Mapping[str, str]) -> Run:
        """One scenario against our client, which reads its settings from its environment."""
        # The suite splits this at spaces and gives the pieces, joined again, to a shell; with exec
        # the shell does not stand between the suite and the client that it may have to end.
        command = f"exec {sys.executable} -m tests.conformance.client"
        arguments = ["client", "--command", command, "--scenario", scenario, "--spec-version", revision]
        arguments += ["--timeout", str(int(CLIENT_MOST * 1000))]
        run, code = self._run(arguments, "", CLIENT_MOST + _BEYOND, settings)
        # The client's own exit counts for the suite's verdict and is in no check.
        return run + Run((Check(scenario, VERDICT, f"exit {code}"),))

    def _run(
        self,
        arguments: list[str],
        prefix: str,
        most: float,
        settings: Mapping[str, str],
    ) -> tuple[Run, int]:
        self._runs += 1
        name = f"{self._runs:03}"
        results = self._directory / name
        results.mkdir(parents=True)
        log = self._directory / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [self._node, str(self._program), *arguments, "--output-dir", str(results)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=ROOT,
                env={**os.environ, **settings},
                start_new_session=True,
            )
            trouble = ""
            try:
                process.wait(most)
            except subprocess.TimeoutExpired:
                trouble = f"not finished in {most:g} s"
            finally:
                # With whatever it started: that is in its group.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        run = read_results(results, prefix)
        said = totals(log.read_text(encoding="utf-8", errors="replace"))
        if not trouble and said != run.counts:
            # It ended before its time, or we do not read it right.
            trouble = f"the suite says {said}, and left {run.counts}; see {log}"
        return run + Run(trouble=trouble), process.returncode


def totals(log: str) -> dict[str, int] | None:
    """How many checks passed and failed by the last word of the suite's own; C{None} if it has none."""
    found = re.findall(r"^(?:Total: (\d+) passed|Passed: (\d+)/\d+), (\d+) failed", log, re.MULTILINE)
    if not found:
        return None
    *passed, failed = found[-1]
    return {"passed": int("".join(passed)), "failed": int(failed)}


def read_results(results: Path, prefix: str) -> Run:
    """What one run of the suite left: a directory SCENARIO-TIME for each scenario."""
    checks = []
    for one in sorted(results.iterdir()):
        # The time is like 2026-07-28T12-30-00-000Z.
        scenario = one.name.removeprefix(prefix)[: -len("-2026-07-28T12-30-00-000Z")]
        found = one / "checks.json"
        checks += read_checks(scenario, found.read_text(encoding="utf-8") if found.is_file() else None)
    return Run(tuple(checks))
