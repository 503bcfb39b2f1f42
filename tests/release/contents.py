"""What has to be in a wheel and in an sdist, to the file, and what must be in neither.

The sources that count are those that git knows, so what lies about in a checkout is no excuse.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

#: Files of the clone that are not given on: how it is kept, what packagers of a distribution write over, and
#: the schemas that others have published.
LEFT_OUT = (".ci/", ".gitignore", "debian/", "tests/wire/schemas/")
#: What a build adds to an sdist, and to a wheel.
MADE = re.compile(r"PKG-INFO|mcpgate\.egg-info/[A-Za-z_.-]+")
ABOUT = frozenset({"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "top_level.txt"})
#: Never in either: caches, what is made when a gate runs, keys.
NEVER = re.compile(
    r"(^|/)(dropin\.cache|__pycache__|evidence-key\.json|tokens\.json|\.env)(/|$)|\.(pyc|pyo|key|p12)$"
)
SECRET = re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/=]{32}")


def wheel_expected(tracked: Iterable[str], setup: str) -> set[str]:
    """The files of a wheel, as they are installed; those beside the code below C{data/}."""
    files = list(tracked)
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(setup)
    given = {name for name in files if name.startswith("mcpgate/")} | {"twisted/plugins/mcpgate_plugin.py"}
    for place, patterns in parser["options.data_files"].items():
        for pattern in patterns.split():
            depth = pattern.count("/")
            matching = [name for name in files if fnmatchcase(name, pattern) and name.count("/") == depth]
            given |= {f"data/{place}/{name.rpartition('/')[2]}" for name in matching}
    return given | {f"dist-info/{name}" for name in ABOUT}


def sdist_expected(tracked: Iterable[str]) -> set[str]:
    """The files of an sdist that are in the clone as well."""
    return {name for name in tracked if not name.startswith(LEFT_OUT)}


def installed_names(members: Iterable[str], version: str) -> set[str]:
    """The members of a wheel under the names of L{wheel_expected}."""
    shorter = {f"mcpgate-{version}.data/data/": "data/", f"mcpgate-{version}.dist-info/": "dist-info/"}
    found = set()
    for name in members:
        for long, short in shorter.items():
            name = short + name.removeprefix(long) if name.startswith(long) else name
        found.add(name)
    return {name for name in found if not name.endswith("/")}


def differing(expected: set[str], found: set[str]) -> list[str]:
    """A sentence for what is missing and one for what should not be there."""
    wrong = []
    if missing := sorted(expected - found):
        wrong.append(f"missing: {', '.join(missing)}")
    if stray := sorted(found - expected):
        wrong.append(f"should not be there: {', '.join(stray)}")
    return wrong


def forbidden(members: Iterable[tuple[str, bytes]], places: Iterable[str]) -> list[str]:
    """
    What must be in nothing that is given on: files by their names, private keys, and names of places on the
    machine that built it.
    """
    wrong = []
    for name, text in members:
        if NEVER.search(name):
            wrong.append(f"{name} must not be given on")
        if SECRET.search(text):
            wrong.append(f"{name} has a private key in it")
        wrong += [f"{name} names {place}" for place in places if place.encode() in text]
    return wrong
