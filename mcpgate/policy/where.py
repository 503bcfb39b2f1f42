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
they lead elsewhere than they seem to. In a rule that blocks, holds or masks, a text that leads elsewhere
fulfils a condition whose texts have a slash, unless these begin with a star: C{/srv/../etc/x} may well be
below C{/etc}.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from unicodedata import normalize

from attrs import field, frozen

from mcpgate.config.condition import Condition, Each, read_path
from mcpgate.config.tables.rule import WhereTable
from mcpgate.policy.patterns import Patterns, is_glob

#: How many times as long as a name another may be that reads like it: composition makes one character of
#: a letter and its marks. Longer ones need not be normalised.
LONGER_MOST = 4
#: How many members and elements are looked at for one condition, and half the characters of names that have
#: to be normalised, of which one may become eighteen. That takes 10 ms at most. Nobody can say what stands
#: in the rest, so a message with more is read as what cannot be judged.
VALUES_MOST = 10_000

# The same for rules that do not allow. A text for people has its line ends, and a URL its two slashes.
_PERHAPS_ELSEWHERE = re.compile(
    r"(?:^|[/\\])\.\.?(?:$|[/\\])|(?:^|[^:/])//|[\\\x00]|%(?:2[ef]|5c|00)", re.IGNORECASE
)
_ELSEWHERE = re.compile(r"(?:^|[/\\])\.\.?(?:$|[/\\])|[\\\x00-\x1f\x7f]|%(?:2[ef]|5c|00)", re.IGNORECASE)


@frozen
class Step:
    """A name on a path, and what it takes to see which others read like it."""

    name: str
    plain: bool = field(eq=False)
    lower: str = field(eq=False)
    folded: str = field(eq=False)

    @classmethod
    def of(cls, name: str) -> Step:
        return cls(name, name.isascii(), name.lower(), _folded(name))

    def alike(self, members: Mapping[str, object]) -> tuple[list[str], int]:
        """The members that have this name, or one that differs in case or width only; and what it cost."""
        found, cost = [], len(members)
        for name in members:
            if name == self.name:
                found.append(name)
            elif self.plain and name.isascii():
                if name.lower() == self.lower:
                    found.append(name)
            elif len(name) <= LONGER_MOST * len(self.folded):
                cost += len(name) // 2
                if cost > VALUES_MOST:
                    break
                if _folded(name) == self.folded:
                    found.append(name)
        return found, cost


@frozen
class Clause:
    """One condition: where a value stands, and what it must be."""

    path: str
    steps: tuple[Step | Each, ...]
    condition: Condition
    texts: Patterns
    paths: Patterns
    kinds: frozenset[type]
    #: Whether any of the texts is one of a place, so that another text may lead there.
    leads: bool

    @classmethod
    def compile(cls, path: str, condition: Condition) -> Clause:
        """Compile one entry of C{where}."""
        texts = [value for value in condition.equal if isinstance(value, str)]
        paths = [text for text in texts if is_glob(text) and "/" in text]
        # Of no pattern at all L{Patterns} would match everything; asked only if there are some.
        plain = [text for text in texts if text not in paths]
        return cls(
            path,
            tuple(step if isinstance(step, Each) else Step.of(step) for step in read_path(path)),
            condition,
            Patterns.compile(plain),
            Patterns.compile(paths),
            frozenset(map(_kind, condition.equal)),
            any("/" in text and not text.startswith(("*", "^.*")) for text in texts),
        )

    def holds(self, params: Mapping[str, object], *, widely: bool) -> bool:
        """Whether it is so."""
        found, condition = _walk(params, self.steps, widely), self.condition
        if found is None:
            return widely
        values, lacking = found
        if condition.present is not None:
            if widely:
                return bool(values) if condition.present else lacking or not values
            return (bool(values) and not lacking) if condition.present else not values
        if not values or (lacking and not widely):
            return False
        if widely:
            return any([self._judged(value, widely) for value in values])
        return all([self._judged(value, widely) for value in values])

    def _judged(self, value: object, widely: bool) -> bool:
        condition = self.condition
        if value is None or condition.null:
            return value is None and condition.null
        kind = _kind(value)
        if kind in self.kinds:
            if kind is str:
                assert isinstance(value, str)
                if widely and self.leads and _PERHAPS_ELSEWHERE.search(value) is not None:
                    return True
                if not self.texts.every and self.texts.match(value):
                    return True
                if self.paths.every or not self.paths.match(value):
                    return False
                return widely or _ELSEWHERE.search(value) is None
            return any([_kind(each) is kind and each == value for each in condition.equal])
        if condition.equal or kind is not float:
            # Some servers read "true" as true, and 5 as "5".
            return widely
        assert isinstance(value, int | float)
        least, most = condition.least, condition.most
        return (least is None or value >= least) and (most is None or value <= most)


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
    # All numbers of JSON are of one kind; true and false are none, though they are to Python.
    kind = type(value)
    return float if kind is int else kind


def _walk(
    params: Mapping[str, object], steps: tuple[Step | Each, ...], widely: bool
) -> tuple[list[object], bool] | None:
    """
    The values at a path, and whether something on the way has no such member.

    @return: C{None} where nobody can say what a server would make of it.
    """
    found: list[object] = [params if type(params) is dict else dict(params)]
    lacking = False
    left = VALUES_MOST
    for step in steps:
        deeper: list[object] = []
        for each in found:
            if each is None:
                lacking = True
            elif type(step) is Step:
                if type(each) is not dict:
                    return None
                if len(each) > left:
                    return None
                alike, cost = step.alike(each)
                left -= cost
                if left < 0:
                    return None
                if len(alike) == 1 and (widely or alike[0] == step.name):
                    deeper.append(each[alike[0]])
                elif not alike:
                    lacking = True
                elif widely:
                    deeper += [each[name] for name in alike]
                else:
                    return None
            elif type(each) is list:
                left -= len(each)
                if left < 0:
                    return None
                deeper += each
            elif widely:
                # Some servers take one value for a list of one.
                deeper.append(each)
            else:
                return None
        found = deeper
    return found, lacking


def _folded(name: str) -> str:
    return normalize("NFKC", name).casefold()
