"""What one call has of budgets: taken before it is forwarded, charged with its answer, ended with it."""

from __future__ import annotations

from mcpgate.budgets.ledger import Ledger, Taken
from mcpgate.identity.principal import Principal
from mcpgate.policy.budgets import Budget
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay.judged import Judged
from mcpgate.wire.mcp import Nature

# As in tls/stream.py: a member is read off its class slowly.
FOLLOWS = Nature.FOLLOWS


class Spending:
    """
    The budgets of one call.

    @ivar over: Those that only record, and would have refused it.
    """

    __slots__ = ("_budgets", "_ledger", "_taken", "over")

    def __init__(self, ledger: Ledger, budgets: tuple[Budget, ...]) -> None:
        self.over: list[str] = []
        self._ledger = ledger
        self._budgets = budgets
        self._taken: list[Taken] = []

    def take(self, judged: Judged, principal: Principal, route: str, size: int) -> Refusal | None:
        """Take a call and the bytes of its request out of all of them, or out of none."""
        ledger, taken = self._ledger, self._taken
        for budget in self._budgets:
            if not budget.counts:
                continue
            call = judged.call
            key = budget.key(principal, route, call)
            calls = 1 if call.nature is not FOLLOWS or budget.is_of(call) else 0
            one = ledger.take(budget, key, size, calls=calls)
            if isinstance(one, Refusal):
                for before in taken:
                    ledger.undo(before, size)
                taken.clear()
                return one
            taken.append(one)
            if one.over is not None:
                self.over.append(budget.name)
        return None

    def exceeds(self, size: int) -> Refusal | None:
        """Whether an answer of so many bytes is more than they permit."""
        for budget in self._budgets:
            most = budget.result_size
            if most is None or size <= most or budget.name in self.over:
                continue
            self._ledger.count(budget)
            if not budget.shadow:
                return Refusal(Reason.POLICY_RESULT_SIZE, f"{budget.name}: more than {most} bytes")
            self.over.append(budget.name)
        return None

    def charge(self, size: int) -> None:
        """It has had so many bytes of an answer."""
        for taken in self._taken:
            self._ledger.charge(taken, size)

    def end(self) -> None:
        """It runs no more."""
        for taken in self._taken:
            self._ledger.end(taken)


def spend(
    ledger: Ledger | None, judged: Judged, principal: Principal, route: str, size: int
) -> Spending | Refusal:
    """
    Have a call that is about to be forwarded count.

    @param size: of its request, in bytes.
    """
    if ledger is None:
        return Refusal(Reason.POLICY_BUDGET, "budgets are not counted here")
    spending = Spending(ledger, judged.budgets)
    return spending.take(judged, principal, route, size) or spending
