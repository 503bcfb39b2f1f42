"""What a message's params must hold for a rule to be about it (C{where}).

All conditions of a rule must hold. What cannot be judged must never open the gate, so it is read in two
ways, by what the rule does when its conditions hold:

 - B{strictly}, for rules that allow: there is a value at the path, it is of the kind that the condition is
   about, and it is as it should be; where C{[]} makes several of it, all of them are, and there is at least
   one. The names on the path are exactly those, and no other member reads like one of them.
 - B{widely}, for rules that block, hold or mask: any value will do; members whose names differ in case or
   width only are the same, as they are to some servers; and a value of another kind than the condition is
   about (a number where a text belongs, a list where one value does) fulfils it, as the server may make of
   it what it wants. So does a message that is too large to be looked through.

In both, a path that leads nowhere fulfils nothing but C{present = false}, and null is no value but for
C{{ null = true }} and C{present}. In an allow rule a glob with a slash in it is taken for a path: texts
with C{..} or C{.} between slashes (also as C{%2e}), backslashes or control characters do not match it, as
they lead elsewhere than they seem to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from unicodedata import normalize

from attrs import frozen

from mcpgate.config.condition import Condition, Each, read_path
from mcpgate.config.schema import WhereTable
from mcpgate.policy.patterns import Patterns, is_glob

#: Longer names are none that a path has; normalising takes quadratic time on crafted ones.
NAME_LENGTH = 256
#: How many members and elements are looked at for one condition, which takes some 10 ms. Nobody can say
#: what stands in the rest, so a message with more is read as what cannot be judged.
VALUES_MOST = 10_000

_ELSEWHERE = re.compile(r"(?:^|[/\\])\.\.?(?:$|[/\\])|[\\\x00-\x1f\x7f]|%(?:2[ef]|5c|00)", re.IGNORECASE)


@frozen
class Clause:
    """One condition: where a value stands, and what it must be."""

    path: str
    steps: tuple[str | Each, ...]
    condition: Condition
    texts: Patterns
    paths: Patterns

    @classmethod
    def compile(cls, path: str, condition: Condition) -> Clause:
        """Compile one entry of C{where}."""
        texts = [value for value in condition.equal if isinstance(value, str)]
        paths = [text for text in texts if is_glob(text) and "/" in text]
        # Of no pattern at all L{Patterns} would match everything; asked only if there are some.
        plain = [text for text in texts if text not in paths]
        return cls(path, read_path(path), condition, Patterns.compile(plain), Patterns.compile(paths))

    def holds(self, params: Mapping[str, object], *, widely: bool) -> bool:
        """Whether it is so."""
        found, condition = _walk(params, self.steps, widely=widely), self.condition
        if found.doubtful:
            return widely
        values = found.values
        if condition.present is not None:
            if widely:
                return bool(values) if condition.present else found.lacking or not values
            return (bool(values) and not found.lacking) if condition.present else not values
        if not values or (found.lacking and not widely):
            return False
        judged = (self._judged(value, widely=widely) for value in values)
        return any(judged) if widely else all(judged)

    def _judged(self, value: object, *, widely: bool) -> bool:
        condition = self.condition
        if value is None or condition.null:
            return value is None and condition.null
        if condition.least is not None or condition.most is not None:
            if isinstance(value, bool) or not isinstance(value, int | float):
                return widely
            return (condition.least is None or value >= condition.least) and (
                condition.most is None or value <= condition.most
            )
        kinds = {_kind(each) for each in condition.equal}
        if _kind(value) not in kinds:
            # Some servers read "true" as true, and 5 as "5".
            return widely
        if isinstance(value, str):
            if not self.texts.every and self.texts.match(value):
                return True
            if self.paths.every or not self.paths.match(value):
                return False
            return widely or _ELSEWHERE.search(value) is None
        return any(_kind(each) is _kind(value) and each == value for each in condition.equal)


@frozen
class Where:
    """The conditions of a rule, all of which must hold."""

    clauses: tuple[Clause, ...]

    @classmethod
    def compile(cls, table: WhereTable) -> Where | None:
        """Compile C{where}; C{None} where there is none."""
        clauses = tuple(
            Clause.compile(path, condition) for path, condition in sorted(table.conditions, key=_path)
        )
        return cls(clauses) if clauses else None

    def holds(self, params: Mapping[str, object], *, widely: bool) -> bool:
        """Whether the rule is about these params. C{widely}: as for a rule that does not allow."""
        return all(clause.holds(params, widely=widely) for clause in self.clauses)


def _path(entry: tuple[str, Condition]) -> str:
    return entry[0]


def _kind(value: object) -> type:
    if isinstance(value, bool):
        return bool
    return float if isinstance(value, int | float) else type(value)


@frozen
class _Found:
    """
    What stands at a path.

    @ivar lacking: Something on the way has no such member.
    @ivar doubtful: Nobody can say what a server would make of it.
    """

    values: list[object]
    lacking: bool = False
    doubtful: bool = False


_DOUBTFUL = _Found([], doubtful=True)


def _walk(value: object, steps: tuple[str | Each, ...], *, widely: bool) -> _Found:
    found = [value]
    lacking = False
    left = VALUES_MOST
    for step in steps:
        deeper: list[object] = []
        for each in found:
            if each is None:
                lacking = True
            elif isinstance(step, Each):
                if isinstance(each, list):
                    deeper += each
                    left -= len(each)
                elif widely:
                    # Some servers take one value for a list of one.
                    deeper.append(each)
                else:
                    return _DOUBTFUL
            elif isinstance(each, Mapping):
                left -= len(each)
                if left < 0:
                    return _DOUBTFUL
                alike = [name for name in each if name == step or _reads_as(name, step)]
                if not widely and alike not in ([], [step]):
                    return _DOUBTFUL
                lacking = lacking or not alike
                deeper += [each[name] for name in alike]
            else:
                return _DOUBTFUL
            if left < 0:
                return _DOUBTFUL
        found = deeper
    return _Found(found, lacking)


def _reads_as(name: str, other: str) -> bool:
    """Whether two names differ in case or width only."""
    if name.isascii() and other.isascii():
        return len(name) == len(other) and name.lower() == other.lower()
    return len(name) <= NAME_LENGTH and _folded(name) == _folded(other)


def _folded(name: str) -> str:
    return normalize("NFKC", name).casefold()
