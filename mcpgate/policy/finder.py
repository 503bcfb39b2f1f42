"""What a message is searched for: detectors whose finds are masked, others that keep it back, and paths.

A path leads to values that are masked whatever they are: C{customer.cards[].number} from the root of a
JSON document, which is a tool's C{structuredContent}, the C{arguments} of a call, or text that is JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from attrs import Factory, define, frozen

from mcpgate.policy.detectors import Detectors
from mcpgate.policy.effort import Effort
from mcpgate.policy.found import Found
from mcpgate.policy.texts import find_across
from mcpgate.reasons import Reason, Refusal

#: Values that are masked in one message. Who lists more of them has no message left worth reading.
MASKED_MOST = 5_000
#: Close looks at what might be something, in one message: the worker is deaf for a fifth of a second. What
#: is left then is taken for a find as a whole (L{Effort}).
LOOKS_MOST = 20_000

_STEP = re.compile(r"([^.\[\]]+|(?=\[))((?:\[\])*)")
_NOTHING: Sequence[Found] = ()


class Withheld(Exception):
    """The message may not pass, and why."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason)
        self.refusal = Refusal(reason, detail)


@define(eq=False)
class Step:
    """
    One step of paths.

    @ivar detector: What masks all that is here and below.
    """

    members: dict[str, Step] = Factory(dict)
    elements: Step | None = None
    detector: str | None = None


def steps_of(path: str) -> list[str]:
    """
    The steps of a path: names of members, and C{"[]"} for the elements of an array.

    @raise ValueError: It is none.
    """
    steps: list[str] = []
    for place, part in enumerate(path.split(".")):
        match = _STEP.fullmatch(part)
        if match is None or (place and not match[1]):
            raise ValueError(f"{path!r} is not a path such as customer.cards[].number")
        steps += [match[1]] if match[1] else []
        steps += ["[]"] * (len(match[2]) // 2)
    return steps


@frozen
class Finder:
    """
    What a message is searched for.

    @ivar masking: C{None} where nothing is masked.
    @ivar blocking: Detectors with whose finds a message does not pass, C{None} where there are none.
    @ivar rules: The rule that blocks, by its detector; paths' too.
    @ivar roots: Where paths begin, if there are any.
    """

    masking: Detectors | None
    blocking: Detectors | None
    rules: Mapping[str, str]
    roots: Step | None

    def found(self, text: str, effort: Effort | None = None) -> Sequence[Found]:
        """
        What is to be masked in a text, in order.

        @param effort: What is left for the message; C{None} for as much as for one.
        @raise Withheld: Something is found with which it does not pass.
        """
        if self.blocking is not None:
            for one in self.blocking.find(text, effort):
                raise self.blocked(one.detector)
        if self.masking is None:
            return _NOTHING
        return self.masking.find(text, effort)

    def found_across(self, texts: Sequence[str], effort: Effort | None = None) -> Sequence[Sequence[Found]]:
        """
        The same, of texts that follow one another, and also of what goes on from one to the next.

        @raise Withheld: As above.
        """
        if self.blocking is not None:
            for finds in find_across(texts, self.blocking, effort):
                for one in finds:
                    raise self.blocked(one.detector)
        if self.masking is None:
            return [_NOTHING] * len(texts)
        return find_across(texts, self.masking, effort)

    def found_among(self, text: str, least: int, effort: Effort | None = None) -> Sequence[Found]:
        """
        What is found in bytes that are no text, as long as that is not by chance.

        @param least: The shortest find that is believed.
        @raise Withheld: As above.
        """
        for detectors in (self.blocking, self.masking):
            for one in detectors.find(text, effort) if detectors is not None else ():
                if one.end - one.start >= least:
                    if detectors is self.blocking:
                        raise self.blocked(one.detector)
                    return (one,)
        return ()

    def clean(self, text: str) -> bool:
        """Whether nothing is left to be masked."""
        return self.masking is None or not self.masking.find(text)

    def blocked(self, detector: str) -> Withheld:
        """That a message does not pass with such a find."""
        return Withheld(Reason.POLICY_CONTENT, f"rule {self.rules[detector]}: {detector}")

    def stand_in(self, detector: str, text: str) -> str:
        """What stands in the place of a find in free text."""
        if self.masking is None or detector not in self.masking.names:
            return f"[{detector}]"
        return self.masking.stand_in(detector)

    def stand_in_like(self, detector: str, text: str) -> str:
        """The same where the form is to be kept."""
        if self.masking is None or detector not in self.masking.names:
            return f"[{detector}]"
        return self.masking.stand_in_like(detector, text)


def too_much() -> Withheld:
    """That hardly anything would be left."""
    return Withheld(Reason.POLICY_CONTENT, f"more than {MASKED_MOST} values to mask")
