"""The lowest versions that setup.cfg allows, as constraints for pip; C{make lane-lowest} installs these.

A floor that nothing has run on is a wish. Bounds are read from where they stand, so that there is no
second list to forget; only what mcpgate itself needs counts, as nobody runs a gate with our test tools.
Nothing but the standard library is imported: it runs in an environment that has nothing yet.
"""

from __future__ import annotations

import configparser
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: What a gate is run with; the other extras are tools of ours.
EXTRAS = ("saml", "postgres")

#: A name and its floor; an upper bound may follow it.
_BOUND = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*>=\s*(?P<floor>[0-9][\w.]*)(?:\s*,.*)?")


class NoFloorError(ValueError):
    """A requirement says of no version that it is the lowest."""


def floors(setup: str) -> list[str]:
    """A line for pip for each requirement of mcpgate, in the order in which they stand."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(setup)
    extras = parser["options.extras_require"]
    listed = [parser["options"]["install_requires"], *(extras[name] for name in EXTRAS)]
    return [_floor(line) for text in listed for line in _lines(text)]


def _floor(requirement: str) -> str:
    bound = _BOUND.fullmatch(requirement)
    if bound is None:
        raise NoFloorError(f"setup.cfg: {requirement!r} has no lowest version")
    return f"{bound['name']}=={bound['floor']}"


def _lines(text: str) -> Iterator[str]:
    lines = (line.strip() for line in text.splitlines())
    return (line for line in lines if line and not line.startswith("#"))


def main() -> int:
    """Print them."""
    print("\n".join(floors((ROOT / "setup.cfg").read_text(encoding="utf-8"))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
