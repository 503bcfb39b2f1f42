"""Detectors: what in a text is a secret, or personal, and where it stands.

Those that come with the gate are described in L{mcpgate.policy.sought}; operators add expressions of
their own. Each is looked for in a text as it is and, where that differs, as it is seen by who reads it
(L{mcpgate.policy.folded}). All expressions are RE2's and all checks are bounded, so the time is linear in
the text.

Most of what passes a gate holds nothing of the kind. L{Detectors.suspicious} says so after one look at
the bytes of a whole message, before anybody parses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import accumulate

from attrs import define, field

from mcpgate.policy.beginnings import beginnings
from mcpgate.policy.effort import Effort
from mcpgate.policy.flat import flat, members
from mcpgate.policy.folded import fold, origins
from mcpgate.policy.found import Found, merged
from mcpgate.policy.joints import chains, crossing
from mcpgate.policy.regex import Regex, regex_of_operator, unanchored
from mcpgate.policy.shapes import Shape
from mcpgate.policy.sought import BUILT_IN, HINT_MOST, NAMES, Sought

__all__ = ["BUILT_IN", "NAMES", "Detectors", "Found"]

_shapes = tuple(Shape.of(sought) for sought in BUILT_IN)
_hints: dict[str, list[Sought]] = {}
for _sought in BUILT_IN:
    _hints.setdefault(_sought.detector, []).append(_sought)

# No honest writer of JSON escapes letters or digits.
_HIDDEN = Regex(r"\\u00(?:3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa])", captures=False)
#: So much of an operator's expression must have matched for the end of a text to be in doubt: what is
#: shorter says little, and most texts end in the first letter of something.
DOUBT_LEAST = 3
#: A text with so many beginnings of one thing at its end is in doubt, whatever stands before them.
TRIES_MOST = 32
#: A document with more that might be something deserves the closer look without further looks.
LOOKS_FIRST = 1_000
_TEXT = b'"text"'
# In the same look as all else: counting them takes longer.
_TWO_TEXTS = r'"text"[ \t\r\n]*:(?s:.*)"text"[ \t\r\n]*:'
# Escapes that may stand for what is folded away; unescaped controls do not stand in JSON, save DEL.
_UNSEEN = (rb"\u", rb"\b", rb"\f")
_CONTINUED = bytes(range(0x80, 0xC0))


#: What L{Detectors.suspicious} cannot see through, in a document: base64, and data of links, by their
#: members and schemes; escapes of URIs; escaped escapes, each also where its sign is escaped itself (of
#: . % : and the backslash); numbers with an exponent, or with zeros behind a point.
COVERED = (
    r'"blob"\s*:|"data"\s*:\s*"|(?i:data:)|%[2-7][0-9A-Fa-f]|\\\\|\\u00(?:2[5eE]|3[aA]|5[cC])'
    r"|[0-9.]{12}[eE]|[0-9]{12}\.00"
)


@define
class Detectors:
    """A set of detectors, compiled. It does not change."""

    names: frozenset[str]
    shapes: tuple[Shape, ...] = field(repr=False)
    custom: tuple[tuple[str, Regex], ...] = field(repr=False)
    _near: tuple[Regex, ...] = field(repr=False)
    _doubt: tuple[Regex, ...] = field(repr=False)
    _any_doubt: tuple[Regex, ...] = field(repr=False)
    _far: tuple[Regex, ...] = field(repr=False)
    _wide: tuple[Regex, ...] = field(repr=False)
    _doubts: tuple[tuple[str, Regex, int], ...] = field(repr=False)
    _doubtful: tuple[Regex, ...] = field(repr=False)
    _stand_ins: dict[str, str] = field(factory=dict, repr=False)

    @classmethod
    def compile(cls, names: frozenset[str], custom: Mapping[str, str]) -> Detectors:
        """
        The detectors of these names.

        @param custom: The expressions of detectors that an operator named; those not in C{names} are not
            looked for.
        @raise ValueError: A name means nothing, or an expression is not RE2's, too large or matches the
            empty text.
        """
        known = tuple(shape for shape in _shapes if shape.detector in names and shape.detector not in custom)
        own = []
        for name in sorted(names):
            if name in custom:
                try:
                    own.append((name, regex_of_operator(custom[name])))
                except ValueError as error:
                    raise ValueError(f"detector {name!r}: {error}") from None
            elif name not in NAMES:
                raise ValueError(f"no detector is named {name!r}")
        hints = [sought for name in sorted(names) if name not in custom for sought in _hints[name]]
        wide = [unanchored(regex.text) for _, regex in own]
        doubts = [
            (sought.detector, f"(?:{sought.doubt})$", 0) for sought in hints if sought.doubt
        ]
        for name, regex in own:
            begin = beginnings(regex.text)
            if begin is None:
                raise ValueError(f"detector {name!r}: too intricate to be followed from one text to the next")
            doubts.append((name, f"(?:{begin})$", DOUBT_LEAST))
        self = cls(
            names,
            known,
            tuple(own),
            _any([sought.near or sought.hint for sought in hints]),
            _any([sought.near or sought.hint for sought in hints] + [r"\\[ubf]"]),
            _any([sought.near or sought.hint for sought in hints] + [r"\\[ubf]", COVERED, _TWO_TEXTS]),
            _any([sought.hint for sought in hints] + wide),
            _any(wide),
            tuple((name, Regex(doubt, captures=False), least) for name, doubt, least in doubts),
            _any([doubt for _, doubt, _ in doubts]),
        )
        for name in names:
            self._stand_ins[name] = self._unfound((f"[{name}]", "[masked]", "***", "█"))
        return self

    def clear(self, raw: bytes) -> bool:
        """
        Whether one look at the bytes of a JSON document tells that it is not L{suspicious}, and has nothing
        that is L{COVERED}. That is so of nearly all.
        """
        return (
            raw.isascii()
            and not self.custom
            and b"\x7f" not in raw
            and not _hit(self._any_doubt, raw)
        )

    def suspicious(self, raw: bytes) -> bool:
        """
        Whether a JSON document deserves a closer look.

        C{False} only where L{find} finds nothing in any of its strings, names and numbers, and
        L{mcpgate.policy.texts.find_across} nothing where values of C{text} members follow each other in
        the document. What it does not cover: other strings put together, and what base64 holds.
        """
        plain = raw.isascii() and b"\x7f" not in raw
        if b"\\" not in raw:
            near, holds = self._holds(raw, plain)
        elif plain and not self.custom and not _hit(self._doubt, raw):
            near = holds = False
        elif _HIDDEN.hits(raw):
            return True
        else:
            plain = plain and not any(escape in raw for escape in _UNSEEN)
            near, holds = self._holds(flat(raw), plain)
        if holds:
            return True
        return raw.count(_TEXT) > 1 and self._holds_across(members(raw, _TEXT), near, plain)

    def _holds(self, clear: bytes, plain: bool) -> tuple[bool, bool]:
        """Whether there is any hint of what is sought, and whether it may be there."""
        near = _hit(self._near, clear)
        if _hit(self._wide, clear) or (near and self._any_in(clear)):
            return near, True
        if not plain and (seen := _as_seen(clear)) is not clear:
            nearer = _hit(self._near, seen)
            return near or nearer, _hit(self._wide, seen) or (nearer and self._any_in(seen))
        return near, False

    def _any_in(self, clear: bytes) -> bool:
        return next(self._seek(clear, Effort(LOOKS_FIRST)), None) is not None

    def _holds_across(self, values: list[bytes], near: bool, plain: bool) -> bool:
        """Whether something goes over the ends of texts, in none of which anything is found.

        @param near: whether there are hints within one of them; where not, they are over the ends too.
        @param plain: whether they are as they are seen.
        """
        if len(values) < 2:
            return False
        seen = values if plain else [_as_seen(value) for value in values]
        if not near and not (self._wide and _hit(self._wide, b"".join(seen))):
            if not _hit(self._far, b"".join(map(_ends, seen))):
                return False
        texts = [value.decode("utf-8", "surrogatepass") for value in values]
        return any(self.find_joined(chain.pieces) for chain in chains(texts))

    def find_joined(self, pieces: Sequence[str], effort: Effort | None = None) -> list[Found]:
        """What is found over the ends of pieces, as offsets in all of them put together.

        What overlaps is not one here: of two the first may be known already, and the second not.
        """
        folded = [fold(piece) for piece in pieces]
        coded = [piece.encode("utf-8", "surrogatepass") for piece in folded]
        joined = b"".join(coded)
        if not _hit(self._far, joined):
            return []
        joints = list(accumulate(len(piece) for piece in coded[:-1]))
        spans = _placed(joined, crossing(self.shapes, self.custom, joined, joints, effort or Effort()))
        if not spans or all(seen is piece for seen, piece in zip(folded, pieces, strict=True)):
            return spans
        was = origins("".join(pieces))
        return [Found(was[start], was[end - 1] + 1, name) for start, end, name in spans]

    def find(self, text: str, effort: Effort | None = None) -> list[Found]:
        """What is found in a text, in order; what overlaps is one."""
        effort = Effort() if effort is None else effort
        raw = text.encode("utf-8", "surrogatepass")
        found = _placed(raw, self._seek_if_near(raw, effort))
        folded = fold(text)
        if folded is not text:
            seen = folded.encode("utf-8", "surrogatepass")
            spans = _placed(seen, self._seek_if_near(seen, effort))
            if spans:
                was = origins(text)
                found += [Found(was[start], was[end - 1] + 1, name) for start, end, name in spans]
        return merged(found) if len(found) > 1 else found

    def _seek_if_near(self, raw: bytes, effort: Effort) -> Iterable[Found]:
        return self._seek(raw, effort) if _hit(self._near, raw) or _hit(self._wide, raw) else ()

    def _seek(self, raw: bytes, effort: Effort) -> Iterator[Found]:
        """Finds of each detector after those of the one before it, as offsets in bytes."""
        for shape in self.shapes:
            for start, end in shape.seek(raw, effort):
                yield Found(start, end, shape.detector)
        for name, regex in self.custom:
            for start, end in regex.spans(raw):
                if not effort.spend(end - start):
                    yield Found(start, len(raw), name)
                    break
                yield Found(start, end, name)

    def doubts(self, pieces: Sequence[str]) -> list[tuple[int, str]]:
        """
        Whether the end of texts is the beginning of something that is sought, as far as it says too much.

        @return: where that begins in the pieces put together, and the detector that would go on with it.
        """
        folded = [fold(piece) for piece in pieces]
        coded = [piece.encode("utf-8", "surrogatepass") for piece in folded]
        raw = b"".join(coded)
        if not _hit(self._doubtful, raw):
            return []
        joints = set(accumulate(len(piece) for piece in coded))
        found = []
        for name, regex, least in self._doubts:
            start = _alone(regex, raw, joints) if least == 0 else _long(regex, raw, least)
            if start is not None:
                found.append((len(raw[:start].decode("utf-8", "surrogatepass")), name))
        if all(seen is piece for seen, piece in zip(folded, pieces, strict=True)):
            return found
        was = origins("".join(pieces))
        return [(was[start], name) for start, name in found]

    def stand_in(self, detector: str) -> str:
        """What stands in the place of a find in free text: C{[card]}."""
        return self._stand_ins[detector]

    def stand_in_like(self, detector: str, text: str) -> str:
        """
        What stands in the place of a find where the form must stay: as long, with the same punctuation.

        An e-mail address stays one, under a name that is reserved for what does not exist (RFC 2606).
        """
        if detector == "email":
            return "masked@masked.invalid"
        return self._unfound(("".join(map(_alike, text)), "x" * len(text), "*" * len(text)))

    def _unfound(self, choices: Sequence[str]) -> str:
        """The first that no detector finds anything in; an expression may find something in all."""
        return next((choice for choice in choices if not self.find(choice)), choices[-1])


def _as_seen(raw: bytes) -> bytes:
    """As who reads it sees it; the same object where that is no different."""
    text = raw.decode("utf-8", "surrogatepass")
    folded = fold(text)
    return raw if folded is text else folded.encode("utf-8", "surrogatepass")


def _alone(regex: Regex, raw: bytes, joints: Set[int]) -> int | None:
    """Where it matches and is no part of a word, unless a text begins there."""
    at = 0
    for _ in range(TRIES_MOST):
        span = regex.span(raw, at)
        if span is None:
            return None
        start, _ = span
        if start == 0 or start in joints or not raw[start - 1 : start].isalnum():
            return start
        at = start + 1
    return at


def _long(regex: Regex, raw: bytes, least: int) -> int | None:
    span = regex.span(raw)
    return span[0] if span is not None and span[1] - span[0] >= least else None


def _ends(text: bytes) -> bytes:
    """A text as far as a hint over its ends could reach, and between them what is part of none."""
    return text if len(text) <= 2 * HINT_MOST else b"%b\x00%b" % (text[:HINT_MOST], text[-HINT_MOST:])


def _alike(sign: str) -> str:
    if sign.isdigit():
        return "0"
    return ("X" if sign.isupper() else "x") if sign.isalpha() else sign


def _any(texts: Sequence[str]) -> tuple[Regex, ...]:
    """One expression for all, or one for each where they do not go together (names of groups)."""
    if not texts:
        return ()
    try:
        return (Regex("|".join(f"(?:{text})" for text in texts), captures=False),)
    except ValueError:
        return tuple(Regex(text, captures=False) for text in texts)


def _hit(regexes: tuple[Regex, ...], raw: bytes) -> bool:
    for regex in regexes:
        if regex.hits(raw):
            return True
    return False


def _placed(raw: bytes, found: Iterable[Found]) -> list[Found]:
    """The same finds, as offsets in characters."""
    spans = list(found)
    if not spans or raw.isascii():
        return spans
    place: dict[int, int] = {}
    at = characters = 0
    for offset in sorted({offset for start, end, _ in spans for offset in (start, end)}):
        characters += len(raw[at:offset].translate(None, _CONTINUED))
        place[offset] = characters
        at = offset
    return [Found(place[start], place[end], name) for start, end, name in spans]
