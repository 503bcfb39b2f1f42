"""Regular expressions of the configuration: RE2, so that no text can make one slow.

A pattern that begins with C{^} and ends with C{$} is one, and the whole text must match what stands
between. C{.} is any character, line ends too: a line end in an argument gets around nothing.
"""

from __future__ import annotations

from typing import Protocol

import re2

#: Longest expression, in characters: those that people write and read again have a hundred.
EXPRESSION_LENGTH = 1024
#: What RE2 may take for one, in bytes, its cache included; beyond it, an expression is no good. RE2's own
#: default is 8 MiB, which a thousand rules would make 8 GiB.
EXPRESSION_MEMORY = 1 << 20


class Expression(Protocol):
    """A compiled expression, as far as anybody here uses it."""

    def fullmatch(self, text: str) -> object:
        """Something that is not C{None} if the whole text matches."""


def is_expression(pattern: str) -> bool:
    """Whether a pattern is an expression rather than a text, exact or with C{*} and C{?}."""
    return len(pattern) > 1 and pattern[0] == "^" and pattern[-1] == "$"


def compile_expression(pattern: str) -> Expression:
    """
    Compile C{^...$}.

    @raise ValueError: RE2 does not take it; with the rest of a sentence that begins at the pattern.
    """
    return compile_bare(pattern[1:-1])


def compile_bare(text: str) -> Expression:
    """
    Compile an expression without its C{^} and C{$}.

    @raise ValueError: as L{compile_expression}.
    """
    if len(text) > EXPRESSION_LENGTH:
        raise ValueError(f"is longer than {EXPRESSION_LENGTH} characters")
    options = re2.Options()
    options.max_mem = EXPRESSION_MEMORY
    options.dot_nl = True
    options.log_errors = False
    try:
        found: Expression = re2.compile(text, options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        why = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise ValueError(f"is no expression that RE2 takes: {why}") from None
    return found
