"""Patterns of the configuration that are regular expressions: RE2, so that no text can make one slow.

A pattern that begins with C{^} and ends with C{$} is one, and the whole text must match what stands
between. C{.} is any character, line ends too: a line end in an argument gets around nothing.
"""

from __future__ import annotations

from attrs import frozen

from mcpgate.policy.regex import PROGRAM_MOST, Regex

#: Longest expression, in characters: those that people write and read again have a hundred.
EXPRESSION_LENGTH = 1024


@frozen
class Expression:
    """A compiled expression."""

    _regex: Regex

    def matches(self, text: str) -> bool:
        """Whether the whole text matches."""
        # Half of a surrogate pair, which JSON can hold and UTF-8 cannot, matches nothing but "any character".
        return self._regex.hits(text.encode("utf-8", "replace"))


def is_expression(pattern: str) -> bool:
    """Whether a pattern is an expression rather than a text, exact or with C{*} and C{?}."""
    return len(pattern) > 1 and pattern[0] == "^" and pattern[-1] == "$"


def compile_expression(pattern: str) -> Expression:
    """
    Compile C{^...$}.

    @raise ValueError: RE2 does not take it; with the rest of a sentence that begins at the pattern.
    """
    inner = pattern[1:-1]
    if len(pattern) > EXPRESSION_LENGTH:
        raise ValueError(f"is longer than {EXPRESSION_LENGTH} characters")
    try:
        # By itself first: what has a bracket too many could take our own for its.
        Regex(inner, captures=False, most=PROGRAM_MOST)
        return Expression(Regex(rf"\A(?s:{inner})\z", captures=False, most=PROGRAM_MOST))
    except ValueError as error:
        raise ValueError(f"is no expression that RE2 takes: {error}") from None
