"""Whether what was printed is what a page shows (pure).

A page shows one run, and each run has its own times, ids and keys. These are compared by their kind: each is
replaced by the name of its kind, in what is shown and in what was printed. C{...} stands for anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

#: Each kind with what it looks like; the first that fits counts. An ellipsis shortens what is long.
KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "<time>",
        re.compile(r"\b20\d\d-[01]\d-[0-3]\d[T ][0-2]\d:[0-5]\d(:[0-6]\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?( UTC)?"),
    ),
    ("<date>", re.compile(r"\b20\d\d-?[01]\d-?[0-3]\d\b")),
    ("<time>", re.compile(r"\b[0-2]\d:[0-5]\d:[0-6]\d\b")),
    ("<token>", re.compile(r"\bmcpgate_[\w…-]+(\.\.\.)?")),
    ("<pin>", re.compile(r"\bsha256/[A-Za-z0-9+/]{2,43}(…|\.\.\.|=)?")),
    ("<digest>", re.compile(r"\bsha256:[0-9a-f]{2,64}(…|\.\.\.)?")),
    ("<id>", re.compile(r"(?<![\w-])[a-z]-(?=[0-9a-z]*[0-9…])[0-9a-z…]{2,}(-[0-9a-z…]{2,})?")),
    ("<hex>", re.compile(r"\b(?=[0-9a-f]*[0-9])[0-9a-f]{8,}(…[0-9a-f]*|\b)")),
    ("<hex>", re.compile(r"\b([0-9A-F]{2}:){7,}[0-9A-F]{2}\b")),
    ("<duration>", re.compile(r"\b\d+(\.\d+)? ?(µs|us|ms|s|seconds?|minutes?)\b")),
    ("<size>", re.compile(r"\b\d+(\.\d+)? ?(bytes?|B|KiB|MiB|GiB|KB|MB)\b")),
    ("<port>", re.compile(r"(?<=[\w\]]:)(3[2-9]|[45]\d|6[0-5])\d{3}\b")),
    ("<pid>", re.compile(r"(?<=pid )\d+\b|(?<=\[\d\] )\d+")),
)
_ANY = re.compile(r"\\\.\\\.\\\.|…")
_RULE = re.compile(r"[-─=]{3,}")


def plain(line: str) -> str:
    """A line without what differs from run to run."""
    for name, looks in KINDS:
        line = looks.sub(name, line)
    return re.sub(r"\s+", " ", _RULE.sub("---", line)).strip()


def fits(shown: str, printed: str) -> bool:
    """Whether one line shows the other, both plain or not."""
    pattern = _ANY.sub(".*", re.escape(plain(shown)))
    return re.fullmatch(pattern, plain(printed), re.DOTALL) is not None


def alike(shown: Sequence[str], printed: Sequence[str], *, more: bool = False) -> bool:
    """Whether the lines that a page shows are those printed, but for blank ones.

    @param more: what is printed after them does not matter.
    """
    wanted = [line for line in shown if line.strip()]
    found = [line for line in printed if line.strip()]
    # reach[i]: whether the first i lines that are wanted can be all that was printed so far.
    reach = [True, *_after_gaps(wanted)]
    for line in found:
        if more and reach[-1]:
            return True
        then = [False] * (len(wanted) + 1)
        for i, want in enumerate(wanted):
            if _is_gap(want):
                then[i + 1] = reach[i + 1] or then[i]
            elif reach[i] and fits(want, line):
                then[i + 1] = True
        reach = then
    return reach[-1]


def _is_gap(line: str) -> bool:
    return line.strip() in ("...", "…")


def _after_gaps(wanted: Sequence[str]) -> list[bool]:
    reached = True
    out = []
    for line in wanted:
        reached = reached and _is_gap(line)
        out.append(reached)
    return out


#: Kinds of what a reader copies from what was printed.
_COPIED = ("<id>", "<token>", "<hex>", "<digest>", "<pin>")


def copied(shown: Sequence[str], printed: Sequence[str]) -> dict[str, str]:
    """What a page shows of ids, tokens and the like, and what was printed in their places."""
    found: dict[str, str] = {}
    at = 0
    for line in (line for line in shown if line.strip() and not _is_gap(line)):
        there = next((place for place in range(at, len(printed)) if fits(line, printed[place])), None)
        if there is not None:
            at = there + 1
            for name, looks in KINDS:
                if name in _COPIED:
                    pairs = zip(looks.finditer(line), looks.finditer(printed[there]), strict=False)
                    for one, other in pairs:
                        found[one[0]] = other[0]
                        found[one[0].removeprefix("sha256:")] = other[0].removeprefix("sha256:")
    return found


_WHOLE_PIN = re.compile(r"sha256/[A-Za-z0-9+/]{43}=")


def torn(copies: Mapping[str, str], more: Mapping[str, str]) -> str | None:
    """A pin that a page shows as two, or two as one: readers are told to compare them letter by letter.

    @param copies: what was shown before, and C{more} now, each with what was printed in its place.
    """
    whole = {shown: printed for shown, printed in copies.items() if _WHOLE_PIN.fullmatch(shown)}
    for shown, printed in more.items():
        if _WHOLE_PIN.fullmatch(shown):
            if whole.get(shown, printed) != printed:
                return f"{shown} stands for {whole[shown]}, and for {printed}"
            other = next((one for one, there in whole.items() if there == printed and one != shown), None)
            if other is not None:
                return f"{other} and {shown} are shown where it prints the same, {printed}"
            whole[shown] = printed
    return None


def with_copies(text: str, copies: Mapping[str, str]) -> str:
    """A command, with what was printed in the places of what the page shows."""
    if not copies:
        return text
    longest = sorted(copies, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, longest)), lambda match: copies[match[0]], text)
