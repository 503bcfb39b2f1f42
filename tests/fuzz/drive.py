"""The fuzzer on one target, in a process of its own: C{python -m tests.fuzz.drive AGAIN NAME ...}.

libFuzzer merges in processes of its own, which it starts by the command AGAIN with other arguments.

Only what the gate consists of is instrumented: how far an oracle gets is nothing to look for.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["mcpgate"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Never returns: libFuzzer ends the process."""
    again, name, *arguments = sys.argv[1:]
    target = TARGETS[name]
    # Once without being watched: what is built on first use is no discovery.
    target.check(b"")
    atheris.Setup([again, *arguments], target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
