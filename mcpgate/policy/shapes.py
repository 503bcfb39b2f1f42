"""The shapes of what detectors look for, compiled: in one text, and where texts meet."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define

from mcpgate.policy.checks import Check
from mcpgate.policy.effort import Effort
from mcpgate.policy.regex import Regex
from mcpgate.policy.sought import Sought

_NOWHERE: frozenset[int] = frozenset()


@define
class Shape:
    """One shape of what a detector looks for, ready to be used."""

    detector: str
    tight: Regex
    loose: Regex
    before: Regex | None
    after: Regex | None
    check: Check
    needs: tuple[bytes, ...]
    open: bool

    @classmethod
    def of(cls, sought: Sought) -> Shape:
        left = f"(?:^|{sought.left})" if sought.left else ""
        right = f"(?:$|{sought.right})" if sought.right else ""
        return cls(
            sought.detector,
            Regex(f"{left}({sought.alone or sought.core}){right}"),
            Regex(f"({sought.core})"),
            Regex(f"(?:{sought.left})$", captures=False) if sought.left else None,
            Regex(f"^(?:$|{sought.right})", captures=False) if sought.right else None,
            sought.check,
            sought.needs,
            sought.open,
        )

    def seek(self, raw: bytes, effort: Effort) -> Iterator[tuple[int, int]]:
        """Where it is in a text; once the effort is spent, everywhere."""
        if self.needs and not any(need in raw for need in self.needs):
            return
        at = 0
        while (span := self.tight.span(raw, at)) is not None:
            start, end = span
            if not effort.spend(end - start):
                yield start, len(raw)
                return
            spans = self.check(raw, start, end, _NOWHERE)
            yield from spans
            # What was refused may hide the beginning of another; what was found does not.
            at = max(spans[-1][1], start + 1) if spans else self.beyond(start, end)

    def beyond(self, start: int, end: int) -> int:
        """Where to look on after a match that is not what is sought, but may hide the beginning of it."""
        # A run of digits has been looked at as a whole.
        return end if self.detector == "card" else start + 1
