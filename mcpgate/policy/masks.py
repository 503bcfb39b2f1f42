"""Masks: what of a message may not pass, and what stands in its place.

A message in which nothing is found passes in its own bytes. It is found out by one look at them
(C{Detectors.suspicious}), and by few more at what that look cannot see: base64, C{data:} and escaped
URIs, and text that is JSON with escapes of its own. Only then it is walked, leaf by leaf, and what is
found is replaced in the bytes (C{policy.leaves}).

Every string, number and name of a member below C{params}, C{result} and C{error} is reached. What
becomes of a find there is told by what the registry says of the place:

 - text for people gets a word in brackets, C{[email]};
 - data (C{structuredContent}, C{arguments}, C{_meta}, members that no schema knows) gets a value of the
   same type, and of the same form where the whole value was found; a name of a member stays one of its
   own; what a tool's output schema does not let stand is C{policy.schema} (C{policy.schemas});
 - a URI that is only opened leads nowhere; base64 is masked as the text that it encodes (C{policy.blobs});
 - text that is JSON itself, mostly the copy of C{structuredContent}, is walked as that;
 - what both sides say again, names and URIs of tools, prompts and resources, may not be changed: an
   item of a list goes, and anything else is withheld (C{policy.content});
 - ids, cursors and the like (C{leaves.OPAQUE}) are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

import msgspec
from attrs import field, frozen

from mcpgate.policy import blobs, leaves
from mcpgate.policy.detectors import Detectors, Found
from mcpgate.policy.leaves import Fraction, Node, any_result, node_of, spelled
from mcpgate.policy.regex import Regex
from mcpgate.policy.schemas import NOTHING, Fitting
from mcpgate.policy.texts import find_across
from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.jsonrpc import DEPTH_MOST, RESPONSE, Message
from mcpgate.wire.mcp import (
    CLIENT_NOTIFICATIONS,
    CLIENT_REQUESTS,
    ERROR,
    FIXED,
    FIXED_ERROR_DATA,
    FIXED_META,
    SCHEMA_TEXT,
    SERVER_NOTIFICATIONS,
    SERVER_REQUESTS,
    Holds,
    Sender,
    Shape,
)

#: Leaves that are walked in one message, those of JSON within texts too. A hundred thousand are a table
#: of ten thousand rows; they take two tenths of a second, in which nothing else is served.
LEAVES_MOST = 100_000
#: Values that are masked in one message. Who lists more of them has no message left worth reading.
MASKED_MOST = 10_000
#: How often a text is masked until nothing is found in it; then nothing of it is left.
AGAIN = 2
#: How deep JSON is looked for in texts of JSON. Two levels are met with: a tool that hands on an answer.
WITHIN_MOST = 3

# What the one look cannot see through, in a document: base64 and data of links by their members and
# schemes, escapes of URIs, and escaped escapes. Members that are spelled with escapes are suspicious.
_COVERED = Regex(r'"blob"\s*:|"data"\s*:\s*"|(?i:data:)|%[2-7][0-9A-Fa-f]|\\\\', captures=False)
_JSON = re.compile(r"\s*[\[{]")
_ESCAPED = re.compile(r"\\u([0-9A-Fa-f]{4})|\\(/)")
_TIME = re.compile(r"[0-9:.TZtz+ -]{1,40}")
_STEP = re.compile(r"([^.\[\]]+|(?=\[))((?:\[\])*)")

_DATA_MEMBERS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_TIMES = frozenset({"createdAt", "lastUpdatedAt", "lastModified"})


class Withheld(Exception):
    """The message may not pass."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason)
        self.refusal = Refusal(reason, detail)


class _Strange(Exception):
    """A text is no document that can be walked."""


@frozen
class Masked:
    """
    What became of a message.

    @ivar raw: Its bytes as they may pass: every byte that no mask is about is as it was.
    @ivar counts: How many values each detector found and masked.
    """

    raw: bytes
    counts: Mapping[str, int]


class Step:
    """One step of the paths at which values are masked whatever they are."""

    __slots__ = ("detector", "elements", "members")

    def __init__(self) -> None:
        self.members: dict[str, Step] = {}
        self.elements: Step | None = None
        self.detector: str | None = None


def steps_of(path: str) -> list[str]:
    """
    The steps of a path such as C{customer.cards[].number}, C{"[]"} for the elements of an array.

    @raise ValueError: It is none.
    """
    steps: list[str] = []
    for part in path.split("."):
        match = _STEP.fullmatch(part)
        if match is None or not part or (steps and not match[1]):
            raise ValueError(f"{path!r} is not a path of members, such as customer.cards[].number")
        steps += [match[1]] if match[1] else []
        steps += ["[]"] * (len(match[2]) // 2)
    return steps


@frozen
class Masks:
    """
    The detectors that a message is subject to. Make it with L{compile}.

    @ivar mask: Names of detectors whose finds are masked.
    @ivar block: Names of those with whose finds a message does not pass, each with the rule that says so.
    @ivar custom: The expressions that operators gave to names, and the paths.
    """

    mask: frozenset[str]
    block: tuple[tuple[str, str], ...]
    custom: tuple[tuple[str, str], ...]
    paths: tuple[tuple[str, str], ...]
    _all: Detectors = field(eq=False, repr=False)
    _masking: Detectors | None = field(eq=False, repr=False)
    _blocking: Detectors | None = field(eq=False, repr=False)
    _roots: Step | None = field(eq=False, repr=False)
    _hints: tuple[bytes, ...] = field(eq=False, repr=False)

    @classmethod
    def compile(
        cls,
        *,
        mask: frozenset[str] = frozenset(),
        block: Mapping[str, str] = MappingProxyType({}),
        custom: Mapping[str, str] = MappingProxyType({}),
        paths: Mapping[str, str] = MappingProxyType({}),
    ) -> Masks:
        """
        Masks, ready to be used.

        @param mask: Names of detectors whose finds are masked.
        @param block: Names of detectors with whose finds a message does not pass, each with the name of
            a rule that says so. One that is in both blocks.
        @param custom: The operator's expressions by their detector's name; C{paths}: the paths. May hold
            more than is used.
        @raise ValueError: A name means nothing, or an expression or a path is none.
        """
        mask = mask - block.keys()
        used = mask | block.keys()
        expressions = {name: text for name, text in custom.items() if name in used}
        places = {name: path for name, path in paths.items() if name in used}

        def detectors(names: Iterable[str]) -> Detectors:
            return Detectors.compile(frozenset(names) - places.keys(), expressions)

        roots = Step() if places else None
        hints = set()
        for name, path in places.items():
            assert roots is not None
            last = roots
            for step in steps_of(path):
                if step == "[]":
                    last.elements = last.elements or Step()
                    last = last.elements
                else:
                    last = last.members.setdefault(step, Step())
                    hint = step
            # Where two detectors have one path, one that blocks comes first.
            if last.detector is None or name in block:
                last.detector = name
            hints.add(hint.encode("utf-8") if hint.isascii() and hint.isprintable() else b"")
        both = detectors(used)
        return cls(
            mask,
            tuple(sorted(block.items())),
            tuple(sorted(expressions.items())),
            tuple(sorted(places.items())),
            both,
            detectors(mask) if mask - places.keys() else None,
            detectors(block) if block.keys() - places.keys() else None,
            roots,
            tuple(sorted(hints)),
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
        if not self._all.suspicious(raw) and not _COVERED.hits(raw) and not self._named(raw):
            return None
        walk = _Walk(self, sender)
        try:
            walk.message(message, raw, asked, schema)
        except Withheld as withheld:
            return withheld.refusal
        if not walk.edits and not walk.gone:
            return None
        return Masked(walk.rewritten(raw), MappingProxyType(walk.counts))

    def shows(self, name: str) -> bool:
        """Whether a name or URI, which may not be changed, may be shown as it is."""
        return not self._all.find(name)

    def _named(self, raw: bytes) -> bool:
        """Whether a member may stand in a document that a path leads to."""
        return any(hint in raw for hint in self._hints) or (bool(self._hints) and b"\\u" in raw)

    def found(self, text: str) -> Sequence[Found]:
        """
        What is to be masked in a text.

        @raise Withheld: Something is found with which it does not pass.
        """
        if self._blocking is not None:
            for one in self._blocking.find(text):
                raise self.blocked(one.detector)
        return self._masking.find(text) if self._masking is not None else ()

    def found_across(self, texts: Sequence[str]) -> Sequence[Sequence[Found]]:
        """
        The same, of texts that follow one another, and also of what goes on from one to the next.

        @raise Withheld: As above.
        """
        if self._blocking is not None:
            for finds in find_across(texts, self._blocking):
                for one in finds:
                    raise self.blocked(one.detector)
        return find_across(texts, self._masking) if self._masking is not None else [()] * len(texts)

    def blocked(self, detector: str) -> Withheld:
        """That a message does not pass with such a find."""
        return Withheld(Reason.POLICY_CONTENT, f"rule {dict(self.block)[detector]}: {detector}")

    def blocks(self, detector: str) -> bool:
        """Whether a message does not pass with such a find."""
        return any(name == detector for name, _ in self.block)

    def stand_in(self, detector: str, text: str) -> str:
        """What stands in the place of a find in free text."""
        known = self._masking is not None and detector in self._masking.names
        return self._masking.stand_in(detector) if known else f"[{detector}]"  # type: ignore[union-attr]

    def stand_in_like(self, detector: str, text: str) -> str:
        """The same where a form is to be kept."""
        known = self._masking is not None and detector in self._masking.names
        if not known:
            return f"[{detector}]"
        return self._masking.stand_in_like(detector, text)  # type: ignore[union-attr]

    def clean(self, text: str) -> bool:
        """Whether nothing is left to be masked."""
        return self._masking is None or not self._masking.find(text)

    def found_at_least(self, text: str, least: int) -> Sequence[Found]:
        """
        What is found of some length, in what is no text.

        @raise Withheld: As above.
        """
        for detectors in (self._blocking, self._masking):
            for one in detectors.find(text) if detectors is not None else ():
                if one.end - one.start >= least:
                    if detectors is self._blocking:
                        raise self.blocked(one.detector)
                    return (one,)
        return ()

    @property
    def roots(self) -> Step | None:
        """Where the paths begin."""
        return self._roots


class _Walk:
    """
    One walk over a document.

    @ivar edits: What stands in the place of a token, by its number.
    @ivar gone: The first tokens of items that go.
    @ivar counts: How many values each detector found.
    """

    def __init__(self, masks: Masks, sender: Sender, outer: _Walk | None = None) -> None:
        self._masks = masks
        self._sender = sender
        self.edits: dict[int, bytes] = {}
        self.gone: set[int] = set()
        self.counts: dict[str, int] = {}
        # The number of the next token, and how many were counted in documents around and before.
        self._next = 0
        self._before = outer._before + outer._next if outer is not None else 0
        self._within = outer._within + 1 if outer is not None else 0
        self._base64 = outer._base64 if outer is not None else 0
        # Texts that go on in one another, with their numbers.
        self._run: list[tuple[int, str]] = []
        # Of the item that is walked, whether it must go; None outside of any.
        self._lost: bool | None = None
        self._path: list[str | int] = []
        # Whether somebody may read what is walked by a schema, and the one, if it is known.
        self._formal = False
        self._fitting: Fitting | None = None
        self._schema: tuple[object, Mapping[str, object]] | None = None
        # Names in which nothing was found, and how often a name was given in one object.
        self._clean: set[str] = set()
        self._named: dict[tuple[int, str], int] = {}

    # The document.

    def message(
        self, message: Message, raw: bytes, asked: str | None, schema: Mapping[str, object] | None
    ) -> None:
        """Walk a whole message."""
        document = leaves.decode(raw)
        assert type(document) is dict
        for name, value in document.items():
            self._next += 1
            if name == "params":
                self._at(self._params(message), value)
            elif name == "result":
                if schema is not None and type(value) is dict and value.get("isError") is not True:
                    self._schema = value.get("structuredContent"), schema
                self._at(self._result(asked, value), value)
            elif name == "error":
                self._at_error(value)
            else:
                self._next += leaves.size(value)
        self._end_run()

    def rewritten(self, raw: bytes) -> bytes:
        """The document with what was found."""
        return leaves.rewritten(raw, self.edits, self.gone, max((*self.edits, *self.gone)))

    def _params(self, message: Message) -> Node:
        method = message.method or ""
        asks = message.id is not None
        if self._sender is Sender.CLIENT:
            known = CLIENT_REQUESTS.get(method) if asks else CLIENT_NOTIFICATIONS.get(method)
        else:
            known = SERVER_REQUESTS.get(method) if asks else SERVER_NOTIFICATIONS.get(method)
        return node_of(known.params if known is not None else Shape())

    def _result(self, asked: str | None, value: object) -> Node:
        methods = CLIENT_REQUESTS if self._sender is Sender.SERVER else SERVER_REQUESTS
        known = methods.get(asked) if asked is not None else None
        if known is None or known.result is None:
            return self._any_result(value)
        node = node_of(known.result)
        return self._any_result(value) if node.holds is Holds.RESULT else node

    def _any_result(self, value: object) -> Node:
        if self._sender is Sender.CLIENT:
            return _answer(value)
        return any_result(self._sender)

    # Places of the protocol.

    def _at(self, node: Node, value: object, holder: Mapping[str, object] | None = None) -> None:
        """What stands at a node; C{holder}: the object that it is a member of."""
        holds = node.holds
        if holds is not None:
            if type(value) is str:
                if holds is Holds.TEXT:
                    return self._text(value, node.runs)
                if holds is Holds.LINK:
                    return self._link(value)
                if holds is Holds.BYTES:
                    return self._bytes(value)
            elif type(value) is dict:
                inner = _TREES.get(holds)
                if inner is not None:
                    return inner(self, value)
            if holds is Holds.RESULT:
                return self._at(self._any_result(value), value)
            if holds is Holds.JSON:
                return self._document(value)
            return self._data(value, None)
        if type(value) is dict:
            if node.values is not None:
                return self._values(node.values, value)
            if node.elements is None:
                return self._members(node, value)
            if node.alone:
                return self._members(node.elements, value)
        elif type(value) is list and node.elements is not None:
            return self._elements(node, value)
        self._data(value, None)

    def _members(self, node: Node, value: Mapping[str, object]) -> None:
        self._bound(value)
        known = node.members
        for name, inner in value.items():
            number = self._next
            self._next = number + 1
            child = known.get(name)
            if child is not None:
                self._at(child, inner, value)
            elif name in leaves.OPAQUE:
                self._next += leaves.size(inner)
            elif name in FIXED:
                self._look(inner, name)
            elif name in leaves.WORDS and _is_word(leaves.WORDS[name], inner):
                self._next += leaves.size(inner)
            else:
                self._name(name, number, value)
                self._data(inner, None)

    def _values(self, node: Node, value: Mapping[str, object]) -> None:
        self._bound(value)
        for name, inner in value.items():
            self._look(name, "a name")
            self._at(node, inner)

    def _elements(self, node: Node, value: Sequence[object]) -> None:
        listed, element = node.listed, node.elements
        assert element is not None
        self._bound(value)
        for item in value:
            if (
                listed is not None
                and listed.member
                and type(item) is dict
                and (listed.type is None or item.get("type") == listed.type)
            ):
                self._item(element, item)
            else:
                self._at(element, item)

    def _item(self, node: Node, item: Mapping[str, object]) -> None:
        """An item of a list, which may go."""
        first, texts, outer = self._next, len(self._run), self._lost
        self._lost = False
        self._at(node, item)
        if self._lost:
            for number in [number for number in self.edits if number >= first]:
                del self.edits[number]
            self.gone = {number for number in self.gone if number < first} | {first}
            del self._run[texts:]
        self._lost = outer

    def _look(self, value: object, where: str) -> None:
        """What must arrive as it was sent, and so may not pass with a find."""
        self._bound(value)
        if type(value) is dict:
            for name, inner in value.items():
                self._look(name, where)
                self._look(inner, where)
        elif type(value) is list:
            for inner in value:
                self._look(inner, where)
        else:
            self._next += 1
            if type(value) is str:
                if where in _TIMES and _TIME.fullmatch(value):
                    return
                found = self._masks.found(value)
            elif value is None or type(value) is bool:
                return
            else:
                found = self._in_number(value)
            if found:
                self._stuck(found, where)

    def _stuck(self, found: Sequence[Found], where: str) -> None:
        """Something was found that cannot be masked."""
        self._count(found)
        if self._lost is None:
            raise Withheld(Reason.POLICY_CONTENT, f"{found[0].detector} in {where}, which may not be changed")
        self._lost = True

    # What whole places hold.

    def _at_requests(self, value: Mapping[str, object]) -> None:
        """C{inputRequests}, whose keys are said again."""
        self._bound(value)
        for asked in value.values():
            self._next += 1
            if type(asked) is not dict:
                self._data(asked, None)
                continue
            known = SERVER_REQUESTS.get(str(asked.get("method")))
            params = node_of(known.params if known is not None else Shape())
            for name, inner in asked.items():
                number = self._next
                self._next = number + 1
                if name == "params":
                    self._at(params, inner)
                elif name == "method":
                    self._look(inner, name)
                else:
                    self._name(name, number, asked)
                    self._data(inner, None)

    def _at_responses(self, value: Mapping[str, object]) -> None:
        """C{inputResponses}, under the keys of the requests."""
        self._bound(value)
        for result in value.values():
            self._next += 1
            self._at(_answer(result), result)

    def _at_error(self, value: object) -> None:
        if type(value) is not dict:
            return self._data(value, None)
        for name, inner in value.items():
            number = self._next
            self._next = number + 1
            if name == "code":
                self._next += leaves.size(inner)
            elif name == "data" and type(inner) is dict:
                self._at_error_data(inner)
            elif name in node_of(ERROR).members:
                self._at(node_of(ERROR).members[name], inner)
            else:
                self._name(name, number, value)
                self._data(inner, None)

    def _at_error_data(self, value: Mapping[str, object]) -> None:
        self._bound(value)
        for name, inner in value.items():
            number = self._next
            self._next = number + 1
            if name in FIXED_ERROR_DATA:
                self._next += leaves.size(inner)
            elif name == "elicitations" and type(inner) is list:
                # Of URLs that must be visited first (-32042): the params of as many requests.
                asked = node_of(SERVER_REQUESTS["elicitation/create"].params)
                for one in inner:
                    self._at(asked, one)
            else:
                self._name(name, number, value)
                self._data(inner, None)

    def _at_meta(self, value: Mapping[str, object]) -> None:
        self._bound(value)
        for name, inner in value.items():
            number = self._next
            self._next = number + 1
            if name in FIXED_META:
                self._next += leaves.size(inner)
            else:
                self._name(name, number, value)
                self._data(inner, None)

    def _at_schema(self, value: Mapping[str, object]) -> None:
        """A JSON Schema: its texts are masked, and its grammar may not be changed."""
        self._bound(value)
        for name, inner in value.items():
            self._look(name, "a schema")
            if name in SCHEMA_TEXT:
                self._data(inner, None)
            elif type(inner) is dict and name in _DATA_MEMBERS:
                for named, schema in inner.items():
                    self._look(named, "a schema")
                    if type(schema) is dict:
                        self._at_schema(schema)
                    else:
                        self._look(schema, "a schema")
            elif type(inner) is dict:
                self._at_schema(inner)
            elif type(inner) is list:
                for one in inner:
                    if type(one) is dict:
                        self._at_schema(one)
                    else:
                        self._look(one, "a schema")
            else:
                self._look(inner, "a schema")

    # Data.

    def _document(self, value: object) -> None:
        """JSON, to which paths lead, and of a tool perhaps a schema."""
        if self._schema is not None and value is self._schema[0]:
            self._fitting = Fitting(self._schema[1])
        self._formal = True
        self._data(value, self._masks.roots)
        self._fitting, self._formal = None, False

    def _data(self, value: object, step: Step | None) -> None:
        kind = type(value)
        if step is not None and step.detector is not None:
            self._whole(value, step.detector)
        elif kind is str:
            self._string(value)  # type: ignore[arg-type]
        elif kind is dict:
            self._bound(value)
            path = self._path
            path.append("")
            for name, inner in value.items():  # type: ignore[attr-defined]
                number = self._next
                self._next = number + 1
                if name not in self._clean:
                    self._name(name, number, value)  # type: ignore[arg-type]
                path[-1] = name
                self._data(inner, step.members.get(name) if step is not None else None)
            path.pop()
        elif kind is list:
            self._bound(value)
            path = self._path
            path.append(0)
            below = step.elements if step is not None else None
            for index, inner in enumerate(value):  # type: ignore[arg-type]
                path[-1] = index
                self._data(inner, below)
            path.pop()
        else:
            number = self._next
            self._next = number + 1
            if kind is not bool and value is not None:
                found = self._in_number(value)
                if found:
                    self._count(found)
                    self._replace_number(number, value, found[0].detector)

    def _bound(self, value: object) -> None:
        """Bound the walk: what cannot be looked into may not pass."""
        more = len(value) if type(value) is dict or type(value) is list else 0
        if self._before + self._next + more > LEAVES_MOST:
            raise Withheld(Reason.POLICY_CONTENT, f"more than {LEAVES_MOST} values to look into")
        if len(self._path) > DEPTH_MOST:
            raise _Strange

    def _in_number(self, value: object) -> Sequence[Found]:
        if type(value) is Fraction:
            return self._masks.found(value) or self._masks.found(f"{float(value):.0f}")
        return self._masks.found(str(value))

    def _replace_number(self, number: int, value: object, detector: str) -> None:
        new, old = (0.0, float(value)) if type(value) is Fraction else (0, value)
        if self._fitting is not None and (
            self._fitting.differs(self._path) or not self._fitting.leaf(self._path, old, new)
        ):
            raise _no_fit(detector)
        self.edits[number] = spelled(new)

    def _name(self, name: str, number: int, holder: Mapping[str, object]) -> None:
        """The name of a member, which must stay one of its own."""
        found = self._masks.found(name)
        if not found:
            self._clean.add(name)
            return
        self._count(found)
        new = made = _spliced(name, found, self._masks.stand_in)
        count = self._named.get((id(holder), made), 0)
        while count or new in holder:
            count += 1
            new = f"{made} {count}"
            if new not in holder:
                break
        self._named[id(holder), made] = max(count, 1)
        if self._fitting is not None and not self._fitting.key(self._path[:-1], name, new):
            raise _no_fit(found[0].detector)
        self.edits[number] = spelled(new)

    def _string(self, text: str) -> None:
        """A string that is data."""
        number = self._next
        self._next = number + 1
        if blobs.data_of(text) is not None:
            return self._link_at(number, text)
        inner = self._inside(text)
        found = self._masks.found(inner)
        if found:
            self._count(found)
        elif inner is text:
            return
        self.edits[number] = spelled(self._choose(text, inner, found))

    def _choose(self, old: str, text: str, found: Sequence[Found]) -> str:
        """What stands in the place of a string that is data."""
        fitting, masks = self._fitting, self._masks
        detector = found[0].detector if found else "a text"
        if fitting is not None and fitting.differs(self._path):
            # One of its own, as no other may be equal.
            number = self._before + self._next
            candidates = [f"[{detector} {number}]", f"masked{number}@masked.invalid"]
        else:
            candidates = [_spliced(text, found, masks.stand_in)]
            if self._formal and len(found) == 1 and not (text[: found[0].start] + text[found[0].end :]).strip():
                candidates.insert(0, _spliced(text, found, masks.stand_in_like))
        if fitting is None:
            return next(filter(masks.clean, candidates), "")
        candidates.append(_spliced(text, found, _alike))
        candidates += dict.fromkeys(NOTHING.values())
        for candidate in candidates:
            if fitting.leaf(self._path, old, candidate) and masks.clean(candidate):
                return candidate
        raise _no_fit(detector)

    def _whole(self, value: object, detector: str) -> None:
        """What a path leads to: masked whatever it is, but for its type."""
        self._bound(value)
        if type(value) is dict or type(value) is list:
            items = value.items() if type(value) is dict else enumerate(value)
            self._path.append("")
            for name, inner in items:
                if type(value) is dict:
                    self._next += 1
                    self._name(name, self._next - 1, value)
                self._path[-1] = name
                self._whole(inner, detector)
            self._path.pop()
            return
        number = self._next
        self._next = number + 1
        if value is None:
            return
        if self._masks.blocks(detector):
            raise self._masks.blocked(detector)
        if type(value) is str:
            if value == self._masks.stand_in(detector, value):
                return
            self._count([Found(0, len(value), detector)])
            self.edits[number] = spelled(self._choose(value, value, [Found(0, len(value), detector)]))
        elif type(value) is bool:
            self._count([Found(0, 0, detector)])
            if self._fitting is not None and not self._fitting.leaf(self._path, value, False):
                raise _no_fit(detector)
            self.edits[number] = b"false"
        else:
            self._count([Found(0, 0, detector)])
            self._replace_number(number, value, detector)

    # Texts.

    def _text(self, text: str, runs: bool) -> None:
        """A text for people."""
        number = self._next
        self._next = number + 1
        inner = self._inside(text)
        if inner is not text:
            self.edits[number] = spelled(inner)
        if runs:
            self._run.append((number, inner))
            return
        masked = self._freely(inner, self._masks.found(inner))
        if masked is not text:
            self.edits[number] = spelled(masked)

    def _end_run(self) -> None:
        """Texts that follow one another are looked at together too."""
        texts = [text for _, text in self._run]
        if not texts:
            return
        if len(texts) == 1:
            finds: Sequence[Sequence[Found]] = [self._masks.found(texts[0])]
        else:
            finds = self._masks.found_across(texts)
        for (number, text), found in zip(self._run, finds, strict=True):
            if found:
                self.edits[number] = spelled(self._freely(text, found))

    def _freely(self, text: str, found: Sequence[Found]) -> str:
        """A text with words in the place of what was found."""
        if not found:
            return text
        self._count(found)
        masked = _spliced(text, found, self._masks.stand_in)
        # What stands beside a mask may become a find with it.
        for _ in range(AGAIN):
            if self._masks.clean(masked):
                return masked
            masked = _spliced(masked, self._masks.found(masked), self._masks.stand_in)
        return ""

    def _inside(self, text: str) -> str:
        """A text without what is found in the JSON that it is, or behind escapes."""
        if not text or self._within >= WITHIN_MOST or not _JSON.match(text):
            return self._behind_escapes(text)
        raw = text.encode("utf-8")
        try:
            value = leaves.decode(raw)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            return self._behind_escapes(text)
        inner = _Walk(self._masks, self._sender, self)
        if self._schema is not None and value == self._schema[0]:
            # The copy of what is structured: masked in the same way.
            inner._schema = value, self._schema[1]
        try:
            inner._document(value)
        except _Strange:
            return self._behind_escapes(text)
        self._before += inner._next
        if not inner.edits:
            # As a member that stands there twice is not walked, but not seen by anybody either.
            return text if inner._next == leaves.tokens(raw) else self._behind_escapes(text)
        if inner._next != leaves.tokens(raw):
            return self._behind_escapes(text)
        for detector, count in inner.counts.items():
            self.counts[detector] = self.counts.get(detector, 0) + count
        return inner.rewritten(raw).decode("utf-8")

    def _behind_escapes(self, text: str) -> str:
        """A text that is no JSON, or not of one reading, but has its escapes."""
        if "\\u" not in text and "\\/" not in text:
            return text
        plain = _ESCAPED.sub(_plain, text)
        found = self._masks.found(plain)
        if len(found) > len(self._masks.found(text)):
            return self._freely(plain, found)
        return text

    # URIs and bytes.

    def _link(self, link: str) -> None:
        number = self._next
        self._next = number + 1
        self._link_at(number, link)

    def _link_at(self, number: int, link: str) -> None:
        data = blobs.data_of(link)
        if data is None:
            found = self._masks.found(link) or self._masks.found(blobs.unquoted(link))
        elif data[0]:
            found = self._in_bytes(blobs.unquoted(data[1]))
        else:
            found = self._masks.found(link) or self._masks.found(blobs.unquoted(data[1]))
        if found:
            self._count(found)
            self.edits[number] = spelled(blobs.masked_link(link))

    def _bytes(self, text: str) -> None:
        """Base64 where the protocol has it."""
        number = self._next
        self._next = number + 1
        content = self._opened(text)
        plain = blobs.as_text(content) if content is not None else None
        if plain is None:
            found = self._in_bytes(text)
            if found:
                self._stuck(found, "bytes")
            return
        inner = self._inside(plain)
        masked = self._freely(inner, self._masks.found(inner))
        if masked is not plain:
            self.edits[number] = spelled(blobs.closed(masked.encode("utf-8"), text))

    def _opened(self, text: str) -> bytes | None:
        self._base64 += len(text)
        if self._base64 > blobs.BASE64_MOST:
            raise Withheld(Reason.POLICY_CONTENT, f"more than {blobs.BASE64_MOST} characters of base64")
        return blobs.opened(text)

    def _in_bytes(self, text: str) -> Sequence[Found]:
        """What is found in base64 that is not changed in place."""
        content = self._opened(text)
        if content is None:
            found = self._masks.found(text)
            return found or self._seen(blobs.opened_anyhow(text))
        plain = blobs.as_text(content)
        if plain is None:
            return self._seen(content)
        counts = dict(self.counts)
        masked = self._inside(plain)
        found = self._masks.found(masked)
        if masked is not plain and not found:
            found = [Found(0, 0, name) for name in self.counts if self.counts[name] != counts.get(name)]
        self.counts = counts
        return found

    def _seen(self, content: bytes) -> Sequence[Found]:
        """What is found in bytes that are no text."""
        least = blobs.BELIEVED if blobs.is_media(content) else 1
        for view in blobs.views(content):
            found = self._masks.found_at_least(view, least)
            if found:
                return found
        return ()

    def _count(self, found: Iterable[Found]) -> None:
        for one in found:
            self.counts[one.detector] = self.counts.get(one.detector, 0) + 1
        if sum(self.counts.values()) > MASKED_MOST:
            raise Withheld(Reason.POLICY_CONTENT, f"more than {MASKED_MOST} values to mask")


_TREES: Mapping[Holds, Callable[[_Walk, dict[str, object]], None]] = MappingProxyType(
    {
        Holds.META: _Walk._at_meta,
        Holds.SCHEMA: _Walk._at_schema,
        Holds.REQUESTS: _Walk._at_requests,
        Holds.RESPONSES: _Walk._at_responses,
        Holds.ERROR: _Walk._at_error,
    }
)


def _answer(value: object) -> Node:
    """What a client's answer is, told by itself."""
    if type(value) is not dict:
        return node_of(Shape())
    result = SERVER_REQUESTS[leaves.answered(value)].result
    assert result is not None
    return node_of(result)


def _is_word(words: frozenset[str], value: object) -> bool:
    if type(value) is str:
        return value in words
    return type(value) is list and all(type(each) is str and each in words for each in value)


def _no_fit(detector: str) -> Withheld:
    return Withheld(Reason.POLICY_SCHEMA, f"{detector} where the output schema lets nothing else stand")


def _plain(escape: re.Match[str]) -> str:
    code = int(escape[1], 16) if escape[1] is not None else ord(escape[2])
    return escape[0] if 0xD800 <= code < 0xE000 else chr(code)


def _spliced(text: str, found: Iterable[Found], stand: Callable[[str, str], str]) -> str:
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
    signs = ("0" if sign.isdigit() else ("X" if sign.isupper() else "x") if sign.isalpha() else sign for sign in text)
    return "".join(signs)
