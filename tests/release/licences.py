"""Under which licence each library is that mcpgate runs on: told by itself, and one that we may ship with.

A package tells it in an expression of SPDX, in a classifier, or in words of its own (the core metadata has
had all three). What is told in none of these ways, or is not listed here, is a matter for a person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from email.message import Message

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

#: Those that let us be given on under ours, by the beginning of what is said of them. Of the LGPL, as we
#: neither change the library nor link it in.
KNOWN = (
    "apache", "bsd", "0bsd", "cc0", "isc", "lgpl", "gnu lesser general public", "gnu library or lesser",
    "mit", "mozilla public license 2.0", "mpl-2.0", "psf", "python software foundation", "zpl", "zope public",
)  # fmt: skip


def closure(
    named: Iterable[str], extras: Iterable[str], metadata: Callable[[str], Message]
) -> dict[str, Message]:
    """What is there for those names and all that they need in turn, by name; C{extras} are of the first."""
    found: dict[str, Message] = {}
    open_ends = [(name, frozenset(extras)) for name in named]
    while open_ends:
        name, wanted = open_ends.pop()
        if (key := canonicalize_name(name)) in found and not wanted:
            continue
        found[key] = metadata(name)
        for line in found[key].get_all("Requires-Dist") or ():
            need = Requirement(line)
            marker = need.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in (wanted or {""})):
                if canonicalize_name(need.name) not in found:
                    open_ends.append((need.name, frozenset(need.extras)))
    return found


def said(metadata: Message) -> list[str]:
    """What a package says of its licence, the clearest first."""
    classifiers = metadata.get_all("Classifier") or ()
    told = [metadata["License-Expression"]]
    told += [one.rpartition(" :: ")[2] for one in classifiers if one.startswith("License ::")]
    told.append((metadata["License"] or "").strip().partition("\n")[0])
    return [one for one in told if one]


def unfit(name: str, metadata: Message) -> list[str]:
    """Why it is a matter for a person; nothing, if it is not."""
    told = said(metadata)
    if not told:
        return [f"{name} says nothing of its licence"]
    parts = re.split(r"\s+(?:OR|AND|WITH)\s+", told[0].strip("()"))
    strange = [part for part in parts if not part.lower().strip("() ").startswith(KNOWN)]
    return [f"{name} is under {told[0]!r}, which is not listed"] if strange else []
