"""Masks: what of a message may not pass, and what stands in its place.

A message in which nothing is found passes in its own bytes, and that is told by one or two looks at them
(C{documents.may_hold}). Only then it is walked, leaf by leaf, and what is found is replaced in the bytes.
Every string, number and name of a member below C{params}, C{result} and C{error} is reached:

 - text for people gets a word in brackets, C{[email]} (C{policy.places});
 - data gets a value of the same type, and of the same form where that may matter (C{policy.documents});
   what a tool's output schema does not let stand is C{policy.schema} (C{policy.schemas});
 - base64 is masked as the text that it encodes (C{policy.blobs}), and a URI that is only opened leads
   nowhere;
 - what both sides say again, names and URIs of tools, prompts and resources, may not be changed: an item
   of a list goes, and any other message is C{policy.content};
 - ids, cursors and the like (C{leaves.OPAQUE}) are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from attrs import field, frozen

from mcpgate.policy.detectors import Detectors
from mcpgate.policy.documents import PROBED, Budget, Document, may_hold, spliced
from mcpgate.policy.finder import Finder, Step, Withheld, steps_of
from mcpgate.policy.found import Found
from mcpgate.policy.leaves import rewritten
from mcpgate.policy.places import Places
from mcpgate.policy.sayings import Saying
from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.http import Headers
from mcpgate.wire.jsonrpc import Message
from mcpgate.wire.mcp import Sender

_NONE: Mapping[str, str] = MappingProxyType({})
#: Heads of answers that are remembered to hold nothing, or something: a server's differ by the second.
HEADS_MOST = 64


@frozen
class Masked:
    """
    What became of a message.

    @ivar raw: Its bytes as they may pass: every byte that no mask is about is as it was.
    @ivar counts: How many values each detector found and masked.
    """

    raw: bytes
    counts: Mapping[str, int]


@frozen
class Masks:
    """
    The detectors that a message is subject to. Make it with L{compile}.

    @ivar mask: Names of detectors whose finds are masked.
    @ivar block: Names of those with whose finds a message does not pass, each with the rule that says so.
    @ivar custom: The expressions that operators gave to them, and C{paths} the paths.
    """

    mask: frozenset[str]
    block: tuple[tuple[str, str], ...]
    custom: tuple[tuple[str, str], ...]
    paths: tuple[tuple[str, str], ...]
    _everything: Detectors = field(eq=False, repr=False)
    _finder: Finder = field(eq=False, repr=False)
    _hints: tuple[bytes, ...] = field(eq=False, repr=False)
    _heads: dict[Headers, bool] = field(factory=dict, eq=False, repr=False)

    @classmethod
    def compile(
        cls,
        *,
        mask: frozenset[str] = frozenset(),
        block: Mapping[str, str] = _NONE,
        custom: Mapping[str, str] = _NONE,
        paths: Mapping[str, str] = _NONE,
    ) -> Masks:
        """
        Masks, ready to be used.

        @param mask: Names of detectors whose finds are masked.
        @param block: Names of detectors with whose finds a message does not pass, each with the name of
            a rule that says so. One that is in both blocks.
        @param custom: The expressions of detectors that operators named, and C{paths} their paths, by
            name. May hold more than is used.
        @raise ValueError: A name means nothing, or an expression or a path is none.
        """
        mask = frozenset(mask - block.keys())
        used = mask | block.keys()
        custom = {name: text for name, text in custom.items() if name in used}
        paths = {name: path for name, path in paths.items() if name in used}

        def detectors(names: Iterable[str]) -> Detectors:
            return Detectors.compile(frozenset(names) - paths.keys(), custom)

        return cls(
            mask,
            tuple(sorted(block.items())),
            tuple(sorted(custom.items())),
            tuple(sorted(paths.items())),
            detectors(used),
            Finder(
                detectors(mask) if mask - paths.keys() else None,
                detectors(block) if block.keys() - paths.keys() else None,
                MappingProxyType(dict(block)),
                _roots(paths, block.keys()),
            ),
            _hints(paths.values()),
        )

    def apply(
        self,
        message: Message,
        raw: bytes,
        *,
        sender: Sender,
        asked: str | None = None,
        schema: Mapping[str, object] | None = None,
    ) -> Masked | Refusal | None:
        """
        What may pass of a message.

        @param sender: Who says it.
        @param asked: The method of the request that it answers, if it is a response to a known one.
        @param schema: The C{outputSchema} of the tool that it is a result of, if known.
        @return: C{None} where nothing was found, so that the bytes pass as they came;
            C{policy.content} or C{policy.schema} where it may not pass at all.
        """
        if not may_hold(self._everything, raw) and not (self._hints and self._hinted(raw)):
            return None
        places = Places(self._finder, self._everything, Budget(PROBED * len(raw)), sender)
        try:
            places.message(message, raw, asked, schema)
        except Withheld as withheld:
            return withheld.refusal
        if not places.edits and not places.gone:
            return None
        return Masked(places.rewritten(raw), MappingProxyType(places.counts))

    def shows(self, name: str) -> bool:
        """Whether a name or URI, which may not be changed, may be shown."""
        return not self._everything.find(name)

    @property
    def detectors(self) -> Detectors:
        """All that is looked for in texts."""
        return self._everything

    def spoken(self, raw: bytes, saying: Saying, found: Sequence[Sequence[Found]]) -> Masked | Refusal:
        """
        A message that is said bit by bit, without what was found in its texts.

        @param found: for each of the texts.
        """
        rules = dict(self.block)
        counts: dict[str, int] = {}
        edits: dict[int, str | bytes] = {}
        for number, text, finds in zip(saying.numbers, saying.texts, found, strict=True):
            for one in finds:
                if one.detector in rules:
                    return Refusal(Reason.POLICY_CONTENT, f"rule {rules[one.detector]}: {one.detector}")
                counts[one.detector] = counts.get(one.detector, 0) + 1
            if finds:
                edits[number] = spliced(text, finds, self._finder.stand_in)
        return Masked(rewritten(raw, edits), MappingProxyType(counts))

    def finds(self, text: bytes) -> str | None:
        """What is found, in words for the record, in what is no message: a comment, an error page."""
        for plain in (text, text.replace(b"\0", b"")) if b"\0" in text else (text,):
            for one in self._everything.find(plain.decode("utf-8", "replace")):
                rule = dict(self.block).get(one.detector)
                return one.detector if rule is None else f"rule {rule}: {one.detector}"
        if not may_hold(self._everything, text) and not (self._hints and self._hinted(text)):
            return None
        # It may be JSON all the same, with escapes; the official servers refuse with such.
        document = self._alone(text)
        read = text.decode("utf-8", "replace")
        try:
            return None if document.alone(read) is read else next(iter(document.counts), "a text")
        except Withheld as withheld:
            return withheld.refusal.detail

    def in_headers(self, headers: Headers) -> bool:
        """Whether something is found in a line of an answer's head."""
        known = self._heads.get(headers)
        if known is None:
            if len(self._heads) >= HEADS_MOST:
                self._heads.clear()
            together = b"\n".join([b"%b: %b" % pair for pair in headers])
            known = self.finds(together) is not None and len(self.clean_headers(headers)) < len(headers)
            self._heads[headers] = known
        return known

    def clean_headers(self, headers: Headers) -> Headers:
        """The lines of a head in which nothing is found."""
        return tuple([pair for pair in headers if self.finds(b"%b: %b" % pair) is None])

    def text(self, text: str) -> str:
        """A text that is no part of a message, as an argument of the same text is masked."""
        try:
            return self._alone(text).alone(text)
        except Withheld:
            # Nor does the message that it repeats something of.
            return ""

    def _alone(self, text: str | bytes) -> Document:
        return Document(self._finder, self._everything, Budget(PROBED * len(text)))

    def _hinted(self, raw: bytes) -> bool:
        """Whether there may be something to which a path leads."""
        return b"\\u" in raw or any(hint in raw for hint in self._hints)


def _roots(paths: Mapping[str, str], blocking: Iterable[str]) -> Step | None:
    if not paths:
        return None
    root = Step()
    for name, path in sorted(paths.items()):
        last = root
        for step in steps_of(path):
            if step == "[]":
                last.elements = last.elements or Step()
                last = last.elements
            else:
                last = last.members.setdefault(step, Step())
        # Where two have one path, one that blocks does.
        if last.detector is None or name in blocking:
            last.detector = name
    return root


def _hints(paths: Iterable[str]) -> tuple[bytes, ...]:
    """What stands in every document to which a path leads, unless something there is escaped."""
    return tuple(sorted({_hint(path) for path in paths}))


def _hint(path: str) -> bytes:
    """The last name on a path; nothing, which is everywhere, where that may be spelled in more ways."""
    names = [step for step in steps_of(path) if step != "[]"]
    plain = names and names[-1].isprintable() and not set(names[-1]) & set('"\\/')
    return names[-1].encode("utf-8") if plain else b""
