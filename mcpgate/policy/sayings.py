"""What an upstream says bit by bit: where the text of progress and of log messages stands."""

from __future__ import annotations

from collections.abc import Hashable

import msgspec
from attrs import frozen

from mcpgate.policy import leaves
from mcpgate.wire.jsonrpc import Message

#: Where the text of one message goes on in the text of the next, and what tells whose it is.
_SAID = {
    "notifications/progress": ("message", "progressToken"),
    "notifications/message": ("data", "logger"),
}


class _Params(msgspec.Struct, gc=False):
    message: object = None
    data: object = None


class _Said(msgspec.Struct, gc=False):
    params: _Params


_decode = msgspec.json.Decoder(_Said).decode


def text_in(raw: bytes) -> str | None:
    """The text of a message that says one, by a short look."""
    try:
        params = _decode(raw).params
    except msgspec.MsgspecError:
        return None
    said = params.message if params.message is not None else params.data
    return said if type(said) is str else None


@frozen
class Saying:
    """
    What one message says.

    @ivar key: Equal for the messages that go on in one another.
    @ivar texts: Its texts, in the order in which they are read.
    @ivar numbers: For each the number of its token in the document (C{policy.leaves}).
    """

    key: Hashable
    texts: tuple[str, ...]
    numbers: tuple[int, ...]


def saying_of(message: Message, raw: bytes) -> Saying | None:
    """What a message says bit by bit, if it is of that kind."""
    where = _SAID.get(message.method or "")
    if where is None or message.id is not None or where[0] not in message.params:
        return None
    member, names = where
    found: list[tuple[int, str]] = []
    at = 0
    for name, value in leaves.decode(raw).items():
        at += 1
        if name != "params":
            at += leaves.size(value)
            continue
        for inner, said in value.items():
            at += 1
            if inner == member:
                _texts(said, at, found)
            at += leaves.size(said)
    whose = message.params.get(names)
    # 1 and true are one key, and 1 and "1" are two tokens.
    key = message.method, type(whose).__name__, whose if type(whose) in (str, int) else None
    return Saying(key, tuple(text for _, text in found), tuple(number for number, _ in found))


def _texts(value: object, at: int, found: list[tuple[int, str]]) -> int:
    """Add the texts of a value whose first token has that number; returns the number behind its last."""
    if type(value) is str:
        found.append((at, value))
        return at + 1
    if type(value) is dict:
        for one in value.values():
            at = _texts(one, at + 1, found)
        return at
    if type(value) is list:
        for one in value:
            at = _texts(one, at, found)
        return at
    return at + 1
