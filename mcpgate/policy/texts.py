"""Texts that are read one after the other, and what is found in all of them together."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set

from mcpgate.policy.checks import KEY_MOST, key_ends, key_goes_on
from mcpgate.policy.detectors import Detectors
from mcpgate.policy.effort import Effort
from mcpgate.policy.found import Found, merged
from mcpgate.policy.joints import chains, is_news
from mcpgate.policy.sought import BUILT_IN

_KEY = "private-key"
_OPEN = frozenset(sought.detector for sought in BUILT_IN if sought.open)
# A word is none: it has a digit, a hyphen or an underscore, or a capital after a small letter. Who says a
# token letter by letter says less than a word at a time.
_TOKEN_GOES_ON = re.compile(
    r"(?=.{4})[./]?[A-Za-z]*?(?:[0-9_-]|[a-z][A-Z])[A-Za-z0-9_./-]*(?<![./])|[A-Za-z0-9_./-]{1,3}$", re.ASCII
)


def find_across(
    texts: Sequence[str], detectors: Detectors, effort: Effort | None = None
) -> list[list[Found]]:
    """
    What is found in each of some neighbouring texts, also of what goes on from one to the next.

    Texts are neighbours that a reader sees one after the other: the text items of one content array that
    nothing else stands between. The time is linear in their length, as at each joint only so much is
    looked at (L{mcpgate.policy.joints.REACH}).
    """
    effort = Effort() if effort is None else effort
    found = [detectors.find(text, effort) for text in texts]
    if len(texts) < 2:
        return found
    news = []
    for chain in chains(texts):
        for one in detectors.find_joined(chain.pieces, effort):
            split = chain.parts(one)
            if is_news(split, found):
                news += split
    for index, part in news:
        found[index].append(part)
    found = [merged(finds) for finds in found]
    rest = Rest(detectors.names)
    for text, finds in zip(texts, found, strict=True):
        rest.hear(text, finds)
    return found


class Rest:
    """
    What the last text left open: the lines of a private key, or a token that may be longer.

    Logs have keys line by line, and only the first line says what the others are. And half a token can be
    as long as a whole one.
    """

    __slots__ = ("_key", "_token", "_wanted")

    def __init__(self, names: Set[str]) -> None:
        self._wanted = not names.isdisjoint(_OPEN)
        #: Bytes that the lines of an open key may still have.
        self._key = 0
        self._token = ""

    def hear(self, text: str, found: list[Found]) -> None:
        """Add the rest of what is open to what was found in the next text."""
        if not self._wanted or not text:
            return
        size = 0
        if self._key:
            raw = text.encode("utf-8", "surrogatepass")
            # What belongs to a key is ASCII, so bytes are characters.
            size, ends = key_goes_on(raw)
            self._key = 0 if ends or 0 < size < len(raw) else max(0, self._key - len(raw))
            if size:
                found[:] = merged([Found(0, size, _KEY), *found])
        elif self._token:
            rest = _TOKEN_GOES_ON.match(text)
            if rest is not None:
                found[:] = merged([Found(0, rest.end(), self._token), *found])
        last = found[-1] if found else None
        self._token = ""
        if last is None or text[last.end :].strip():
            return
        if last.detector == _KEY and (last.start or not size):
            ended = key_ends(text[last.start : last.end].encode("utf-8", "surrogatepass"))
            self._key = 0 if ended else KEY_MOST
        elif last.detector in _OPEN and last.end == len(text):
            self._token = last.detector

    def leave_open(self, detector: str) -> None:
        """What was in doubt at the end of the last text was masked; the rest of it may come yet."""
        if detector in _OPEN:
            self._token = detector
