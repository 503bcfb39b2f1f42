"""What an expression's matches begin with, as an expression: whether a text could go on to be a match.

Made from the text of the expression: of a sequence, a part of it in full and the beginning of the next.
"""

from __future__ import annotations

import re

from mcpgate.policy.regex import ASSERTIONS, token

#: Beginnings of nested groups are written out again and again; nobody needs more than this.
LENGTH_MOST = 20_000

_QUOTED = re.compile(r"\\Q(.*?)(?:\\E|$)", re.DOTALL)
_GROUP = re.compile(r"\((?:\?(?:P?<[A-Za-z0-9_]+>|[imsU-]*:))?")
_FLAGS = re.compile(r"\(\?([imsU-]+)\)")
_TIMES = re.compile(r"(?:\*|\+|\?|\{([0-9]+)(,([0-9]*))?\})\??")


def beginnings(text: str) -> str | None:
    """
    An expression for everything that a match of this one can begin with: nothing, and all of it, included.

    C{None} where that would become too large.
    """
    text = _QUOTED.sub(lambda quoted: re.escape(quoted[1]), text)
    try:
        found, end = _choices(text, 0)
    except _TooLarge:
        return None
    return found if end == len(text) else None


class _TooLarge(Exception):
    pass


def _choices(text: str, at: int) -> tuple[str, int]:
    """The beginnings of what stands between bars, up to the end of a group."""
    found = []
    while True:
        one, at = _sequence(text, at)
        found.append(one)
        if at >= len(text) or text[at] != "|":
            return "|".join(found), at
        at += 1


def _sequence(text: str, at: int) -> tuple[str, int]:
    parts: list[tuple[str, str]] = []
    while at < len(text) and text[at] not in "|)":
        flags = _FLAGS.match(text, at)
        if flags is not None:
            # They hold for what follows; in the way in which this is put together, too.
            rest, at = _sequence(text, flags.end())
            parts.append((f"(?{flags[1]}:", f"(?{flags[1]}:{rest})"))
            break
        whole, begin, at = _part(text, at)
        parts.append((whole, begin))
    found = ""
    for whole, begin in reversed(parts):
        found = f"(?:{whole}{found}|{begin})" if found else begin
        if len(found) > LENGTH_MOST:
            raise _TooLarge
    return found, at


def _part(text: str, at: int) -> tuple[str, str, int]:
    """One character, class or group with how often it stands there: in full, its beginnings, its end."""
    begins = at
    group = _GROUP.match(text, at)
    if group is not None:
        inner, at = _choices(text, group.end())
        at += 1
        opening = group[0]
        # A name may stand only once.
        opening = "(?:" if "<" in opening or opening == "(" else opening
        whole = opening + text[group.end() : at]
        inner = f"{opening}{inner})"
    else:
        at += token(text, at)
        whole = text[begins:at]
        inner = "" if whole in ASSERTIONS else f"(?:{whole})?"
    times = _TIMES.match(text, at)
    if times is None:
        return ("" if whole in ASSERTIONS else whole), inner, at
    if whole in ASSERTIONS:
        return "", "", times.end()
    most = {"?": "?", "*": "*", "+": "*"}.get(times[0][0])
    if most is None:
        most = f"{{0,{times[1] if times[2] is None else times[3]}}}"
    # Some of them in full, and the beginning of the next.
    return f"(?:{whole}){times[0]}", f"(?:{whole}){most}" + (inner if group is not None else ""), times.end()

