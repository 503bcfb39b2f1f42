"""Regular expressions of operators and detectors: RE2, whose time is linear in the text, whatever is asked.

Everything is matched as UTF-8 bytes, so that no text is encoded or measured again for each match.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import re2  # type: ignore[import-untyped,unused-ignore]

#: What an expression may compile to, in instructions of RE2. A mebibyte of text is matched in about the
#: time of a hundred thousand instructions per byte only where an expression defeats RE2's automaton, and
#: 2,000 keep even that within the seconds of an answer; the largest built-in detector takes 700.
PROGRAM_MOST = 2_000

# What is below the wrapper that is RE2's public face, which makes a generator and an object for each match:
# that takes longer than most matches do. C{None} in a version that has it no more.
_ANYWHERE: Any = getattr(getattr(re2, "_Anchor", None), "UNANCHORED", None)


class Regex:
    """
    One compiled expression. C{most}: the largest that it may be, in instructions.

    @ivar size: in RE2's instructions.
    @raise ValueError: It is not RE2's, or too large; the text says which.
    """

    __slots__ = ("_last", "_match", "size", "text")

    def __init__(self, text: str, *, captures: bool = True, most: int | None = None) -> None:
        options = re2.Options()
        options.log_errors = False
        options.never_capture = not captures
        try:
            compiled: Any = re2.compile(text.encode("utf-8"), options)
        except re2.error as error:
            (said,) = error.args
            raise ValueError(said.decode("utf-8", "replace") if isinstance(said, bytes) else said) from None
        except UnicodeEncodeError:
            raise ValueError("half of a surrogate pair") from None
        if most is not None and compiled.programsize > most:
            raise ValueError(f"too large: {compiled.programsize} instructions, at most {most}")
        self.text = text
        self.size: int = compiled.programsize
        # Named groups capture even where none are wanted.
        self._last = -1 if captures else 0
        bare = getattr(compiled, "_regexp", None) if _ANYWHERE is not None else None
        self._match: Any = bare.Match if bare is not None else partial(_match, compiled)

    def hits(self, raw: bytes) -> bool:
        """Whether it matches anywhere."""
        spans: list[tuple[int, int]] = self._match(_ANYWHERE, raw, 0, len(raw))
        return spans[0][0] >= 0

    def span(self, raw: bytes, start: int = 0) -> tuple[int, int] | None:
        """Where it first matches: its last group if it has one, else the whole match."""
        spans: list[tuple[int, int]] = self._match(_ANYWHERE, raw, start, len(raw))
        return spans[self._last] if spans[0][0] >= 0 else None

    def lead(self, raw: bytes, start: int) -> tuple[int, int, int] | None:
        """Where its first group begins in its next match, and the span of its last."""
        spans: list[tuple[int, int]] = self._match(_ANYWHERE, raw, start, len(raw))
        return (spans[1][0], *spans[-1]) if spans[0][0] >= 0 else None

    def spans(self, raw: bytes) -> Iterator[tuple[int, int]]:
        """Where it matches, one after the other; empty matches are none."""
        start = 0
        while start <= len(raw) and (span := self.span(raw, start)) is not None:
            begin, end = span
            if end > begin:
                yield span
            start = end if end > begin else end + 1


def _match(compiled: Any, anchor: object, raw: bytes, start: int, end: int) -> list[tuple[int, int]]:
    """The spans of a match and its groups, by the wrapper."""
    found = compiled.search(raw, start, end)
    return [(-1, -1)] if found is None else [found.span(group) for group in range(compiled.groups + 1)]


def regex_of_operator(text: str) -> Regex:
    """
    An expression from the configuration.

    @raise ValueError: It is not RE2's, too large, or matches the empty text, which is everywhere.
    """
    regex = Regex(text, captures=False, most=PROGRAM_MOST)
    if regex.hits(b""):
        raise ValueError("it matches the empty text")
    return regex


def unanchored(text: str) -> str:
    """
    An expression that matches wherever this one does, and wherever it would in a longer text.

    What says something about the surroundings (C{^ $ \\A \\z \\b \\B}) is taken away.
    """
    out = []
    at = 0
    while at < len(text):
        size = token(text, at)
        part = text[at : at + size]
        out.append("(?:)" if part in ASSERTIONS else part)
        at += size
    return "".join(out)


#: What says something about the surroundings of a match, and is no character itself.
ASSERTIONS = frozenset({"^", "$", r"\A", r"\z", r"\b", r"\B"})


def token(text: str, at: int) -> int:
    """How long what stands here is: a class, an escape with what belongs to it, or one character."""
    if text[at] == "\\":
        two = text[at : at + 2]
        closing = {r"\p": "}", r"\P": "}", r"\x": "}", r"\Q": r"\E"}.get(two)
        if closing is None:
            return 2
        if closing == "}" and text[at + 2 : at + 3] != "{":
            # A category of one letter, or two hexadecimal digits.
            return 4 if two == r"\x" else 3
        end = text.find(closing, at + 2)
        return (end + len(closing) if end >= 0 else len(text)) - at
    if text[at] != "[":
        return 1
    end = at + 1
    if text[end : end + 1] == "^":
        end += 1
    if text[end : end + 1] == "]":
        end += 1
    while end < len(text) and text[end] != "]":
        if text[end] == "\\":
            end += token(text, end)
        elif text.startswith("[:", end) and (close := text.find(":]", end)) >= 0:
            end = close + 2
        else:
            end += 1
    return end + 1 - at
