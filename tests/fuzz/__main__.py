"""C{python -m tests.fuzz}: every target for some seconds, two at a time; C{--merge} keeps what was found.

Everything is below C{build/fuzz}: per target the kept corpus and the seeds as files (C{from}), what
was found (C{found}), the log, and the input of a failure, which is also printed.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz import kept
from tests.fuzz.targets import TARGETS

BUILD = Path("build/fuzz")
#: Targets at once: as many as a small machine has processors.
AT_ONCE = 2
#: Seconds after which one input counts as a hang. The slowest honest one takes a tenth of one.
HANG = 10
MEMORY_MB = 2048


def unpack(name: str) -> tuple[Path, Path]:
    """The directories with the inputs to begin from and with those that were found."""
    begin, found = BUILD / name / "from", BUILD / name / "found"
    shutil.rmtree(begin, ignore_errors=True)
    for place in (begin, found):
        place.mkdir(parents=True, exist_ok=True)
    target = TARGETS[name]
    for raw in (*target.seeds(), *kept.read(name)):
        (begin / hashlib.sha1(raw).hexdigest()).write_bytes(raw)
    words = (b'"' + b"".join(b"\\x%02x" % byte for byte in word) + b'"\n' for word in target.words)
    (BUILD / name / "words").write_bytes(b"".join(words))
    return begin, found


def drive(name: str, *arguments: str) -> tuple[int, str]:
    """Run libFuzzer; its exit code and all that it said."""
    log, again = BUILD / name / "log", (BUILD / name / "again").resolve()
    again.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tests.fuzz.drive "$0" {name} "$@"\n')
    again.chmod(0o755)
    with log.open("wb") as output:
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.drive", str(again), name, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return done.returncode, log.read_text(errors="replace")


def fuzz(name: str, seconds: int) -> bool:
    """One target; whether all went well. Says so in one line."""
    begin, found = unpack(name)
    for old in (BUILD / name).glob("failed-*"):
        old.unlink()
    target = TARGETS[name]
    began = time.monotonic()
    code, said = drive(
        name,
        f"-max_total_time={seconds}",
        f"-max_len={target.longest}",
        f"-timeout={HANG}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-dict={BUILD / name / 'words'}",
        f"-artifact_prefix={BUILD / name / 'failed-'}",
        "-print_final_stats=1",
        "-verbosity=1",
        str(found),
        str(begin),
    )
    runs = _last(r"stat::number_of_executed_units:\s+(\d+)", said)
    edges = _last(r"cov: (\d+)", said)
    failures = [*(BUILD / name).glob("failed-*")]
    well = code == 0 and not failures and runs > 0
    rate = runs / (time.monotonic() - began)
    word = "ok" if well else "FAILED"
    print(f"{name:<11} {runs:>9} runs, {rate:>7.0f}/s, {edges:>4} edges  {word}", flush=True)
    if not well:
        # From the exception on; without one, the end.
        print(said[said.find(" === ") :][-8000:])
        for path in failures:
            print(f"{path}: {base64.b64encode(path.read_bytes()).decode()}")
    return well


def _last(pattern: str, text: str) -> int:
    numbers: list[str] = re.findall(pattern, text)
    return int(numbers[-1]) if numbers else 0


def merge(name: str) -> bool:
    """Keep the fewest inputs, of all that are there, that reach what they all reach together."""
    begin, found = unpack(name)
    fewest = BUILD / name / "fewest"
    shutil.rmtree(fewest, ignore_errors=True)
    fewest.mkdir()
    code, said = drive(
        name, "-merge=1", f"-max_len={TARGETS[name].longest}", str(fewest), str(found), str(begin)
    )
    inputs = [path.read_bytes() for path in fewest.iterdir()]
    if code or not inputs:
        print(f"{name}: not merged\n" + "\n".join(said.splitlines()[-20:]))
        return False
    seeds = set(TARGETS[name].seeds())
    kept.write(name, (raw for raw in inputs if raw not in seeds))
    print(f"{name:<11} keeps {len(set(inputs) - seeds)} inputs")
    return True


def main() -> int:
    """The exit code: 0 when nothing failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz what reads bytes.")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--merge", action="store_true", help="keep what was found, if it is needed")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}")
    asked = parser.parse_args()
    unknown = set(asked.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    with ThreadPoolExecutor(AT_ONCE) as threads:
        names = asked.targets or TARGETS
        results = threads.map(merge if asked.merge else lambda name: fuzz(name, asked.seconds), names)
        return 0 if all([*results]) else 1


if __name__ == "__main__":
    sys.exit(main())
