"""MCP's methods: what a message asks for, and by which name policy knows it.

The tables are the knowledge; the functions only look up. A method that they do not hold, an
extension's or next year's, is C{OTHER}: nothing but a rule that names it lets it pass.

Sources: the schemas of the revisions 2024-11-05 to 2026-07-28.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, unique

from attrs import frozen

from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.jsonrpc import Message

#: The revision without sessions, in which every request carries its own metadata.
MODERN = b"2026-07-28"


@unique
class Nature(Enum):
    """What kind of thing a method is, for policy."""

    #: The protocol itself; a client that is denied these could not even learn why.
    PROTOCOL = "protocol"
    #: Lists what there is.
    LIST = "list"
    #: Uses the one thing that it names.
    NAMED = "named"
    #: Goes with other messages, or with the thing that it refers to.
    FOLLOWS = "follows"
    #: Anything else, so also what we do not know.
    OTHER = "other"


@frozen
class Call:
    """
    What a message asks for.

    @ivar name: The tool, prompt or URI that the message is about; C{None} where it names none.
    @ivar judged_as: The method and name that rules are asked about. They differ from the message's
        own where it is a way to the same thing: whoever may read a resource may subscribe to it.
    """

    method: str
    name: str | None
    nature: Nature
    judged_as: tuple[str, str | None]


def _nameless(nature: Nature, *methods: str) -> dict[str, Call]:
    return {method: Call(method, None, nature, (method, None)) for method in methods}


#: Methods that are what they are, whatever their params.
_NAMELESS: Mapping[str, Call] = {
    **_nameless(
        Nature.PROTOCOL,
        "initialize",
        "notifications/initialized",
        "server/discover",
        "ping",
        "notifications/cancelled",
    ),
    **_nameless(Nature.LIST, "tools/list", "prompts/list", "resources/list", "resources/templates/list"),
    **_nameless(
        Nature.FOLLOWS,
        "logging/setLevel",
        "notifications/progress",
        "notifications/roots/list_changed",
    ),
    # A task's id stands for the tool that made it, which the gate does not remember yet.
    **_nameless(
        Nature.OTHER,
        "tasks/get",
        "tasks/result",
        "tasks/update",
        "tasks/cancel",
        "tasks/list",
        "notifications/tasks/status",
    ),
}

#: Methods that name one thing: the param with its name, and the method that rules know it by.
_NAMED: Mapping[str, tuple[str, str]] = {
    "tools/call": ("name", "tools/call"),
    "prompts/get": ("name", "prompts/get"),
    "resources/read": ("uri", "resources/read"),
    "resources/subscribe": ("uri", "resources/read"),
    "resources/unsubscribe": ("uri", "resources/read"),
}

#: What completion/complete completes for, by the type of its ref; and all members that a ref has.
_COMPLETED: Mapping[object, tuple[str, str]] = {
    "ref/prompt": ("name", "prompts/get"),
    "ref/resource": ("uri", "resources/read"),
}
_REF = frozenset({"type", "name", "title", "uri"})

#: What may be listened for without tasks, and the params that say so.
_LISTENED = frozenset(
    {"toolsListChanged", "promptsListChanged", "resourcesListChanged", "resourceSubscriptions"}
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
    if method == "completion/complete":
        return _completion(message.params)
    if method == "subscriptions/listen":
        return _subscription(message.params)
    return Call(method, None, Nature.OTHER, (method, None))


def _named(
    method: str, nature: Nature, params: Mapping[str, object], param: str, judged: str
) -> Call | Refusal:
    name = params.get(param)
    if type(name) is not str:
        return Refusal(Reason.FRAME_PARAMS, f"{param} is missing or not a string")
    return Call(method, name, nature, (judged, name))


def _completion(params: Mapping[str, object]) -> Call | Refusal:
    """A completion follows the prompt or resource (template) that it completes for."""
    ref = params.get("ref")
    if type(ref) is not dict or type(ref.get("type")) is not str or ref["type"] not in _COMPLETED:
        return Refusal(Reason.FRAME_PARAMS, "ref is neither to a prompt nor to a resource")
    if not ref.keys() <= _REF:
        # It could be a second name to a server that reads names without case.
        return Refusal(Reason.FRAME_PARAMS, "ref has a member that refs do not have")
    return _named("completion/complete", Nature.FOLLOWS, ref, *_COMPLETED[ref["type"]])


def _subscription(params: Mapping[str, object]) -> Call | Refusal:
    """
    Listening for changed lists follows the lists; for one resource it follows that resource.

    Several resources, tasks, and what we do not know, do not fit one verdict: only a rule for the
    method itself allows them.
    """
    method = "subscriptions/listen"
    wanted = params.get("notifications", {})
    if type(wanted) is not dict:
        return Refusal(Reason.FRAME_PARAMS, "notifications is not an object")
    uris = wanted.get("resourceSubscriptions", [])
    if type(uris) is not list or not all(type(uri) is str for uri in uris):
        return Refusal(Reason.FRAME_PARAMS, "resourceSubscriptions is not a list of strings")
    if len(uris) > 1 or not wanted.keys() <= _LISTENED or not params.keys() <= _LISTEN_PARAMS:
        return Call(method, None, Nature.OTHER, (method, None))
    if uris:
        return Call(method, uris[0], Nature.FOLLOWS, ("resources/read", uris[0]))
    return Call(method, None, Nature.FOLLOWS, (method, None))
