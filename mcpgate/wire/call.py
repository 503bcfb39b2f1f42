"""What a message of a client asks for, and by which names policy knows it.

The registry (C{wire.mcp}) says which methods there are and which param names what they are about. A
method that clients do not have there, a server's, an extension's or next year's, is C{OTHER}: nothing
but a rule that names it lets it pass.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.jsonrpc import Message
from mcpgate.wire.mcp import CLIENT_NOTIFICATIONS, CLIENT_REQUESTS, Nature

__all__ = ["SUBJECTS_MOST", "Call", "Nature", "alike", "call_of"]

#: How many resources one request may listen for. Each is judged on its own, by every rule; hosts that
#: show resources watch a handful.
SUBJECTS_MOST = 64

COMPLETE = "completion/complete"
LISTEN = "subscriptions/listen"


@frozen
class Call:
    """
    What a message asks for.

    @ivar name: The tool, prompt or URI that the message is about, for the record; C{None} where it
        names none. Several have a space between them, which no URI has that can be allowed.
    @ivar judged_as: The methods and names that rules are asked about, each of which must be allowed.
        They differ from the message's own where it is a way to the same thing: whoever may read a
        resource may subscribe to it. There is at least one.
    """

    method: str
    name: str | None
    nature: Nature
    judged_as: tuple[tuple[str, str | None], ...]


_CLIENTS = (*CLIENT_REQUESTS.values(), *CLIENT_NOTIFICATIONS.values())

#: Methods that name one thing: the param with its name, and the method that rules know it by.
_NAMED: Mapping[str, tuple[str, str]] = {
    known.method: (known.name, known.judged)
    for known in _CLIENTS
    if known.nature is Nature.NAMED and known.name is not None and known.judged is not None
}
#: Methods that are what they are, whatever their params.
_NAMELESS: Mapping[str, Call] = {
    known.method: Call(known.method, None, known.nature, ((known.method, None),))
    for known in _CLIENTS
    if known.method not in (*_NAMED, COMPLETE, LISTEN)
}

#: What completion/complete completes for, by the type of its ref; and all members that a ref has.
_COMPLETED: Mapping[object, tuple[str, str]] = {
    "ref/prompt": _NAMED["prompts/get"],
    "ref/resource": _NAMED["resources/read"],
}
_REF = frozenset({"type", "name", "title", "uri"})

#: What may be listened for, and the params that say so.
_LISTENED = frozenset(
    {"toolsListChanged", "promptsListChanged", "resourcesListChanged", "resourceSubscriptions", "taskIds"}
)
_LISTEN_PARAMS = frozenset({"notifications", "_meta"})


def alike(message: Message) -> tuple[str, str | None] | None:
    """
    What two messages have in common that ask for the same: all that L{call_of} looks at.

    C{None} where that is more than the method and one name, or a name is not as it should be.
    """
    method = message.method
    if method is None:
        return None
    named = _NAMED.get(method)
    if named is None:
        return (method, None) if method in _NAMELESS else None
    name = message.params.get(named[0])
    return (method, name) if type(name) is str else None


def call_of(message: Message) -> Call | Refusal:
    """
    What a request or notification asks for.

    @return: C{frame.params} when the name that the method needs is missing or not a string;
        C{frame.envelope} for a response, which asks for nothing.
    """
    method = message.method
    if method is None:
        return Refusal(Reason.FRAME_ENVELOPE, "a response calls no method")
    named = _NAMED.get(method)
    if named is not None:
        return _named(method, Nature.NAMED, message.params, *named)
    call = _NAMELESS.get(method)
    if call is not None:
        return call
    if method == COMPLETE:
        return _completion(message.params)
    if method == LISTEN:
        return _subscription(message.params)
    return Call(method, None, Nature.OTHER, ((method, None),))


def _named(
    method: str, nature: Nature, params: Mapping[str, object], param: str, judged: str
) -> Call | Refusal:
    name = params.get(param)
    if type(name) is not str:
        return Refusal(Reason.FRAME_PARAMS, f"{param} is missing or not a string")
    return Call(method, name, nature, ((judged, name),))


def _completion(params: Mapping[str, object]) -> Call | Refusal:
    """A completion follows the prompt or resource (template) that it completes for."""
    ref = params.get("ref")
    if type(ref) is not dict or type(ref.get("type")) is not str or ref["type"] not in _COMPLETED:
        return Refusal(Reason.FRAME_PARAMS, "ref is neither to a prompt nor to a resource")
    if not ref.keys() <= _REF:
        # It could be a second name to a server that reads names without case.
        return Refusal(Reason.FRAME_PARAMS, "ref has a member that refs do not have")
    return _named(COMPLETE, Nature.FOLLOWS, ref, *_COMPLETED[ref["type"]])


def _subscription(params: Mapping[str, object]) -> Call | Refusal:
    """
    Listening for changed lists follows the lists; for resources it follows every one of them.

    For tasks it follows what made each. Only a rule for the method itself allows to listen for what we do
    not know.
    """
    wanted = params.get("notifications", {})
    if type(wanted) is not dict:
        return Refusal(Reason.FRAME_PARAMS, "notifications is not an object")
    uris = wanted.get("resourceSubscriptions", [])
    if type(uris) is not list or not all(type(uri) is str for uri in uris):
        return Refusal(Reason.FRAME_PARAMS, "resourceSubscriptions is not a list of strings")
    tasks = wanted.get("taskIds", [])
    if type(tasks) is not list or not all(type(task) is str for task in tasks):
        return Refusal(Reason.FRAME_PARAMS, "taskIds is not a list of strings")
    if len(uris) + len(tasks) > SUBJECTS_MOST:
        return Refusal(Reason.FRAME_PARAMS, f"more than {SUBJECTS_MOST} resourceSubscriptions and taskIds")
    if not wanted.keys() <= _LISTENED or not params.keys() <= _LISTEN_PARAMS:
        return Call(LISTEN, None, Nature.OTHER, ((LISTEN, None),))
    nature = Nature.TASK if tasks else Nature.FOLLOWS
    if uris:
        judged = tuple(("resources/read", uri) for uri in uris)
        return Call(LISTEN, " ".join(uris), nature, judged)
    return Call(LISTEN, None, nature, ((LISTEN, None),))


def listened_tasks(params: Mapping[str, object]) -> tuple[object, ...]:
    """The tasks that a subscription is about."""
    wanted = params.get("notifications")
    tasks = wanted.get("taskIds") if type(wanted) is dict else None
    return tuple(tasks) if type(tasks) is list else ()
