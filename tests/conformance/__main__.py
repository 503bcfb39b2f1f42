"""The command of C{make conformance}: the suite, row by row, directly and through the gate.

Prints how many checks passed and failed on either way, names each check that differs, and writes
build/conformance.json. Exit status 0 means that every row was run and is the same on both ways.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from mcpgate.testing import LocalCA
from tests.conformance.checks import Row, heading, line
from tests.conformance.rows import ROWS, Case, Series
from tests.conformance.suite import Missing, Suite
from tests.e2e.lab import ROOT

BUILD = ROOT / "build"
# Not inside of build/conformance, which several trees may share.
RESULTS = BUILD / "conformance-results"


def main(arguments: Sequence[str]) -> int:
    options = asked(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    shutil.rmtree(options.results, ignore_errors=True)
    try:
        suite = Suite(options.results)
        with TemporaryDirectory(prefix="mcpgate-conformance-") as directory:
            ca = LocalCA.create("mcpgate conformance", datetime.now(UTC))
            with Series(suite, Path(directory), options.results, ca) as series:
                rows = _run(series, options.cases)
    except Missing as missing:
        print(f"conformance: {missing}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    _write(options.json, rows)
    return 1 if any(row.faults for row in rows) else 0


def asked(arguments: Sequence[str]) -> argparse.Namespace:
    """What the command line asks for; C{SystemExit} where it cannot be understood."""
    parser = argparse.ArgumentParser(prog="make conformance", description=__doc__)
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="ROW",
        help="rows whose name is this, or begins or ends with it; may be given several times. "
        f"There are: {'; '.join(case.what for case in ROWS)}",
    )
    parser.add_argument("--json", type=Path, default=BUILD / "conformance.json", help=argparse.SUPPRESS)
    parser.add_argument("--results", type=Path, default=RESULTS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.cases = chosen(options.only)
    if not options.cases:
        parser.error(f"no row is called {' or '.join(options.only)}")
    return options


def chosen(only: Sequence[str]) -> list[Case]:
    """The rows that are meant; a whole name means that row alone."""
    if not only:
        return list(ROWS)
    meant = []
    for case in ROWS:
        for word in only:
            whole = any(word == other.what for other in ROWS)
            if case.what == word or (not whole and (case.what.startswith(word) or case.what.endswith(word))):
                meant.append(case)
                break
    return meant


def _run(series: Series, cases: Sequence[Case]) -> list[Row]:
    width = max(len(case.what) for case in ROWS)
    print(heading(width), flush=True)
    rows = []
    began = time.monotonic()
    for case in cases:
        row = series.row(case)
        rows.append(row)
        print(line(row, width), flush=True)
    print(f"{time.monotonic() - began:.0f} s; what the suite said is in {series.results}")
    for row in rows:
        for fault in row.faults:
            print(f"{row.what}: {fault}")
    return rows


def _write(path: Path, rows: Sequence[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    written = {"rows": [row.written() for row in rows]}
    path.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
