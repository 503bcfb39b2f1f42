"""The leaves of a message: what holds at each, and how one of them is replaced in the bytes as they came.

Two views of one document are joined here. The decoded value says what a leaf is, by the registry's
L{Shape}s (C{wire.mcp}), compiled to L{Node}s that are walked along with the value. The raw bytes say
where it stands: members and elements keep their order in both, so the n-th key, string, number or
literal of the value is the n-th token of the bytes. A leaf is replaced by its number; every byte of
white space, every other number's spelling and every other string's escapes stay as they are.

That holds for documents without duplicate members, as C{wire.jsonrpc.parse} proves of messages. Who
decodes other text counts its tokens (L{tokens}) and compares.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Set
from functools import cache
from itertools import islice
from types import MappingProxyType

import msgspec
from attrs import Factory, define

from mcpgate.wire.mcp import (
    CLIENT_REQUESTS,
    SERVER_REQUESTS,
    Holds,
    Listed,
    Place,
    Sender,
    Shape,
)

# Possessive, so that no step is remembered: twenty megabytes of escapes are walked in a tenth of a second.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?[0-9][0-9.eE+-]*+|true|false|null', re.DOTALL)
_BRACKET = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]', re.DOTALL)
#: Bytes of a string whose escapes are counted: a tenth of a second, if it is full of them.
RESPELLED_MOST = 256 * 1024

# Of a string: what stands as it is, or one character that is escaped.
_PART = re.compile(
    rb'[^"\\]++|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[0-9a-fA-F]{4}|\\u[0-9a-fA-F]{4}|\\.', re.DOTALL
)
_SPACE = b" \t\n\r"

_encode = msgspec.json.Encoder().encode


class Fraction(str):
    """A number that is no integer, as it was spelled."""

    __slots__ = ()


#: Reads a document for a walk. Decoding proved its grammar; numbers keep their spelling.
decode = msgspec.json.Decoder(float_hook=Fraction).decode

#: Members of L{FIXED} that no mask even looks at: chosen by one side, and said again by the other as
#: they are, or words without which a message cannot be read. Whatever of L{FIXED} is not among them
#: is looked at, and what must not be seen there may not pass, as it may not be changed either.
OPAQUE = frozenset(
    {"jsonrpc", "method", "id", "requestId", "progressToken", "toolUseId", "taskId", "taskIds"}
    | {"elicitationId", "cursor", "nextCursor", "requestState", "resultType", "ttlMs", "cacheScope"}
    | {"protocolVersion", "supportedVersions"}
)

#: Words of closed sets, by the members that hold them: never changed as long as they are of the set.
WORDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "type": frozenset(
            {"text", "image", "audio", "resource", "resource_link", "tool_use", "tool_result"}
            | {"ref/prompt", "ref/resource"}
        ),
        "role": frozenset({"user", "assistant"}),
        "audience": frozenset({"user", "assistant"}),
        "level": frozenset(
            {"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"}
        ),
        "status": frozenset({"working", "input_required", "completed", "failed", "cancelled"}),
        "action": frozenset({"accept", "decline", "cancel"}),
        "mode": frozenset({"form", "url", "auto", "required", "none"}),
        "theme": frozenset({"light", "dark"}),
        "taskSupport": frozenset({"forbidden", "optional", "required"}),
    }
)

#: Objects of the protocol in which no place is, so that their members are L{FIXED} and L{WORDS} there too.
_PLAIN = ("annotations", "execution", "toolChoice")


@define(eq=False)
class Node:
    """
    One step of a L{Shape}.

    @ivar members: What is known of the members of an object here.
    @ivar elements: What each element of an array here is.
    @ivar alone: Whether one element may stand here without its array.
    @ivar values: What each value of an object is, whatever its member is called.
    @ivar holds: What stands here, where a path ends.
    @ivar listed: What the elements are, where policy may leave one out.
    @ivar runs: Whether it is text that goes on in the next such text of the message.
    """

    members: dict[str, Node] = Factory(dict)
    elements: Node | None = None
    alone: bool = False
    values: Node | None = None
    holds: Holds | None = None
    listed: Listed | None = None
    runs: bool = False

    def add(self, place: Place) -> None:
        """
        Let a place be known.

        @raise ValueError: What it says contradicts what is known.
        """
        node = self._reach(place.path)
        if node.holds not in (None, place.holds):
            raise ValueError(f"{place.path}: {place.holds} and {node.holds}")
        node.holds = place.holds
        node.runs = place.holds is Holds.TEXT and place.path.rpartition(".")[2] == "text"

    def add_list(self, listed: Listed) -> None:
        """Let a list be known."""
        path = listed.path.removesuffix("[]")
        assert path != listed.path
        node = self._reach(path)
        node.listed = listed
        node.elements = node.elements or _plain()

    def _reach(self, path: str) -> Node:
        node = self
        for step in path.split(".") if path else ():
            name = step.rstrip("[]{}?")
            node = node.members.setdefault(name, Node() if step != name else _plain())
            if step.endswith("]"):
                node.elements = node.elements or _plain()
                node.alone = node.alone or step.endswith("[?]")
                node = node.elements
            elif step.endswith("}"):
                node.values = node.values or _plain()
                node = node.values
        return node


def _plain() -> Node:
    return Node({name: Node() for name in _PLAIN})


@cache
def node_of(shape: Shape) -> Node:
    """A shape, to be walked. Shapes are the registry's, so the table stays small."""
    return _node((shape,))


@cache
def any_result(sender: Sender) -> Node:
    """What a result may hold of which nobody knows what it answers. C{sender}: who sends the result."""
    asked = CLIENT_REQUESTS if sender is Sender.SERVER else SERVER_REQUESTS
    # What is whatever another request brought stands nowhere else than that, so it adds nothing.
    found = (method.result for method in asked.values() if method.result is not None)
    return _node(tuple(shape for shape in found if all(place.path for place in shape.places)))


def _node(shapes: tuple[Shape, ...]) -> Node:
    root = _plain()
    for shape in shapes:
        for place in shape.places:
            root.add(place)
        for listed in shape.lists:
            root.add_list(listed)
    return root


def answered(result: Mapping[str, object]) -> str:
    """
    The method whose result a client gives (C{wire.mcp.Holds.RESPONSES}), told by its members.

    The three have none in common but C{content}; whoever lies is read as another, and reached as well.
    """
    if "action" in result:
        return "elicitation/create"
    return "roots/list" if "roots" in result else "sampling/createMessage"


def size(value: object) -> int:
    """How many tokens a value takes: its keys, strings, numbers and literals."""
    if type(value) is dict:
        return len(value) + sum(map(size, value.values()))
    if type(value) is list:
        return sum(map(size, value))
    return 1


def tokens(raw: bytes) -> int:
    """How many tokens a document has, duplicates too."""
    return sum(1 for _ in _TOKEN.finditer(raw))


def spelled(value: str | int | float | bool) -> bytes:
    """
    A token.

    What some readers of event streams take for the end of a line is escaped: U+0085, U+2028, U+2029.
    """
    token = _encode(value)
    if not token.isascii():
        for character in ("\x85", "\u2028", "\u2029"):
            token = token.replace(character.encode(), b"\\u%04x" % ord(character))
    return token


def respelled(token: bytes, text: str) -> bytes:
    """
    A string's token with another text; what both begin and end with is spelled as it was.

    Of a long one only if it was spelled as we do.
    """
    if b"\\" not in token:
        return spelled(text)
    old: str = decode(token)
    shortest = min(len(old), len(text))
    begin = _alike(shortest, lambda low, high: old[low:high] == text[low:high])
    size, length = len(old), len(text)
    end = _alike(
        shortest - begin,
        lambda low, high: old[size - high : size - low] == text[length - high : length - low],
    )
    head, tail = spelled(old[:begin])[:-1], spelled(old[len(old) - end :])[1:]
    if not (token.startswith(head) and _ends_with(token, tail, old[: len(old) - end])):
        if len(token) > RESPELLED_MOST:
            return spelled(text)
        head, tail = token[: _offset(token, begin)], token[_offset(token, len(old) - end) :]
    return head + spelled(text[begin : len(text) - end])[1:-1] + tail


def _ends_with(token: bytes, tail: bytes, before: str) -> bool:
    """Whether a token ends so, and not within an escape: C{\\u0030} ends with 0 too."""
    if not token.endswith(tail):
        return False
    try:
        return bool(decode(token[: len(token) - len(tail)] + b'"') == before)
    except msgspec.DecodeError:
        return False


def _alike(most: int, same: Callable[[int, int], bool]) -> int:
    """How far two texts are the same, up to C{most}. C{same}: whether they are from there to there."""
    low, step = 0, 1 << 16
    while step:
        while low + step <= most and same(low, low + step):
            low += step
        step >>= 4
    return low


def _offset(token: bytes, characters: int) -> int:
    """Where in a string's token so many of its characters end."""
    at = 1
    for match in _PART.finditer(token, 1):
        if not characters:
            break
        part = match.group()
        if part.startswith(b"\\"):
            characters -= 1
        else:
            text = part.decode("utf-8")
            if len(text) > characters:
                return at + len(text[:characters].encode("utf-8"))
            characters -= len(text)
        at = match.end()
    return at


def rewritten(raw: bytes, edits: Mapping[int, str | bytes], gone: Set[int] = frozenset()) -> bytes:
    """
    The document with some tokens replaced, and some elements left out.

    @param edits: What stands in the place of a token, by its number: a text, or how another is spelled.
    @param gone: Elements that go, objects of an array, by the number of their first token. No edits are
        within.
    """
    made = bytearray()
    end = after = 0
    found = _TOKEN.finditer(raw)
    for number in sorted((*edits, *gone)):
        match = next(islice(found, number - after, None))
        after = number + 1
        if number in gone:
            begin = raw.rindex(b"{", end, match.start())
            made += raw[end:begin]
            end = _without(made, raw, _end_of(raw, begin))
        else:
            edit = edits[number]
            made += raw[end : match.start()]
            made += respelled(match.group(), edit) if isinstance(edit, str) else edit
            end = match.end()
    made += raw[end:]
    return bytes(made)


def _end_of(raw: bytes, begin: int) -> int:
    """Where the object ends that begins there."""
    depth = 0
    for match in _BRACKET.finditer(raw, begin):
        bracket = raw[match.start()]
        if bracket in b"{[":
            depth += 1
        elif bracket in b"}]":
            depth -= 1
            if not depth:
                return match.end()
    raise ValueError("no object")


def _without(made: bytearray, raw: bytes, end: int) -> int:
    """
    One comma goes with an element: the one before it, or, where nothing of its array is before, the next.

    @param made: What is before the element.
    @return: Where to go on behind it.
    """
    # Not by a copy of it: as many go as there are.
    before = len(made)
    while before and made[before - 1] in _SPACE:
        before -= 1
    if made[before - 1 : before] == b",":
        del made[before - 1 :]
        return end
    behind = _past_space(raw, end)
    return _past_space(raw, behind + 1) if raw[behind : behind + 1] == b"," else end


def _past_space(raw: bytes, begin: int) -> int:
    while begin < len(raw) and raw[begin] in _SPACE:
        begin += 1
    return begin
