"""Fragments of news: called so that towncrier takes them, and with links that lead somewhere from NEWS.md."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable

#: What towncrier would pass over in silence, if it is called otherwise.
_NAME = re.compile(r"(?P<issue>\d+)\.(?P<kind>[a-z]+)(?:\.\d+)?\.md")
_LINK = re.compile(r"(?<!!)\[[^]]*\]\((?P<target>[^)\s]+)\)")


def kinds(pyproject: str) -> frozenset[str]:
    """The kinds that pyproject.toml has."""
    return frozenset(kind["directory"] for kind in tomllib.loads(pyproject)["tool"]["towncrier"]["type"])


def misnamed(names: Iterable[str], known: frozenset[str]) -> list[str]:
    """Those that would be left out."""
    found = ((name, _NAME.fullmatch(name)) for name in names)
    return [
        f"{name} is not called ISSUE.KIND.md, with a KIND of {', '.join(sorted(known))}"
        for name, match in found
        if match is None or match["kind"] not in known
    ]


def astray(name: str, text: str, is_there: Callable[[str], bool]) -> list[str]:
    """
    Links that lead nowhere once the text stands in NEWS.md.

    @param is_there: whether that path, seen from the top of the clone, is a file or directory.
    """
    targets = [match["target"] for match in _LINK.finditer(text)]
    ours = [target for target in targets if not re.match(r"[a-z]+:", target)]
    return [f"{name}: {target} leads nowhere" for target in ours if not is_there(target.partition("#")[0])]
