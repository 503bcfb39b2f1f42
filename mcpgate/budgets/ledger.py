"""The ledger: takes calls and bytes out of budgets, for one of the processes that share them.

What was taken is a L{Taken}, to be given back at the call's end. Whatever keeps us from counting (the
file cannot be used, a lock is not had in time, the slots of a set all have running calls) refuses the
call: nothing passes uncounted. What is charged for an answer cannot be refused any more; where it
cannot be counted at once it is counted with the next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from hashlib import blake2b
from pathlib import Path

import msgspec
from twisted.logger import Logger

from mcpgate.budgets.file import KEY_SIZE, NUMBERS, SETS, WAYS, LedgerError, LedgerFile
from mcpgate.policy.budgets import COUNTERS, Budget, Key, slid, wait
from mcpgate.reasons import Reason, Refusal

# The numbers of a slot.
NEWEST = 0
CALLS = 1
BYTES = CALLS + COUNTERS
TAG = BYTES + COUNTERS
#: When nothing in it counts any more, so that it may be for another key.
END = TAG + 1
assert END + 1 == NUMBERS

_MOST = (1 << 64) - 1
_NO_KEY = bytes(KEY_SIZE)
# How much that could not be counted is remembered: of a thousand callers' last answers.
OWED_MOST = 1024
# Digests of keys; as many as there are counts, 300 bytes each, would be 5 MB.
REMEMBERED = 4096


class Taken(msgspec.Struct, gc=False):
    """
    What a call has of a budget.

    @ivar calls: How many that is: none for what is part of another.
    @ivar over: Of a budget that only records: what it would have refused.
    """

    budget: Budget
    key: bytes
    slot: int
    part: int
    calls: int
    over: Refusal | None


class Ledger:
    """
    The counts of one host, for one process.

    @ivar refused: How many calls each budget refused, or would have, in this process.
    @ivar forgotten: How many counts had to make room for others before they were over.
    @ivar failure: Why nothing can be counted, so that what a budget is about is refused.
    """

    log = Logger()

    def __init__(self, state: Path, clock: Callable[[], int] = time.monotonic_ns) -> None:
        """
        @param state: the state directory.
        @param clock: nanoseconds, the same in all processes of the host.
        """
        self.refused: dict[str, int] = {}
        self.forgotten = 0
        self.failure: str | None = None
        self._state = state
        self._clock = clock
        self._file: LedgerFile | None = None
        self._owed: list[tuple[Taken, int]] = []
        self._digests: dict[Key, bytes] = {}

    def begin(self) -> bool:
        """Have the file, if it can be had; to be called again where it could not."""
        if self._file is None:
            try:
                self._file = LedgerFile(self._state)
            except LedgerError as error:
                if self.failure is None:
                    self.log.error(
                        "what a budget is about is refused, as it cannot be counted: {why}", why=str(error)
                    )
                self.failure = str(error)
                return False
            self.failure = None
        return True

    def close(self) -> None:
        """Count no more."""
        file, self._file = self._file, None
        # The next one may have another salt.
        self._digests.clear()
        if file is not None:
            file.close()

    # Calls.

    def take(self, budget: Budget, key: Key, size: int, *, calls: int = 1) -> Taken | Refusal:
        """
        Take one call out of a budget, and the bytes of its request.

        @param key: as from L{Budget.key}.
        @param calls: 0 for what is part of a call that was taken before.
        """
        file = self._file
        if file is None:
            return self._refuse(budget, Refusal(Reason.POLICY_BUDGET, f"{budget.name}: it cannot be counted"))
        if self._owed:
            self._pay()
        digest = self._digests.get(key) or self._digest(file, key)
        number = int.from_bytes(digest[:4], "little") % SETS
        now = self._clock()
        if not file.lock(number):
            why = f"{budget.name}: its count was not to be had in time"
            return self._refuse(budget, Refusal(Reason.POLICY_BUDGET, why, 1))
        try:
            slot = self._slot(file, number, digest, budget, now)
            if slot < 0:
                why = f"{budget.name}: there is no room for another count"
                return self._refuse(budget, Refusal(Reason.POLICY_BUDGET, why, 1))
            base = slot * NUMBERS
            numbers = file.numbers
            part = now // budget.part
            newest, *counters = numbers[base : base + TAG].tolist()
            if newest == part:
                made, sizes = counters[:COUNTERS], counters[COUNTERS:]
            else:
                made = slid(counters[:COUNTERS], newest, part)
                sizes = slid(counters[COUNTERS:], newest, part)
            over = self._over(file, budget, slot, made, sizes, now, calls, size)
            if over is not None and not budget.shadow:
                return self._refuse(budget, over)
            if over is not None:
                self._refuse(budget, over)
            made[-1] += calls
            sizes[-1] += size
            if newest == part:
                numbers[base + BYTES - 1] = made[-1]
                numbers[base + TAG - 1] = min(sizes[-1], _MOST)
                numbers[base + END] = (part + COUNTERS) * budget.part
            else:
                self._write(file, base, part, made, sizes, budget)
            if budget.concurrent is not None:
                file.mine[slot] += calls
            return Taken(budget, digest, slot, part, calls, over)
        finally:
            file.unlock(number)

    def charge(self, taken: Taken, size: int) -> None:
        """The call has had so many bytes more."""
        if self._file is None or not size or taken.budget.bytes is None:
            return
        if self._charged(self._file, taken, size):
            return
        if len(self._owed) < OWED_MOST:
            return self._owed.append((taken, size))
        self.log.error("{budget}: {size} bytes could not be counted", budget=taken.budget.name, size=size)

    def end(self, taken: Taken) -> None:
        """The call runs no more."""
        if self._file is not None and taken.budget.concurrent is not None:
            # Nobody else writes in our row, and nobody gives a slot away for which a call runs.
            self._file.mine[taken.slot] -= taken.calls

    def undo(self, taken: Taken, size: int) -> None:
        """The call is not made after all, as another budget refuses it."""
        self.end(taken)
        file = self._file
        number = int.from_bytes(taken.key[:4], "little") % SETS
        if file is None or not file.lock(number):
            return  # counted, though it was not made: it errs on the side of the limit
        try:
            base = taken.slot * NUMBERS
            numbers = file.numbers
            # Where its part of the window stands by now.
            back = numbers[base + NEWEST] - taken.part
            if file.key(taken.slot) == taken.key and 0 <= back < COUNTERS:
                calls, sizes = base + BYTES - 1 - back, base + TAG - 1 - back
                numbers[calls] = max(numbers[calls] - taken.calls, 0)
                numbers[sizes] = max(numbers[sizes] - size, 0)
                if not any(numbers[base + CALLS : base + TAG]):
                    # As if it had not been: or refused calls would make room for themselves.
                    numbers[base + END] = 0
        finally:
            file.unlock(number)

    # Facts.

    def count(self, budget: Budget) -> None:
        """A budget has refused something, or would have."""
        self.refused[budget.name] = self.refused.get(budget.name, 0) + 1

    def keys(self, budgets: Iterable[Budget]) -> dict[str, int]:
        """For how many callers, routes or tools each budget has a count that is not over."""
        file, now = self._file, self._clock()
        found = {_tag(budget): 0 for budget in budgets}
        if file is not None:
            tags = file.numbers[TAG::NUMBERS].tolist()
            ends = file.numbers[END::NUMBERS].tolist()
            for tag, end in zip(tags, ends, strict=True):
                if tag in found and end > now:
                    found[tag] += 1
        return {budget.name: found[_tag(budget)] for budget in budgets}

    # Slots.

    def _digest(self, file: LedgerFile, key: Key) -> bytes:
        """What stands for a key in the file. Callers repeat the same few."""
        text = repr(key).encode("utf-8", "surrogatepass")
        digest = blake2b(text, digest_size=KEY_SIZE, key=file.salt).digest()
        if len(self._digests) >= REMEMBERED:
            self._digests.clear()
        self._digests[key] = digest
        return digest

    def _slot(self, file: LedgerFile, number: int, key: bytes, budget: Budget, now: int) -> int:
        """The slot of a key; if it has none, one that is free, or that of the oldest count; -1: none is."""
        slot = file.find(number, key)
        if slot >= 0:
            return slot
        slots = range(number * WAYS, (number + 1) * WAYS)
        slot = file.find(number, _NO_KEY)
        if slot < 0:
            slot = self._oldest(file, slots)
            if slot < 0 and file.bury():
                slot = self._oldest(file, slots)
            if slot < 0:
                return -1
            if file.numbers[slot * NUMBERS + END] > now:
                if not self.forgotten:
                    self.log.warn("budgets count more than there is room for; the oldest is forgotten")
                self.forgotten += 1
        part = now // budget.part
        # So that whoever dies here leaves no key with the numbers of another.
        file.write_key(slot, _NO_KEY)
        self._write(file, slot * NUMBERS, part, [0] * COUNTERS, [0] * COUNTERS, budget)
        # Nothing counts there until something is taken.
        file.numbers[slot * NUMBERS + END] = 0
        file.write_key(slot, key)
        return slot

    def _oldest(self, file: LedgerFile, slots: range) -> int:
        """That whose window is over first, of those for which no call runs."""
        idle = [slot for slot in slots if not file.running(slot)]
        return min(idle, key=lambda slot: file.numbers[slot * NUMBERS + END], default=-1)

    def _write(
        self, file: LedgerFile, base: int, part: int, calls: list[int], sizes: list[int], budget: Budget
    ) -> None:
        # The part that runs is wholly over when a window has passed since its end.
        end = (part + COUNTERS) * budget.part
        row = (part, *calls, *(min(size, _MOST) for size in sizes), _tag(budget), end)
        numbers = file.numbers
        for at, value in enumerate(row, base):
            numbers[at] = value

    # Limits.

    def _over(
        self,
        file: LedgerFile,
        budget: Budget,
        slot: int,
        made: list[int],
        sizes: list[int],
        now: int,
        calls: int,
        size: int,
    ) -> Refusal | None:
        limit = budget.calls
        if limit is not None and sum(made) + calls > limit and calls:
            return Refusal(
                Reason.POLICY_BUDGET,
                f"{budget.name}: {limit} calls in {budget.window:g} s are used up",
                wait(made, calls, limit, budget.part, now),
            )
        limit = budget.bytes
        if limit is not None and sum(sizes) + size > limit:
            return Refusal(
                Reason.POLICY_BUDGET,
                f"{budget.name}: {limit} bytes in {budget.window:g} s are used up",
                wait(sizes, size, limit, budget.part, now),
            )
        limit = budget.concurrent
        if limit is not None and calls and file.running(slot) >= limit:
            # Those of a process that is gone run no more.
            if not file.bury() or file.running(slot) >= limit:
                return Refusal(Reason.POLICY_CONCURRENT, f"{budget.name}: {limit} calls run already")
        return None

    def _refuse(self, budget: Budget, refusal: Refusal) -> Refusal:
        self.count(budget)
        return refusal

    # Bytes of answers.

    def _charged(self, file: LedgerFile, taken: Taken, size: int) -> bool:
        budget, number, now = taken.budget, int.from_bytes(taken.key[:4], "little") % SETS, self._clock()
        if not file.lock(number):
            return False
        try:
            slot = self._slot(file, number, taken.key, budget, now)
            if slot < 0:
                return False
            base, part, numbers = slot * NUMBERS, now // budget.part, file.numbers
            if numbers[base + NEWEST] == part:
                last = base + TAG - 1
                numbers[last] = min(numbers[last] + size, _MOST)
                numbers[base + END] = (part + COUNTERS) * budget.part
                return True
            newest, *counters = numbers[base : base + TAG].tolist()
            calls = slid(counters[:COUNTERS], newest, part)
            sizes = slid(counters[COUNTERS:], newest, part)
            sizes[-1] += size
            self._write(file, base, part, calls, sizes, budget)
            return True
        finally:
            file.unlock(number)

    def _pay(self) -> None:
        owed, self._owed = self._owed, []
        for taken, size in owed:
            self.charge(taken, size)


def _tag(budget: Budget) -> int:
    """By what the slots of a budget are known; no name is in the file."""
    return int.from_bytes(blake2b(budget.name.encode(), digest_size=8).digest(), "little")
