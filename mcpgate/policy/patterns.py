"""Patterns as compiled values: exact text, text with C{*} and C{?}, and RE2 expressions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate

from attrs import field, frozen

from mcpgate.config.expression import Expression, compile_expression, is_expression


def is_glob(pattern: str) -> bool:
    """Whether a pattern stands for several texts by its C{*} and C{?}."""
    return ("*" in pattern or "?" in pattern) and not is_expression(pattern)


def globs(patterns: Sequence[str]) -> re.Pattern[str]:
    """One expression for patterns in which C{*} is any run of characters (C{/} too) and C{?} is any one.

    Nothing else is special. C{fnmatch.translate} makes expressions that never backtrack over an
    earlier C{*}, so a name chosen by a caller cannot make a pattern slow; its third special
    character, C{[}, is taken away by bracketing it.
    """
    return re.compile("|".join(translate(pattern.replace("[", "[[]")) for pattern in patterns))


@frozen
class Patterns:
    """A list of patterns from one field of a rule; an empty list (C{every}) matches anything.

    @ivar texts: The patterns as they were written, sorted: by these, two are equal.
    """

    texts: tuple[str, ...]
    every: bool = field(eq=False)
    exact: frozenset[str] = field(eq=False)
    loose: re.Pattern[str] | None = field(eq=False)
    expressions: tuple[Expression, ...] = field(eq=False, default=())

    @classmethod
    def compile(cls, texts: Sequence[str]) -> Patterns:
        """Split the patterns into those that are compared and those that are matched.

        @raise ValueError: RE2 does not take an expression. C{config.load} has said so long before.
        """
        kept = tuple(sorted(set(texts)))
        expressions = [text for text in kept if is_expression(text)]
        loose = [text for text in kept if is_glob(text)]
        exact = frozenset(kept).difference(loose, expressions)
        compiled = tuple(map(compile_expression, expressions))
        return cls(kept, not kept, exact, globs(loose) if loose else None, compiled)

    def match(self, text: str) -> bool:
        """Whether any of the patterns is about this text."""
        if self.every or text in self.exact:
            return True
        if self.loose is not None and self.loose.match(text) is not None:
            return True
        return any(expression.matches(text) for expression in self.expressions)

    def covers(self, other: Patterns) -> bool:
        """Whether all that the other ones match is surely matched by these; C{False} where in doubt."""
        if self.every:
            return True
        return not other.every and all(map(self._covers, other.texts))

    def _covers(self, pattern: str) -> bool:
        if pattern in self.texts:
            return True
        if is_expression(pattern):
            return False
        if not is_glob(pattern):
            return self.match(pattern)
        # A star that is read as a letter can only be met by a star, which then meets all that it stands
        # for; a question mark here could meet the letter, and not that.
        ours = [text for text in self.texts if is_glob(text) and "?" not in text]
        return bool(ours) and globs(ours).match(pattern) is not None


EVERY = Patterns.compile(())
