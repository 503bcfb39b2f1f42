"""A whole message, walked by the registry's places (C{wire.mcp}): each is masked as what it is.

What stands at no place is data. What must arrive as it was sent (C{wire.mcp.FIXED}) is looked at, but
cannot be changed: an item of a list goes with it, and any other message is withheld. What of it is said
again by the other side (C{leaves.OPAQUE}) is not even looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from mcpgate.policy import blobs, leaves
from mcpgate.policy.detectors import Detectors
from mcpgate.policy.documents import Budget, Document, spliced
from mcpgate.policy.finder import Finder, Withheld
from mcpgate.policy.found import Found
from mcpgate.policy.leaves import Node, any_result, node_of
from mcpgate.policy.schemas import Fitting
from mcpgate.reasons import Reason
from mcpgate.wire.jsonrpc import Message
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

#: How often a text is masked until nothing is found in it; then nothing of it is left.
AGAIN = 2
#: Characters of a text that is looked at again.
AGAIN_MOST = 64 * 1024

#: Members of a JSON Schema that hold schemas by names.
_BY_NAME = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_TIMES = frozenset({"createdAt", "lastUpdatedAt", "lastModified"})
_TIME = re.compile(r"[0-9:.TZtz+ -]{1,40}")
_UNKNOWN = Shape()
#: Errors of 2026-07-28 about what both sides can: MissingRequiredClientCapability and
#: UnsupportedProtocolVersion. In others the same members are whatever the upstream says.
_AGREEING = frozenset({-32021, -32022})


class Places(Document):
    """
    One message that is walked.

    @ivar gone: Items of lists that go, by the numbers of their first tokens, in their order.
    """

    def __init__(self, finder: Finder, everything: Detectors, budget: Budget, sender: Sender) -> None:
        super().__init__(finder, everything, budget)
        self._sender = sender
        self.gone: dict[int, None] = {}
        # Texts that go on in one another, with their numbers.
        self._run: list[tuple[int, str]] = []
        # Of the item that is walked, whether it must go; None outside of any.
        self._lost: bool | None = None

    def message(
        self, message: Message, raw: bytes, asked: str | None, schema: Mapping[str, object] | None
    ) -> None:
        """
        Walk a message.

        @raise Withheld: It may not pass.
        """
        for name, value in leaves.decode(raw).items():
            self._next += 1
            if name == "params":
                self._at(self._params(message), value)
            elif name == "result":
                fits = schema is not None and type(value) is dict and value.get("isError") is not True
                if schema is not None and fits and value.get("structuredContent") is not None:
                    self._structured = value["structuredContent"], Fitting(schema)
                self._at(self._result(asked, value), value)
            elif name == "error":
                self._at_error(value)
            else:
                self._next += leaves.size(value)
        self._end_run()

    def rewritten(self, raw: bytes) -> bytes:
        return leaves.rewritten(raw, self.edits, self.gone.keys())

    def _params(self, message: Message) -> Node:
        method = message.method or ""
        asks = message.id is not None
        if self._sender is Sender.CLIENT:
            known = CLIENT_REQUESTS.get(method) if asks else CLIENT_NOTIFICATIONS.get(method)
        else:
            known = SERVER_REQUESTS.get(method) if asks else SERVER_NOTIFICATIONS.get(method)
        return node_of(known.params if known is not None else _UNKNOWN)

    def _result(self, asked: str | None, value: object) -> Node:
        methods = CLIENT_REQUESTS if self._sender is Sender.SERVER else SERVER_REQUESTS
        known = methods.get(asked) if asked is not None else None
        if known is None or known.result is None:
            return self._any_result(value)
        node = node_of(known.result)
        return self._any_result(value) if node.holds is Holds.RESULT else node

    def _any_result(self, value: object) -> Node:
        return _answer(value) if self._sender is Sender.CLIENT else any_result(self._sender)

    # Places.

    def _at(self, node: Node, value: object) -> None:
        """What stands at a node."""
        holds = node.holds
        if holds is None:
            return self._at_step(node, value)
        if holds is Holds.JSON:
            return self.walk(value)
        if holds is Holds.RESULT:
            return self._at(self._any_result(value), value)
        if type(value) is str:
            if holds is Holds.TEXT:
                return self._text(value, node.runs)
            if holds is Holds.LINK:
                return self._link(self._take(), value)
            if holds is Holds.BYTES:
                return self._bytes(value)
        elif type(value) is dict and holds in _TREES:
            return _TREES[holds](self, value)
        self._data(value, None)

    def _at_step(self, node: Node, value: object) -> None:
        if type(value) is dict:
            if node.values is not None:
                return self._values(node.values, value)
            if node.elements is None:
                return self._members(node, value)
            if node.alone:
                return self._members(node.elements, value)
        elif type(value) is list and node.elements is not None:
            return self._elements(node, node.elements, value)
        self._data(value, None)

    def _members(self, node: Node, value: Mapping[str, object]) -> None:
        self._bound(len(value))
        known = node.members
        for name, inner in value.items():
            number = self._take()
            child = known.get(name)
            if child is not None:
                self._at(child, inner)
            elif name in leaves.OPAQUE and _is_plain(inner):
                self._next += leaves.size(inner)
            elif name in FIXED:
                self._look(inner, name)
            elif name in leaves.WORDS and _is_word(leaves.WORDS[name], inner):
                self._next += leaves.size(inner)
            else:
                self._member(name, number, inner, value)

    def _member(self, name: str, number: int, value: object, holder: Mapping[str, object]) -> None:
        """A member that no schema knows."""
        self._name(name, number, holder)
        self._data(value, None)

    def _values(self, node: Node, value: Mapping[str, object]) -> None:
        self._bound(len(value))
        for name, inner in value.items():
            self._look(name, "a name")
            self._at(node, inner)

    def _elements(self, node: Node, element: Node, value: Sequence[object]) -> None:
        self._bound(len(value))
        listed = node.listed
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
            # What was found last was found in it.
            while self.edits and next(reversed(self.edits)) >= first:
                self.edits.popitem()
            while self.gone and next(reversed(self.gone)) >= first:
                self.gone.popitem()
            self.gone[first] = None
            del self._run[texts:]
        self._lost = outer

    def _look(self, value: object, where: str) -> None:
        """What must arrive as it was sent, and so may not pass with a find."""
        if type(value) is dict:
            self._bound(len(value))
            for name, inner in value.items():
                self._look(name, where)
                self._look(inner, where)
        elif type(value) is list:
            self._bound(len(value))
            for inner in value:
                self._look(inner, where)
        else:
            self._next += 1
            if value is None or type(value) is bool:
                return
            if type(value) is not str:
                found = self._in_number(value)
            elif where in _TIMES and _TIME.fullmatch(value):
                return
            else:
                found = self._held(value)
            if found:
                self._stuck(found, where)

    def _stuck(self, found: Sequence[Found], where: str) -> None:
        """Something was found that cannot be masked."""
        self._count(found)
        if self._lost is None:
            raise Withheld(Reason.POLICY_CONTENT, f"{found[0].detector} in {where}, which may not be changed")
        self._lost = True

    # Places that hold trees.

    def _at_requests(self, value: Mapping[str, object]) -> None:
        """C{inputRequests}, whose keys are said again."""
        self._bound(len(value))
        for asked in value.values():
            self._next += 1
            if type(asked) is not dict:
                self._data(asked, None)
                continue
            known = SERVER_REQUESTS.get(str(asked.get("method")))
            for name, inner in asked.items():
                number = self._take()
                if name == "params":
                    self._at(node_of(known.params if known is not None else _UNKNOWN), inner)
                elif name == "method":
                    self._look(inner, name)
                else:
                    self._member(name, number, inner, asked)

    def _at_responses(self, value: Mapping[str, object]) -> None:
        """C{inputResponses}, under the keys of the requests."""
        self._bound(len(value))
        for result in value.values():
            self._next += 1
            self._at(_answer(result), result)

    def _at_error(self, value: object) -> None:
        if type(value) is not dict:
            return self._data(value, None)
        known = node_of(ERROR).members
        code = value.get("code")
        agrees = type(code) is int and code in _AGREEING
        for name, inner in value.items():
            number = self._take()
            if name == "code" and type(inner) is int:
                self._next += 1
            elif name == "data" and type(inner) is dict:
                self._at_error_data(inner, agrees)
            elif name in known:
                self._at(known[name], inner)
            else:
                self._member(name, number, inner, value)

    def _at_error_data(self, value: Mapping[str, object], agrees: bool) -> None:
        self._bound(len(value))
        for name, inner in value.items():
            number = self._take()
            if agrees and name in FIXED_ERROR_DATA:
                self._next += leaves.size(inner)
            elif name == "elicitations" and type(inner) is list:
                # URLs that must be visited first (-32042 of 2025-11-25): each as in the request for one.
                for one in inner:
                    self._at(node_of(SERVER_REQUESTS["elicitation/create"].params), one)
            else:
                self._member(name, number, inner, value)

    def _at_meta(self, value: Mapping[str, object]) -> None:
        self._bound(len(value))
        for name, inner in value.items():
            number = self._take()
            if name in FIXED_META and _is_plain(inner):
                self._next += leaves.size(inner)
            elif name in FIXED_META and type(inner) is dict:
                self._bound(len(inner))
                self._members(node_of(_UNKNOWN), inner)
            else:
                self._member(name, number, inner, value)

    def _at_schema(self, value: Mapping[str, object]) -> None:
        """A JSON Schema: its texts are masked, and its grammar may not be changed."""
        self._bound(len(value))
        for name, inner in value.items():
            self._look(name, "a schema")
            if name in SCHEMA_TEXT:
                self._data(inner, None)
            elif type(inner) is dict and name in _BY_NAME:
                for named, schema in inner.items():
                    self._look(named, "a schema")
                    self._grammar(schema)
            elif type(inner) is list:
                for one in inner:
                    self._grammar(one)
            else:
                self._grammar(inner)

    def _grammar(self, value: object) -> None:
        if type(value) is dict:
            self._at_schema(value)
        else:
            self._look(value, "a schema")

    # Leaves.

    def _text(self, text: str, runs: bool) -> None:
        """A text for people."""
        number = self._take()
        inner = self._inside(text)
        if runs:
            if inner is not text:
                self.edits[number] = inner
            self._looked(1)
            self._run.append((number, inner))
            return
        masked = self._freely(inner, self._find(inner))
        if masked is not text:
            self.edits[number] = masked

    def _end_run(self) -> None:
        """Texts that follow one another are looked at together too."""
        finds = self._finder.found_across([text for _, text in self._run], self._budget.effort)
        for (number, text), found in zip(self._run, finds, strict=True):
            if found:
                self.edits[number] = self._freely(text, found)

    def _freely(self, text: str, found: Sequence[Found]) -> str:
        """A text with words in the place of what was found."""
        if not found:
            return text
        self._count(found)
        masked = spliced(text, found, self._finder.stand_in)
        # What stands beside a mask may become a find with it. That takes an odd expression, and as long
        # again as the first look.
        if len(masked) > AGAIN_MOST:
            return masked
        for _ in range(AGAIN):
            if self._finder.clean(masked):
                return masked
            masked = spliced(masked, self._find(masked), self._finder.stand_in)
        return ""

    def _bytes(self, text: str) -> None:
        """Base64 where the protocol has it."""
        number = self._take()
        content = self._opened(text)
        plain = blobs.as_text(content) if content is not None else None
        if plain is None:
            found = self._in_bytes(text, content)
            if found:
                self._stuck(found, "bytes")
            return
        inner = self._inside(plain)
        masked = self._freely(inner, self._find(inner))
        if masked is not plain:
            self.edits[number] = blobs.closed(masked.encode("utf-8"), text)


_TREES: Mapping[Holds, Callable[[Places, dict[str, object]], None]] = MappingProxyType(
    {
        Holds.META: Places._at_meta,
        Holds.SCHEMA: Places._at_schema,
        Holds.REQUESTS: Places._at_requests,
        Holds.RESPONSES: Places._at_responses,
        Holds.ERROR: Places._at_error,
    }
)


def _answer(value: object) -> Node:
    """What a client's answer is, told by itself."""
    if type(value) is not dict:
        return node_of(_UNKNOWN)
    result = SERVER_REQUESTS[leaves.answered(value)].result
    assert result is not None
    return node_of(result)


def _is_plain(value: object) -> bool:
    """Whether it is what is said again: a text or a number, or some of them. What is built is data."""
    if type(value) is list:
        return not any(type(each) in (dict, list) for each in value)
    return type(value) is not dict


def _is_word(words: frozenset[str], value: object) -> bool:
    if type(value) is str:
        return value in words
    return type(value) is list and all(type(each) is str and each in words for each in value)
