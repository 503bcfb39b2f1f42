"""A JSON document, and what is masked in it: data, whatever it means.

The value is walked and the tokens are counted, so that what is found can be replaced in the bytes
(C{policy.leaves}). What stands in its place has the same type. It has the same form too where somebody may
read it by a schema: a string that is an e-mail address and nothing else becomes another address, and under
a tool's C{outputSchema} it must fit (C{policy.schemas}). Names of members stay different from one another.

Strings may hold more than they look like: JSON with escapes of its own, of which most tools return a copy
of what is structured, or C{data:} URIs. They are looked into, and masked in the same way.

What is looked into is bounded, as nothing else is served meanwhile; what is beyond the bounds may not pass.
A list of many alike is passed over in parts that cannot hold anything (C{Detectors.suspicious}).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice

import msgspec
from attrs import Factory, define

from mcpgate.policy import blobs, leaves
from mcpgate.policy.detectors import COVERED, Detectors
from mcpgate.policy.effort import Effort
from mcpgate.policy.finder import LOOKS_MOST, MASKED_MOST, Finder, Step, Withheld, too_much
from mcpgate.policy.found import Found
from mcpgate.policy.leaves import Fraction, spelled
from mcpgate.policy.regex import Regex
from mcpgate.policy.schemas import NOTHING, Fitting
from mcpgate.reasons import Reason
from mcpgate.wire.jsonrpc import DEPTH_MOST

#: Keys, strings, numbers and literals of one message, JSON within its texts too: a table of forty thousand
#: rows. To count them and to find them in the bytes takes a fifth of a second.
TOKENS_MOST = 400_000
#: How many of them are looked at one by one, at 3 us each.
LOOKED_MOST = 50_000
#: How deep JSON is looked for in texts of JSON. Two levels are met with: a tool that hands on an answer.
WITHIN_MOST = 3
#: Elements that are passed over at once where they hold nothing.
PART = 16
#: Bytes that are encoded to be passed over, for each byte of a message: lists stand within lists.
PROBED = 4
#: Escapes of a document larger than C{LARGE} that are undone for the look at its bytes, at 1 us each; to
#: decode it is faster.
LARGE = 256 * 1024
ESCAPES_MOST = 100_000
#: Characters of names that are remembered to hold nothing, in a message that has them again and again.
REMEMBERED_LENGTH = 64

_COVERED = Regex(COVERED, captures=False)
_JSON = re.compile(r"\s*[\[{]")
# However deep, as each level doubles the backslashes; each run of them is read once.
_ESCAPED = re.compile(r"(?<!\\)\\++(?:u([0-9A-Fa-f]{4})|(/))")

_encode = msgspec.json.Encoder(enc_hook=str).encode


class Strange(Exception):
    """A text is no document that can be walked."""


def may_hold(detectors: Detectors, raw: bytes) -> bool:
    """Whether a document must be walked, in which no path leads anywhere."""
    if detectors.clear(raw):
        return False
    if len(raw) > LARGE and raw.count(b"\\") > ESCAPES_MOST:
        return True
    return detectors.suspicious(raw) or _COVERED.hits(raw)


@define(eq=False)
class Budget:
    """What one message may still cost. C{probes}: bytes."""

    probes: int
    tokens: int = TOKENS_MOST
    looked: int = LOOKED_MOST
    masked: int = MASKED_MOST
    effort: Effort = Factory(lambda: Effort(LOOKS_MOST))
    base64: int = blobs.BASE64_MOST


class Document:
    """
    One document that is walked.

    @param everything: Every detector that the finder has.
    @ivar edits: What stands in the place of a token, by its number.
    @ivar counts: How many values each detector found.
    """

    def __init__(
        self,
        finder: Finder,
        everything: Detectors,
        budget: Budget,
        structured: tuple[object, Fitting] | None = None,
        within: int = 0,
    ) -> None:
        self._finder = finder
        self._everything = everything
        self._budget = budget
        # What is structured, of a tool's result, and the schema that it has to fit, it and its copies.
        self._structured = structured
        self._within = within
        self.edits: dict[int, str | bytes] = {}
        self.counts: dict[str, int] = {}
        # The number of the next token.
        self._next = 0
        self._path: list[str | int] = []
        # Whether somebody may read what is walked by a schema, and the one, if it is known.
        self._formal = False
        self._fitting: Fitting | None = None
        # Names, and what stands for others, in which nothing is found.
        self._clean: set[str] = set()
        # How often a name was given in one object.
        self._given: dict[tuple[int, str], int] = {}

    def walk(self, value: object) -> None:
        """
        JSON, to which paths lead, and of a tool perhaps a schema.

        @raise Withheld: It may not pass.
        @raise Strange: It is too deep. No message is; texts may be.
        """
        if self._structured is not None and value == self._structured[0]:
            # What is structured itself, or the copy of it.
            self._fitting = self._structured[1]
        self._formal = True
        self._data(value, self._finder.roots)
        self._fitting, self._formal = None, False

    def alone(self, text: str) -> str:
        """A text that stands by itself, as a string that is data is masked."""
        inner = self._inside(text)
        found = self._find(inner)
        self._formal = True
        return self._choose(text, inner, found) if found or inner is not text else text

    def rewritten(self, raw: bytes) -> bytes:
        """The document without what was found."""
        return leaves.rewritten(raw, self.edits)

    # Values.

    def _data(self, value: object, step: Step | None) -> None:
        if step is not None and step.detector is not None:
            return self._whole(value, step.detector)
        if isinstance(value, str) and type(value) is not Fraction:
            return self._string(value)
        if isinstance(value, dict):
            self._bound(len(value))
            self._path.append("")
            if step is None and len(value) > PART:
                items = iter(value.items())
                while some := dict(islice(items, PART)):
                    if not self._passed_over(some):
                        self._members_of(some, value, None)
            else:
                self._members_of(value, value, step)
            self._path.pop()
        elif isinstance(value, list):
            self._bound(len(value))
            self._path.append(0)
            if step is None and value and all(type(each) is str for each in value):
                self._strings(value)
            else:
                below = step.elements if step is not None else None
                for begin in range(0, len(value), PART):
                    part = value[begin : begin + PART]
                    if below is not None or len(value) < PART or not self._passed_over(part):
                        for index, inner in enumerate(part, begin):
                            self._path[-1] = index
                            self._data(inner, below)
            self._path.pop()
        else:
            number = self._take()
            if value is not None and type(value) is not bool:
                found = self._in_number(value)
                if found:
                    self._count(found)
                    self._replace_number(number, value, found[0].detector)

    def _members_of(
        self, part: Mapping[str, object], holder: Mapping[str, object], step: Step | None
    ) -> None:
        path = self._path
        for name, inner in part.items():
            number = self._take()
            if name not in self._clean:
                self._name(name, number, holder)
            path[-1] = name
            self._data(inner, step.members.get(name) if step is not None else None)

    def _passed_over(self, part: object) -> bool:
        """Whether nothing can be in a part; then it is done."""
        if self._budget.probes <= 0 or self._finder.roots is not None:
            # Paths lead into JSON in strings, too.
            return False
        raw = _encode(part)
        self._budget.probes -= len(raw)
        if may_hold(self._everything, raw):
            return False
        # The brackets around it are none of its own.
        size = leaves.size(part)
        self._bound(size)
        self._next += size
        return True

    def _take(self) -> int:
        """The number of the next token."""
        number = self._next
        self._next = number + 1
        return number

    def _bound(self, more: int) -> None:
        """Bound the walk, before what holds some more."""
        self._budget.tokens -= more
        if self._budget.tokens < 0:
            raise Withheld(Reason.POLICY_CONTENT, f"more than {TOKENS_MOST} values to look into")
        if len(self._path) > DEPTH_MOST:
            raise Strange

    def _find(self, text: str) -> Sequence[Found]:
        self._looked(1)
        return self._finder.found(text, self._budget.effort)

    def _is_clean(self, text: str) -> bool:
        """Whether nothing is left to be masked."""
        if text in self._clean:
            return True
        clean = self._finder.clean(text)
        if clean and len(text) <= REMEMBERED_LENGTH:
            self._clean.add(text)
        return clean

    def _looked(self, count: int) -> None:
        self._budget.looked -= count
        if self._budget.looked < 0:
            raise Withheld(Reason.POLICY_CONTENT, f"more than {LOOKED_MOST} values to look at one by one")

    def _count(self, found: Iterable[Found]) -> None:
        for one in found:
            self.counts[one.detector] = self.counts.get(one.detector, 0) + 1
            self._budget.masked -= 1
        if self._budget.masked < 0:
            raise too_much()

    # Numbers and names.

    def _in_number(self, value: object) -> Sequence[Found]:
        if type(value) is Fraction:
            return self._find(value) or self._find(f"{float(value):.0f}")
        return self._find(str(value))

    def _replace_number(self, number: int, value: object, detector: str) -> None:
        new, old = (0.0, float(value)) if type(value) is Fraction else (0, value)
        fitting = self._fitting
        if fitting is not None and (fitting.differs(self._path) or not fitting.leaf(self._path, old, new)):
            raise _no_fit(detector)
        self.edits[number] = spelled(new)

    def _name(self, name: str, number: int, holder: Mapping[str, object]) -> None:
        """The name of a member, which must stay one of its own."""
        inner = self._inside(name)
        found = self._find(inner)
        if not found and inner is name:
            if len(name) <= REMEMBERED_LENGTH:
                self._clean.add(name)
            return
        self._count(found)
        new = made = spliced(inner, found, self._finder.stand_in)
        count = self._given.get((id(holder), made), 0)
        while count or new in holder:
            count += 1
            new = f"{made} {count}"
            if new not in holder:
                break
        self._given[id(holder), made] = max(count, 1)
        if self._fitting is not None and not self._fitting.key(self._path[:-1], name, new):
            raise _no_fit("a name")
        self.edits[number] = new

    # Strings.

    def _string(self, text: str) -> None:
        number = self._take()
        if blobs.data_of(text) is not None:
            return self._link(number, text)
        inner = self._inside(text)
        self._put(number, text, inner, self._find(inner))

    def _strings(self, texts: list[str]) -> None:
        """A list of strings, which may be the lines of one text."""
        if self._passed_over(texts):
            return
        self._looked(len(texts))
        inner = [self._inside(text) for text in texts]
        finds = self._finder.found_across(inner, self._budget.effort)
        for index, (text, now, found) in enumerate(zip(texts, inner, finds, strict=True)):
            self._path[-1] = index
            number = self._take()
            if blobs.data_of(text) is not None:
                self._link(number, text)
            else:
                self._put(number, text, now, found)

    def _put(self, number: int, old: str, text: str, found: Sequence[Found]) -> None:
        if found or text is not old:
            self._count(found)
            self.edits[number] = self._choose(old, text, found)

    def _choose(self, old: str, text: str, found: Sequence[Found]) -> str:
        """What stands in the place of a string."""
        fitting, finder = self._fitting, self._finder
        detector = found[0].detector if found else "a text"
        if fitting is not None and fitting.differs(self._path):
            # One of its own, as no other may be equal, and the same in the copy.
            where = ".".join(str(step) for step in self._path if type(step) is int)
            candidates = [f"[{detector} {where}]", f"masked{where}@masked.invalid"]
        else:
            candidates = [spliced(text, found, finder.stand_in)]
            whole = len(found) == 1 and not (text[: found[0].start] + text[found[0].end :]).strip()
            if whole and self._formal:
                candidates.insert(0, spliced(text, found, finder.stand_in_like))
            if fitting is not None:
                candidates.append(spliced(text, found, _alike))
                candidates += dict.fromkeys(NOTHING.values())
        for candidate in candidates:
            if (fitting is None or fitting.leaf(self._path, old, candidate)) and self._is_clean(candidate):
                return candidate
        if fitting is not None:
            raise _no_fit(detector)
        return ""

    def _whole(self, value: object, detector: str) -> None:
        """What a path leads to: masked whatever it is, but for its type."""
        if isinstance(value, dict):
            self._bound(len(value))
            self._path.append("")
            for name, inner in value.items():
                self._name(name, self._take(), value)
                self._path[-1] = name
                self._whole(inner, detector)
            self._path.pop()
        elif isinstance(value, list):
            self._bound(len(value))
            self._path.append(0)
            for index, inner in enumerate(value):
                self._path[-1] = index
                self._whole(inner, detector)
            self._path.pop()
        else:
            self._masked(value, self._take(), detector)

    def _masked(self, value: object, number: int, detector: str) -> None:
        if value is None:
            return
        if detector in self._finder.rules:
            raise self._finder.blocked(detector)
        all_of_it = (Found(0, len(value) if isinstance(value, str) else 0, detector),)
        if isinstance(value, str) and type(value) is not Fraction:
            if value != self._finder.stand_in(detector, value):
                self._put(number, value, value, all_of_it)
            return
        self._count(all_of_it)
        if type(value) is not bool:
            self._replace_number(number, value, detector)
        elif self._fitting is not None and not self._fitting.leaf(self._path, value, False):
            raise _no_fit(detector)
        else:
            self.edits[number] = spelled(False)

    # What strings hold.

    def _inside(self, text: str) -> str:
        """A text without what is found in the JSON that it is, or behind escapes; or the very same."""
        if self._within >= WITHIN_MOST or not _JSON.match(text):
            return self._behind_escapes(text)
        raw = text.encode("utf-8")
        if self._finder.roots is None and not may_hold(self._everything, raw):
            return text
        try:
            value = leaves.decode(raw)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            return self._behind_escapes(text)
        inner = Document(self._finder, self._everything, self._budget, self._structured, self._within + 1)
        try:
            inner.walk(value)
        except Strange:
            return self._behind_escapes(text)
        if inner._next != leaves.tokens(raw):
            # A member stands there twice: who knows which one is read.
            if self._finder.roots is not None:
                raise Withheld(Reason.POLICY_CONTENT, "JSON with a member twice, into which a path may lead")
            return self._behind_escapes(text)
        if not inner.edits:
            return text
        for detector, count in inner.counts.items():
            self.counts[detector] = self.counts.get(detector, 0) + count
        return inner.rewritten(raw).decode("utf-8")

    def _behind_escapes(self, text: str) -> str:
        """A text that is no JSON, or not of one reading, but has its escapes."""
        if "\\u" not in text and "\\/" not in text:
            return text
        plain = _ESCAPED.sub(_unescaped, text)
        found = self._find(plain)
        if len(found) <= len(self._find(text)):
            return text
        self._count(found)
        return spliced(plain, found, self._finder.stand_in)

    def _link(self, number: int, link: str) -> None:
        """A URI, that is only opened: one with a find leads nowhere."""
        data = blobs.data_of(link)
        if data is not None and data[0]:
            found = self._in_base64(blobs.unquoted(data[1]))
        else:
            found = self._find(link) or self._find(blobs.unquoted(link))
        if found:
            self._count(found)
            self.edits[number] = blobs.masked_link(link)

    def _in_base64(self, text: str) -> Sequence[Found]:
        """What is found in base64 that is not changed in place."""
        content = self._opened(text)
        plain = blobs.as_text(content) if content is not None else None
        if plain is None:
            return self._in_bytes(text, content)
        return self._held(plain)

    def _held(self, text: str) -> Sequence[Found]:
        """All that is found in a text that is not changed in place, and in the JSON that it is."""
        counts = dict(self.counts)
        inner = self._inside(text)
        found = self._find(inner)
        if inner is not text and not found:
            found = [Found(0, 0, name) for name in self.counts if self.counts[name] != counts.get(name)]
        self.counts = counts
        return found

    def _in_bytes(self, text: str, content: bytes | None) -> Sequence[Found]:
        """What is found in base64 that encodes no text, or is none."""
        if content is None:
            return self._find(text) or self._among(blobs.opened_anyhow(text))
        return (self._find(text) if len(text) <= blobs.BARE_MOST else ()) or self._among([content])

    def _among(self, contents: Iterable[bytes]) -> Sequence[Found]:
        for content in contents:
            least = blobs.BELIEVED if blobs.is_media(content) else 1
            for view in blobs.views(content):
                found = self._finder.found_among(view, least, self._budget.effort)
                if found:
                    return found
        return ()

    def _opened(self, text: str) -> bytes | None:
        self._budget.base64 -= len(text)
        if self._budget.base64 < 0:
            raise Withheld(Reason.POLICY_CONTENT, f"more than {blobs.BASE64_MOST} characters of base64")
        return blobs.opened(text)


def _no_fit(detector: str) -> Withheld:
    return Withheld(Reason.POLICY_SCHEMA, f"{detector} where the output schema lets nothing else stand")


def _unescaped(escape: re.Match[str]) -> str:
    code = int(escape[1], 16) if escape[1] is not None else ord(escape[2])
    return escape[0] if 0xD800 <= code < 0xE000 else chr(code)


def spliced(text: str, found: Iterable[Found], stand: Callable[[str, str], str]) -> str:
    """A text with something else where something was found. C{stand}: called with detector and find."""
    pieces = []
    end = 0
    for one in found:
        pieces.append(text[end : one.start])
        pieces.append(stand(one.detector, text[one.start : one.end]))
        end = one.end
    pieces.append(text[end:])
    return "".join(pieces)


def _alike(detector: str, text: str) -> str:
    """Something as long, with the same punctuation."""
    return "".join(map(_sign, text))


def _sign(sign: str) -> str:
    if sign.isdigit():
        return "0"
    return ("X" if sign.isupper() else "x") if sign.isalpha() else sign
