"""Budgets: which calls they are about, and how much of a window of time has been used (pure).

A window is cut into C{PARTS} parts. What is counted are the part that runs and the whole window's worth
of parts before it, so never more than the limit is used in any window, wherever it begins. The price:
what was used is given back up to one part later than it could be, an eighth of the window. The usual
ways are cheaper and promise less: with two buckets and a weight between them, or with a leaking bucket,
a caller that waits for the right moment gets up to twice the limit in one window.

Where it is counted is somebody else's (the room C{budgets}), as all workers of a host count together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import frozen

from mcpgate.config.tables.policy import BudgetTable
from mcpgate.identity.principal import Principal
from mcpgate.policy.patterns import Patterns
from mcpgate.policy.who import Who
from mcpgate.wire.call import Call, Nature

#: An eighth of a minute is what somebody waits for at most without need; more parts would make each
#: count larger.
PARTS = 8
#: In nanoseconds: parts begin exactly where the last ends.
SECOND = 1_000_000_000
#: Counters of a window: its parts, and the one that runs.
COUNTERS = PARTS + 1


TOOL = "tools/call"
FOLLOWS = Nature.FOLLOWS
# What counts where a budget names no method: what names something, and what nobody knows.
_COUNTED = frozenset({Nature.NAMED, Nature.OTHER})

#: What calls are counted by: texts and numbers, which C{repr} tells apart.
Key = tuple[object, ...]


@frozen(eq=False)
class Budget:
    """
    One budget of a generation.

    @ivar part: Nanoseconds that one part of its window takes.
    @ivar result_size: The largest answer, in bytes, that it permits.
    """

    name: str
    per: frozenset[str]
    window: float
    part: int
    calls: int | None
    bytes: int | None
    concurrent: int | None
    result_size: int | None
    shadow: bool
    routes: frozenset[str]
    methods: Patterns
    names: Patterns
    who: Who

    @property
    def counts(self) -> bool:
        """Whether anything is to be counted for it: what it says of single answers needs no counting."""
        return self.calls is not None or self.bytes is not None or self.concurrent is not None

    def covers(self, route: str) -> bool:
        """Whether it is about this route at all."""
        return not self.routes or route in self.routes

    def matches(self, call: Call) -> bool:
        """Whether it is about this call."""
        return self.is_of(call) or self.is_of_what_made(call)

    def is_of(self, call: Call) -> bool:
        """
        Whether it is about this call by the method that the message has itself.

        What the protocol needs is never counted: a client could not even learn why. Lists, completions and
        the like, which come by themselves, only where the budget names their methods.
        """
        if call.nature is Nature.PROTOCOL or not self.methods.match(call.method):
            return False
        if self.methods.every and call.nature not in _COUNTED:
            return False
        names = [name for _, name in call.judged_as if name is not None]
        return any(map(self.names.match, names)) if names else self.names.every

    def is_of_what_made(self, call: Call) -> bool:
        """
        Whether it is about the tool whose task this asks for.

        A task brings the result of a call that has been counted: asking for it is no other call, and what
        it brings is part of that one's answer.
        """
        return call.nature is FOLLOWS and any(
            method == TOOL and name is not None and self.methods.match(method) and self.names.match(name)
            for method, name in call.judged_as
        )

    def key(self, principal: Principal, route: str, call: Call) -> Key:
        """What a call is counted by. Equal only for calls that are counted together."""
        per, made = self.per, call.nature is FOLLOWS and not self.is_of(call)
        # A window of another length is cut otherwise, so it is counted anew.
        return (
            self.name,
            self.window,
            (principal.how, principal.name) if "principal" in per else None,
            route if "route" in per else None,
            (TOOL if made else call.method, call.name) if "tool" in per else None,
        )


def compile_budgets(tables: Iterable[BudgetTable]) -> tuple[Budget, ...]:
    """
    Compile the C{[[budget]]} tables, sorted by name. Those that only record come last, so that they do
    not count what the others refuse.
    """
    compiled = [
        Budget(
            name=table.name,
            per=frozenset(table.per),
            window=table.window,
            # Rounded up: the parts of a window never take less than the window.
            part=-(-round(table.window * SECOND) // PARTS),
            calls=table.calls,
            bytes=table.bytes,
            concurrent=table.concurrent,
            result_size=table.result_size,
            shadow=table.shadow,
            routes=frozenset(table.on.route),
            methods=Patterns.compile(table.on.method),
            names=Patterns.compile(table.on.name),
            who=Who.compile(table.who),
        )
        for table in tables
    ]
    return tuple(sorted(compiled, key=lambda budget: (budget.shadow, budget.name)))


def about(budgets: Sequence[Budget], route: str, call: Call) -> tuple[Budget, ...]:
    """Those that are about a call, of those that are about its caller."""
    return tuple(budget for budget in budgets if budget.covers(route) and budget.matches(call))


def slid(counts: Sequence[int], newest: int, part: int) -> list[int]:
    """
    The counters of a window, the oldest first, when the part that runs is C{part}.

    @param newest: The part that the last of them is of.
    """
    if part == newest:
        return list(counts)
    if part < newest:
        # Counted by another clock. As if all had been just now: that errs on the side of the limit.
        return [0] * PARTS + [sum(counts)]
    past = min(part - newest, COUNTERS)
    return [*counts[past:], *[0] * past]


def wait(counts: Sequence[int], more: int, limit: int, part: int, now: int) -> int:
    """
    How long until there is room for so much more.

    @param counts: As from L{slid}.
    @param part: The length of one, and C{now} on the clock that they are counted by, in nanoseconds.
    @return: Seconds, rounded up; 0 where that much never fits.
    """
    left = sum(counts)
    end = now - now % part
    for count in counts:
        end += part
        left -= count
        if left + more <= limit:
            return -(-(end - now) // SECOND)
    return 0
