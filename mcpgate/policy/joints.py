"""Where texts meet: what detectors find that begins in one text and ends in another.

A model reads the text items of a result one after the other, so half a key in each is a key. Each joint
is two things at once: nothing, as a secret may go on over it, and an end, before and after which anything
may stand. What is found in one text by itself stays what it was: an address at the end of a text does not
grow by the word that begins the next.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from attrs import define, field

from mcpgate.policy.effort import Effort
from mcpgate.policy.found import Found
from mcpgate.policy.regex import Regex
from mcpgate.policy.shapes import Shape

#: So many characters of each side of a joint are looked at. All that is sought is shorter, except keys,
#: of which a first line is enough, and tokens with uncommonly many claims.
REACH = 4096
#: Joints of one match that are tried as its end.
TRIES_MOST = 64
# What may stand beside a secret and matter: a spelled escape, a dot between digits.
_LEFT, _RIGHT = 8, 4


@define
class Chain:
    """
    Pieces of texts over whose ends something may have been split.

    @ivar places: for each piece, its text and where in it the piece begins.
    """

    pieces: list[str] = field(factory=list)
    places: list[tuple[int, int]] = field(factory=list)
    _begins: list[int] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._begins = [0, *accumulate(len(piece) for piece in self.pieces)]

    def parts(self, one: Found) -> list[tuple[int, Found]]:
        """A find in the pieces put together, as its parts in the texts that they come from."""
        split = []
        at = bisect_right(self._begins, one.start) - 1
        while at < len(self.pieces) and self._begins[at] < one.end:
            index, offset = self.places[at]
            start, end = max(one.start, self._begins[at]), min(one.end, self._begins[at + 1])
            if start < end:
                move = offset - self._begins[at]
                split.append((index, Found(start + move, end + move, one.detector)))
            at += 1
        return split


def chains(texts: Sequence[str]) -> Iterator[Chain]:
    """The chains of texts: of a long one its beginning ends one chain, and its end begins another."""
    pieces: list[str] = []
    places: list[tuple[int, int]] = []
    for index, text in enumerate(texts):
        if len(text) <= 2 * REACH:
            places.append((index, 0))
            pieces.append(text)
            continue
        if pieces:
            yield Chain([*pieces, text[:REACH]], [*places, (index, 0)])
        pieces, places = [text[-REACH:]], [(index, len(text) - REACH)]
    if len(pieces) > 1:
        yield Chain(pieces, places)


def news_in(
    split: Sequence[tuple[int, Found]], found: Sequence[Sequence[Found]]
) -> list[tuple[int, Found]]:
    """
    The parts of a find, if none of them was found already, in its text, for what it is.

    One that begins within another, and goes on behind it, is news from there on: an address right before
    a second one, with a hyphen between them, is read as the beginning of that as well.
    """
    (index, first), *others = split
    name = first.detector
    same = [known for known in found[index] if known.detector == name]
    behind = [
        known.end
        for known in same
        if known.start <= first.start < known.end
        and (known.start < first.start or known.end < first.end)
    ]
    start = max(behind, default=first.start)
    parts = [(index, Found(start, first.end, name)), *others] if start < first.end else others
    if any(
        known.detector == name and known.start < part.end and part.start < known.end
        for index, part in parts
        for known in found[index]
    ):
        return []
    return parts


def crossing(
    shapes: Sequence[Shape],
    custom: Sequence[tuple[str, Regex]],
    joined: bytes,
    joints: Sequence[int],
    effort: Effort,
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
            if not effort.spend(end - lead):
                yield Found(lead, len(joined), shape.detector)
                break
            within = joints[bisect_left(joints, lead) : bisect_right(joints, end)]
            at = shape.beyond(lead, end)
            if not within:
                continue
            for low, high in shape.check(joined, start, end, frozenset(within)):
                # What a secret is known by may stand in the text before it.
                begin = lead if lead < start else low
                if shape.open:
                    high = _enough(shape, joined, low, high, within)
                # What is only a part of a match has more of it beside it, as in one text.
                alone = _alone(shape, joined, low, high, joints) or (
                    high < end and _alone(shape, joined, low, end, joints)
                )
                if alone and _crosses(begin, high, joints):
                    yield Found(low, high, shape.detector)
                    # Its end may be the beginning of another address, and it may be none by itself.
                    last = joints[bisect_left(joints, high) - 1] if shape.detector == "email" else high
                    at = max(at, last)
    for name, regex in custom:
        for start, end in regex.spans(joined):
            if _crosses(start, end, joints):
                yield Found(start, end, name)


def _enough(shape: Shape, joined: bytes, start: int, end: int, joints: Sequence[int]) -> int:
    """
    The first joint at which a match would be one already.

    What comes after it may be a word of the next text as well as the rest of a token: who knows that looks
    at it by itself (L{mcpgate.policy.texts.Rest}).
    """
    for joint in joints[1:TRIES_MOST]:
        if start < joint < end and shape.loose.span(joined[start:joint]) == (0, joint - start):
            return joint
    return end


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
