"""What a message of an upstream asks of a caller, wherever the question stands.

Up to 2025-11-25 a question is a request of the upstream's own. In 2026-07-28 it stands in a result, or in
what is told of a task, as one of C{inputRequests}. And 2025-11-25 has an error that asks to open a URL
(C{-32042}, "URLElicitationRequired"), which is C{elicitation/create} in another form. Policy has to know
them all as the same thing.

A client says beforehand what it may be asked (C{capabilities}); what nobody may ask it is better not said.
"""

from __future__ import annotations

from collections.abc import Mapping
from unicodedata import normalize

import msgspec

from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.agreement import CAPABILITIES as IN_META
from mcpgate.wire.jsonrpc import REQUEST, Message
from mcpgate.wire.splice import removed

#: MCP 2025-11-25, elicitation, "URL Elicitation Required Error".
URL_NEEDED = -32042

ELICIT = "elicitation/create"

#: What a client declares, and the method that it may then be asked by.
CAPABILITIES: Mapping[str, str] = {
    "sampling": "sampling/createMessage",
    "elicitation": ELICIT,
    "roots": "roots/list",
}
_DECLARED = CAPABILITIES.keys()

#: Questions in one result or error: each is judged by itself. Servers ask one or a few things at once.
QUESTIONS_MOST = 64


#: No name that is looked for has more characters.
NAME_MOST = 16


class Question(msgspec.Struct, frozen=True, gc=False):
    """
    One thing that is asked: a method of a server, with its params.

    Those of an elicitation have a C{mode} in any case: one that names none is C{form} to every reader.
    """

    method: str
    params: Mapping[str, object]


#: What most results hold: none of it asks anything, and none of it can be taken for what does.
_USUAL = frozenset(
    {"content", "structuredContent", "isError", "_meta", "contents", "messages", "description"}
    | {"completion", "tools", "nextCursor", "ttlMs", "cacheScope", "resultType"}
)
_is_usual = _USUAL.issuperset
_COMPLETE = (None, "complete")
_ERROR = frozenset({"code", "message", "data"})


def notable(message: Message) -> bool:
    """Whether an answer could hold questions, or be about a task, told as cheaply as can be."""
    result = message.result
    if type(result) is dict:
        return not _is_usual(result) or result.get("resultType") not in _COMPLETE
    error = message.error
    return error is not None and not (error.keys() <= _ERROR and error.get("code") != URL_NEEDED)


def questions_in(message: Message) -> tuple[Question, ...] | Refusal:
    """
    All that a message of an upstream asks.

    @return: C{policy.question} where it asks in a form that some reader may understand and we do not.
    """
    if message.kind is REQUEST:
        assert message.method is not None
        return (question_of(message.method, message.params),)
    found: list[Question] = []
    for inside in (message.result, message.params):
        if not isinstance(inside, Mapping):
            continue
        if _has_another(inside, "inputRequests"):
            return _unreadable("a member reads like inputRequests")
        asked = inside.get("inputRequests")
        if asked is not None:
            if type(asked) is not dict:
                return _unreadable("inputRequests is no object")
            for one in asked.values():
                question = _embedded(one)
                if question is None:
                    return _unreadable("one of inputRequests is no request")
                found.append(question)
    error = message.error
    if error is not None and _has_another(error, "code", "data"):
        return _unreadable("a member of an error reads like another")
    if error is not None and error.get("code") == URL_NEEDED:
        urls = _urls(error.get("data"))
        if urls is None:
            return _unreadable("an error that needs a URL to be opened names none")
        found += urls
    if len(found) > QUESTIONS_MOST:
        return _unreadable(f"more than {QUESTIONS_MOST} questions")
    return tuple(found)


def _unreadable(why: str) -> Refusal:
    return Refusal(Reason.POLICY_QUESTION, why)


def _embedded(value: object) -> Question | None:
    if type(value) is not dict or _has_another(value, "method", "params"):
        return None
    method, params = value.get("method"), value.get("params", {})
    return question_of(method, params) if type(method) is str and type(params) is dict else None


def question_of(method: str, params: Mapping[str, object]) -> Question:
    """What a method asks with these params, as rules are asked about it."""
    return Question(method, params if method != ELICIT or "mode" in params else {**params, "mode": "form"})


def _urls(value: object) -> list[Question] | None:
    """What an error asks to open, each as the elicitation that it stands for."""
    if type(value) is not dict or _has_another(value, "elicitations"):
        return None
    asked = value.get("elicitations")
    if type(asked) is not list or not asked or not all(type(one) is dict for one in asked):
        return None
    return [Question(ELICIT, {**one, "mode": "url"}) for one in asked]


def _has_another(value: Mapping[str, object], *names: str) -> bool:
    """Whether some reader, one that does not tell case or width, finds one of the names in another."""
    if len(value) == sum(name in value for name in names):
        return False
    folded = [name.casefold() for name in names]
    return any(
        # Folding never makes one letter out of two characters, and long names are slow to fold.
        len(name) <= NAME_MOST and name not in names and normalize("NFKC", name).casefold() in folded
        for name in value
    )


# What a client declares: in initialize (up to 2025-11-25), or with every request (2026-07-28).


def declares(message: Message) -> frozenset[str]:
    """The methods that a client says it may be asked by, told as cheaply as can be where it says none."""
    found = _declared(message)
    if not found or _DECLARED.isdisjoint(found):
        return _NONE
    return frozenset(method for name, method in CAPABILITIES.items() if name in found)


_NONE: frozenset[str] = frozenset()


def without(message: Message, raw: bytes, methods: frozenset[str]) -> bytes:
    """A request that does not say that its client may be asked by these methods."""
    found = _declared(message)
    gone = {name for name, method in CAPABILITIES.items() if method in methods and name in found}
    if "tasks" in found and found.keys().isdisjoint({"sampling", "elicitation"} - gone):
        # Of a client's own tasks: it makes them for these two (2025-11-25).
        gone.add("tasks")
    return removed(raw, _path(message), gone) if gone else raw


def _path(message: Message) -> tuple[str, ...]:
    return ("params", "capabilities") if message.method == "initialize" else ("params", "_meta", IN_META)


def _declared(message: Message) -> Mapping[str, object]:
    if message.method == "initialize":
        found = message.params.get("capabilities")
    else:
        meta = message.params.get("_meta")
        found = meta.get(IN_META) if type(meta) is dict else None
    return found if type(found) is dict else {}
