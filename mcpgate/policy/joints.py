"""Where texts meet: what detectors find that begins in one text and ends in another.

A model reads the text items of a result one after the other, so half a key in each is a key. Each joint
is two things at once: nothing, as a secret may go on over it, and an end, before and after which anything
may stand. What is found in one text by itself stays what it was; only what is before the first find and
after the last may be part of something larger.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from mcpgate.policy.found import Found
from mcpgate.policy.regex import Regex
from mcpgate.policy.shapes import Shape

#: So many characters of each side of a joint are looked at. All that is sought is shorter, except keys,
#: of which a first line is enough, and tokens with uncommonly many claims.
REACH = 4096
# What may stand beside a secret and matter: a spelled escape, a dot between digits.
_LEFT, _RIGHT = 8, 4


def chains(texts: Sequence[str], found: Sequence[Sequence[Found]]) -> Iterator[list[str]]:
    """
    The pieces of texts between which something may have been split.

    @param found: what was found in each of the texts by itself.
    """
    for _, pieces in placed_chains(texts, found):
        yield pieces


def placed_chains(
    texts: Sequence[str], found: Sequence[Sequence[Found]]
) -> Iterator[tuple[list[tuple[int, int]], list[str]]]:
    """The same, and for each piece the text and the offset at which it stands."""
    places: list[tuple[int, int]] = []
    pieces: list[str] = []
    for index, (text, finds) in enumerate(zip(texts, found, strict=True)):
        if not finds and len(text) <= 2 * REACH:
            places.append((index, 0))
            pieces.append(text)
            continue
        head = text[: min(finds[0].start, REACH) if finds else REACH]
        if pieces:
            yield [*places, (index, 0)], [*pieces, head]
        begin = max(finds[-1].end if finds else 0, len(text) - REACH)
        places, pieces = [(index, begin)], [text[begin:]]
    if len(pieces) > 1:
        yield places, pieces


def crossing(
    shapes: Sequence[Shape], custom: Sequence[tuple[str, Regex]], joined: bytes, joints: Sequence[int]
) -> Iterator[Found]:
    """What goes over a joint, as offsets in bytes.

    @param joints: offsets at which one text ends and another begins, in order.
    """
    for shape in shapes:
        if shape.needs and not any(need in joined for need in shape.needs):
            continue
        at = 0
        while (match := shape.loose.lead(joined, at)) is not None:
            lead, start, end = match
            within = joints[bisect_left(joints, lead) : bisect_right(joints, end)]
            at = shape.beyond(lead, end)
            if not within:
                continue
            for low, high in shape.check(joined, start, end, frozenset(within)):
                # What a secret is known by may stand in the text before it.
                begin = lead if lead < start else low
                if _crosses(begin, high, joints) and _alone(shape, joined, low, high, joints):
                    yield Found(low, high, shape.detector)
                    at = max(at, high)
    for name, regex in custom:
        for start, end in regex.spans(joined):
            if _crosses(start, end, joints):
                yield Found(start, end, name)


def _crosses(start: int, end: int, joints: Sequence[int]) -> bool:
    return bisect_right(joints, start) < bisect_left(joints, end)


def _alone(shape: Shape, joined: bytes, start: int, end: int, joints: Sequence[int]) -> bool:
    """Whether what stands beside it, up to the next joints, leaves it a thing of its own."""
    before = bisect_right(joints, start)
    low = joints[before - 1] if before else 0
    if shape.before is not None and low < start:
        if not shape.before.hits(joined[max(low, start - _LEFT) : start]):
            return False
    after = bisect_left(joints, end)
    high = joints[after] if after < len(joints) else len(joined)
    return shape.after is None or high == end or shape.after.hits(joined[end : min(high, end + _RIGHT)])
