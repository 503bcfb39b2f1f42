"""The command of C{make bench}: rounds of turns, a table, build/bench.json.

Exit status 0 means that every peer took every turn of its own without an error.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import signal
import ssl
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from attrs import asdict, evolve

from tests.bench.bench import Bench, cores
from tests.bench.loads import LOADS, Load, in_turn
from tests.bench.peers import BEFORE, PEERS, Missing
from tests.bench.processes import Children, Failed
from tests.bench.rows import Turn, errors_of, rows, table
from tests.bench.turns import Running

T = TypeVar("T")

#: 1,000 callers' connections, as many to the upstream, and what a process has besides.
DESCRIPTORS = 16384


def main(arguments: Sequence[str]) -> int:
    options = asked(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        cpus = cores()
        # This process and the certificates it makes stay off the peer's core, too.
        os.sched_setaffinity(0, cpus[1])
        with (
            TemporaryDirectory(prefix="mcpgate-bench-") as directory,
            Children(prefer=options.prefer) as children,
        ):
            bench = Bench(Path(directory), options.build, children, cpus)
            return _measure(bench, options)
    except Failed as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def asked(arguments: Sequence[str]) -> argparse.Namespace:
    """What the command line asks for; C{SystemExit} where it cannot be understood."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, help="how many, for every load (default: each its own)")
    # A tree of before is for those who have put one there.
    usual = [peer for peer in PEERS.values() if peer.group != "trees" or BEFORE.is_dir()]
    parser.add_argument("--peers", type=_some_of(PEERS), default=usual, help=", ".join(PEERS))
    loads = {load.name: load for load in LOADS}
    due = [load for load in LOADS if load.group != "trees" or BEFORE.is_dir()]
    parser.add_argument("--loads", type=_some_of(loads), default=due, help=", ".join(loads))
    parser.add_argument("--seconds", type=float, help="of one turn, for every load (default: each its own)")
    parser.add_argument(
        "--prefer", action="store_true", help="ask the kernel to prefer our processes to others' (needs root)"
    )
    parser.add_argument(
        "--unproved",
        action="store_true",
        help="do not try whether the peers verify the upstream's certificate",
    )
    parser.add_argument("--build", type=Path, default=Path("build/bench"), help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.seconds is not None:
        options.loads = [evolve(load, seconds=options.seconds) for load in options.loads]
    if options.rounds is not None:
        options.loads = [evolve(load, rounds=options.rounds) for load in options.loads]
    options.rounds = max(load.rounds for load in options.loads)
    return options


def _some_of(known: dict[str, T]) -> Callable[[str], list[T]]:
    def chosen(text: str) -> list[T]:
        unknown = [name for name in text.split(",") if name not in known]
        if unknown:
            there_are = ", ".join(known)
            raise argparse.ArgumentTypeError(f"no such thing: {', '.join(unknown)}; there are {there_are}")
        return [known[name] for name in text.split(",")]

    return chosen


def _measure(bench: Bench, options: argparse.Namespace) -> int:
    began = time.monotonic()
    troubles: list[str] = []
    running = _start_all(bench, options, troubles)
    turns: list[Turn] = []
    for number in range(options.rounds):
        for load in options.loads:
            takers = [one for one in in_turn(running, number) if one.peer.takes(load)]
            due = [(one, own) for one in takers if (own := one.peer.load(load)).is_due(number)]
            if load.slices > 1:
                turns += bench.take_together(due, number)
            else:
                turns += [bench.take(one, own, number) for one, own in due]
        print(f"round {number + 1} of {options.rounds}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    made = rows(turns, {load.name: load.figure for load in options.loads}, _bases(options.loads, running))
    troubles += errors_of(turns)
    print(table(made, turns))
    for one in running:
        for load, why in one.peer.cannot.items():
            if load in {chosen.name for chosen in options.loads}:
                print(f"{one.peer.name} takes no part in {load}: {why}.")
    _write(options, made, turns, troubles)
    for trouble in troubles:
        print(f"bench: {trouble}", file=sys.stderr)
    return 1 if troubles else 0


def _bases(loads: Sequence[Load], running: Sequence[Running]) -> dict[str, str]:
    """Beside which of them the gates of a load are: the first of its group."""
    first: dict[str, str] = {}
    for one in running:
        if one.peer.group != "peers":
            first.setdefault(one.peer.group, one.peer.name)
    return {load.name: first[load.group] for load in loads if load.group in first}


def _start_all(bench: Bench, options: argparse.Namespace, troubles: list[str]) -> list[Running]:
    running = []
    for peer in options.peers:
        if not any(peer.takes(load) for load in options.loads):
            continue
        try:
            if not options.unproved and peer.group == "peers":
                bench.prove(peer)
            one = bench.start(peer)
            warm = bench.warm(one)
        except (Missing, Failed) as failure:
            troubles.append(f"{peer.name} takes no part: {failure}")
        else:
            running.append(one)
            troubles += errors_of([warm])
    return running


def _write(
    options: argparse.Namespace, made: list[dict[str, object]], turns: list[Turn], troubles: list[str]
) -> None:
    """C{rows} is what others read; the rest says how the rows came about."""
    written = {
        "rows": made,
        "rounds": options.rounds,
        "loads": [asdict(load) for load in options.loads],
        "machine": _machine(options),
        "troubles": troubles,
        "turns": [asdict(turn) for turn in turns],
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


def _machine(options: argparse.Namespace) -> dict[str, object]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line for line in lines if line.startswith("model name")]
    versions = {}
    for peer in options.peers:
        try:
            versions[peer.name] = peer.version(options.build / "venv")
        except Missing as missing:
            versions[peer.name] = str(missing)
    return {
        "cpu": models[0].partition(":")[2].strip() if models else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "peers": versions,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
