"""Texts that are read one after the other, and what is found in all of them together."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set

from mcpgate.policy.checks import KEY_MOST, key_ends, key_goes_on
from mcpgate.policy.detectors import Detectors
from mcpgate.policy.effort import Effort
from mcpgate.policy.found import Found, merged
from mcpgate.policy.joints import chains, news_in
from mcpgate.policy.sought import BUILT_IN

_KEY = "private-key"
_OPEN = frozenset(sought.detector for sought in BUILT_IN if sought.open)
_OF_A_TOKEN = re.compile(r"[A-Za-z0-9_./-]*[A-Za-z0-9_-]", re.ASCII)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


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
            news += news_in(chain.parts(one), found)
    parts: list[list[Found]] = [[] for _ in texts]
    for index, part in news:
        parts[index].append(part)
    rest = Rest(detectors.names)
    for text, finds, more in zip(texts, found, parts, strict=True):
        finds[:] = merged([*finds, *more])
        rest.hear(text, finds, more)
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

    def hear(self, text: str, found: list[Found], parts: Sequence[Found] = ()) -> None:
        """
        Add the rest of what is open to what was found in the next text.

        @param parts: what of that is a part of something that began before; in C{found} it may go by the
            name of something else.
        """
        if not self._wanted or not text:
            return
        key, token = self._key, self._token
        self._token = ""
        size = 0
        if key:
            raw = text.encode("utf-8", "surrogatepass")
            # What belongs to a key is ASCII, so bytes are characters.
            size, ends = key_goes_on(raw)
            self._key = 0 if ends or 0 < size < len(raw) else max(0, key - len(raw))
        elif token:
            size = _rest_of_token(text)
            # A word by itself may be four letters of it, and what follows is the rest then.
            if size == len(text) or (not size and _WORD.fullmatch(text)):
                self._token = token
        if size:
            found[:] = merged([Found(0, size, _KEY if key else token), *found])
        ending = [one for one in (*found, *parts) if one.detector in _OPEN and not text[one.end :].strip()]
        for one in ending:
            if one.detector != _KEY:
                self._token = one.detector if one.end == len(text) else self._token
            elif one.start or not (key and size):
                ended = key_ends(text[one.start : one.end].encode("utf-8", "surrogatepass"))
                self._key = 0 if ended else KEY_MOST

    def leave_open(self, detector: str) -> None:
        """What was in doubt at the end of the last text was masked; the rest of it may come yet."""
        if detector in _OPEN:
            self._token = detector


def _rest_of_token(text: str) -> int:
    """
    How much of a text looks like the rest of a token: not a word, nor a number of a few digits.

    Who says a token letter by letter says less than a word at a time, and nothing else with it.
    """
    match = _OF_A_TOKEN.match(text)
    if match is None:
        return 0
    size = match.end()
    if size < 4:
        return size if size == len(text) else 0
    return 0 if _WORD.fullmatch(match[0]) else size
