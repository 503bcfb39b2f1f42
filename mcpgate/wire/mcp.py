"""The registry of MCP: every message of every revision, as data.

For each method and each side that sends it: the revisions that have it, what it is for policy, which
param is its name, where text stands in its params and its result, which lists name things that policy
may hide. What a message asks for is found in C{wire.call}; nothing here decides.

Paths
=====
A L{Place} has a path, read from the C{params} or the C{result} of a message:

 - C{a.b}: the member C{b} of the object C{a};
 - C{a[]}: each element of the array C{a};
 - C{a[?]}: C{a} itself, or each of its elements where it is an array (the content of sampling);
 - C{a{}}: each value of the object C{a}, whatever its members are called;
 - the empty path: the whole.

What stands there is told by L{Holds}. Some of these hold whole trees: a path never goes on below them.

Fields differ between revisions, names do not change their meaning; so a shape is the union of all
revisions, and a path that a message lacks finds nothing. A value of another form than its path says (an
array where one block belongs) is not reached either, and members that no schema knows are named
nowhere. Who must reach everything takes a message that has either for one that cannot be read.

Strings that no place reaches are not to be changed: those of L{FIXED}, each with its reason, and words
of a closed set (C{type}, C{role}, C{level}, C{status}, C{action}). A place wins over L{FIXED}: a
resource's name is for people, a tool's is what it is called by.

Sources: the published schemas of the revisions 2024-11-05 to 2026-07-28, and of the tasks extension,
with which C{tests/wire/test_mcp.py} compares every line.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, unique
from functools import partial
from types import MappingProxyType

from attrs import frozen

from mcpgate.wire.jsonrpc import Kind
from mcpgate.wire.revision import Revision

REVISIONS = tuple(revision.text for revision in Revision)
_ALL = frozenset(REVISIONS)
_LEGACY = frozenset(REVISIONS[:4])
_2025_06 = frozenset({"2025-06-18", "2025-11-25"})
_2025_11 = frozenset({"2025-11-25"})
_2026_07 = frozenset({"2026-07-28"})
_NEVER: frozenset[str] = frozenset()

#: Tasks were a part of 2025-11-25; since 2026-07-28 they are this extension.
TASKS = "io.modelcontextprotocol/tasks"
#: The header of 2026-07-28 that mirrors the name of a request (streamable HTTP, "Request Metadata").
NAME_HEADER = "Mcp-Name"


@unique
class Sender(Enum):
    """Who sends a message."""

    CLIENT = "client"
    SERVER = "server"


# As in tls/stream.py: a member is read off its class slowly.
CLIENT, SERVER = Sender


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
    #: Is about tasks, each of which goes with the tool that made it (C{relay.tasks}).
    TASK = "task"
    #: Anything else, so also what we do not know.
    OTHER = "other"


# As in tls/stream.py: a member is read off its class slowly.
TASK = Nature.TASK


@unique
class Holds(Enum):
    """What stands at a place, and so what may be done to it."""

    #: A string, for people or models.
    TEXT = "text"
    #: A URI that is opened or shown (also C{data:}), and that nobody has to say again.
    LINK = "link"
    #: Base64. What it encodes cannot be changed in place: it passes or it does not.
    BYTES = "bytes"
    #: Any JSON value. Every string below is data, and so is every member's name. A tool's
    #: C{structuredContent} must go on fitting its C{outputSchema}: clients refuse the result otherwise.
    JSON = "json"
    #: An object of JSON as above, but for the members L{FIXED_META}.
    META = "meta"
    #: A JSON Schema. Text are only the members L{SCHEMA_TEXT}, at any depth; all else is grammar.
    SCHEMA = "schema"
    #: C{inputRequests}: each value is a server's request without its envelope (C{method} and
    #: C{params}), to be looked up as such. The keys are said again by the client.
    REQUESTS = "requests"
    #: C{inputResponses}: each value is the result of the request that had the same key. Who has not
    #: seen that request takes it for the result of any method that is ever L{Method.embedded}.
    RESPONSES = "responses"
    #: The result of the request that made the task, of which the message itself says nothing.
    RESULT = "result"
    #: A JSON-RPC error: L{ERROR}.
    ERROR = "error"


@frozen
class Place:
    """Where something stands that policy and masks have to reach. C{path}: see the module."""

    path: str
    holds: Holds


@frozen
class Listed:
    """
    A list that names things which policy may hide. It stays a list, in its order, when it becomes empty.

    @ivar path: The items.
    @ivar member: The member that names an item; empty where the item itself is the name.
    @ivar judged: The method that rules know such a name by. C{None} where rules know no such names:
        whoever may have the list may have all of it.
    @ivar type: Only items of this C{type} are named so; C{None} for all.
    """

    path: str
    member: str
    judged: str | None
    type: str | None = None


@frozen
class Shape:
    """What there is to know about the params of a method, or about its result."""

    places: tuple[Place, ...] = ()
    lists: tuple[Listed, ...] = ()


@frozen
class Method:
    """
    One method as one side sends it.

    @ivar revisions: Those in which it is sent.
    @ivar name: The param that names the one thing that the message is about.
    @ivar judged: The method that rules know that name by. Whoever may read a resource may subscribe to
        it, so the two differ.
    @ivar header: The header of 2026-07-28 that repeats the name.
    @ivar result: C{None} for a notification.
    @ivar cacheable: Whether a result of 2026-07-28 says how long it is good, and for whom
        (C{ttlMs}, C{cacheScope}). One that was filtered for somebody is C{private}.
    @ivar input_required: Whether 2026-07-28 lets it be answered with questions (C{inputRequests}).
    @ivar embedded: Revisions in which it is not sent but stands among such questions.
    @ivar extension: The extension that has it, in 2026-07-28.
    """

    sender: Sender
    kind: Kind
    method: str
    revisions: frozenset[str]
    nature: Nature
    params: Shape
    result: Shape | None = None
    name: str | None = None
    judged: str | None = None
    header: str | None = None
    cacheable: bool = False
    input_required: bool = False
    embedded: frozenset[str] = _NEVER
    extension: str | None = None


#: Strings at protocol level that must arrive as they were sent, whatever a mask thinks of them: each
#: member with its reason, and all that is below it.
FIXED: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("jsonrpc", "method"), "say what the message is"),
        **dict.fromkeys(("id", "requestId"), "join an answer to its request"),
        **dict.fromkeys(("progressToken", "toolUseId"), "join messages to what they are about"),
        **dict.fromkeys(("taskId", "taskIds", "elicitationId"), "are chosen by one side and said again"),
        **dict.fromkeys(("cursor", "nextCursor"), "are opaque, and said again for the next page"),
        "requestState": "is opaque, usually sealed over the params, and said again",
        **dict.fromkeys(("resultType", "ttlMs", "cacheScope"), "say how a result is to be read and kept"),
        **dict.fromkeys(
            ("protocolVersion", "supportedVersions", "capabilities"), "are what both sides agree on"
        ),
        "name": "calls a tool, prompt, argument or program; judged, not changed, as both sides say it again",
        **dict.fromkeys(
            ("uri", "uriTemplate", "resourceSubscriptions"),
            "are judged, not changed, as both sides say them again",
        ),
        **dict.fromkeys(("mimeType", "sizes"), "say how to read the bytes beside them"),
        **dict.fromkeys(("createdAt", "lastUpdatedAt", "lastModified"), "are times"),
        **dict.fromkeys(("version", "model", "stopReason"), "are read by programs"),
    }
)
#: The same for the members of C{_meta}.
FIXED_META: Mapping[str, str] = MappingProxyType(
    {
        "progressToken": "joins progress to its request",
        "io.modelcontextprotocol/protocolVersion": "must equal its header",
        "io.modelcontextprotocol/clientCapabilities": "is what both sides agree on",
        "io.modelcontextprotocol/logLevel": "is a word of a closed set",
        "io.modelcontextprotocol/subscriptionId": "is the id of the request that listens",
        "io.modelcontextprotocol/related-task": "names a task",
        **dict.fromkeys(("traceparent", "tracestate", "baggage"), "belong to tracing (W3C Trace Context)"),
    }
)
#: The same for an error's C{data}: by these a client finds the revision and capabilities to use.
FIXED_ERROR_DATA = frozenset({"supported", "requested", "requiredCapabilities"})

#: Members of a JSON Schema whose strings are for people, or are values that are shown.
SCHEMA_TEXT = frozenset(
    {"title", "description", "$comment", "default", "const", "enum", "enumNames", "examples"}
)


def _of(holds: Holds, *paths: str) -> tuple[Place, ...]:
    return tuple(Place(path, holds) for path in paths)


def _at(path: str, places: tuple[Place, ...]) -> tuple[Place, ...]:
    return tuple(Place(f"{path}.{place.path}", place.holds) for place in places)


_text = partial(_of, Holds.TEXT)
_link = partial(_of, Holds.LINK)
_json = partial(_of, Holds.JSON)

_META = _of(Holds.META, "_meta")
_ICONS = _link("icons[].src")
#: What clients and servers say of themselves.
_PROGRAM = (*_text("title", "description"), *_link("websiteUrl"), *_ICONS)
#: What lists and links say of a resource.
_RESOURCE = (*_text("name", "title", "description"), *_ICONS, *_META)
_TOOL = (
    *_text("title", "description", "annotations.title"),
    *_of(Holds.SCHEMA, "inputSchema", "outputSchema"),
    *_ICONS,
    *_META,
)
_PROMPT = (*_text("title", "description", "arguments[].title", "arguments[].description"), *_ICONS, *_META)
#: What a resource holds, read or embedded.
_CONTENTS = (*_text("text"), *_of(Holds.BYTES, "blob"), *_META)
#: A block of content: text, an image, audio, a link to a resource, or a resource. Only links have names.
_BLOCK = (*_text("text"), *_of(Holds.BYTES, "data"), *_RESOURCE, *_at("resource", _CONTENTS))
#: A block of a conversation with a model. The name of a tool's use is what the tool is called by.
_SAID = (
    *_text("text"),
    *_of(Holds.BYTES, "data"),
    *_json("input", "structuredContent"),
    *_at("content[]", _BLOCK),
    *_META,
)
_QUESTIONS = _of(Holds.REQUESTS, "inputRequests")
_ANSWERS = _of(Holds.RESPONSES, "inputResponses")
#: A task of the extension, with whatever has come of it.
_OUTCOME = (*_of(Holds.RESULT, "result"), *_of(Holds.ERROR, "error"), *_QUESTIONS)

_BARE = Shape(_META)
#: What 2025-11-25 answers in place of a result when the request made a task.
_MADE_TASK = _text("task.statusMessage")
_TASK = Shape((*_text("statusMessage"), *_META))
_DETAILED_TASK = Shape((*_TASK.places, *_OUTCOME))
_TASK_LIST = Shape((*_text("tasks[].statusMessage"), *_META), (Listed("tasks[]", "taskId", None),))
_TASK_RESULT = Shape(_of(Holds.RESULT, ""))

#: The C{error} of every method in every revision.
ERROR = Shape((*_text("message"), *_json("data")))

_asks = partial(Method, Sender.CLIENT, Kind.REQUEST)
_tells = partial(Method, Sender.CLIENT, Kind.NOTIFICATION)
_asks_back = partial(Method, Sender.SERVER, Kind.REQUEST)
_tells_back = partial(Method, Sender.SERVER, Kind.NOTIFICATION)

_CLIENT_REQUESTS = (
    _asks(
        "initialize",
        _LEGACY,
        Nature.PROTOCOL,
        Shape((*_at("clientInfo", _PROGRAM), *_META)),
        Shape((*_text("instructions"), *_at("serverInfo", _PROGRAM), *_META)),
    ),
    _asks(
        "server/discover",
        _2026_07,
        Nature.PROTOCOL,
        _BARE,
        Shape((*_text("instructions"), *_META)),
        cacheable=True,
    ),
    _asks("ping", _LEGACY, Nature.PROTOCOL, _BARE, _BARE),
    _asks(
        "tools/list",
        _ALL,
        Nature.LIST,
        _BARE,
        Shape((*_at("tools[]", _TOOL), *_META), (Listed("tools[]", "name", "tools/call"),)),
        cacheable=True,
    ),
    _asks(
        "prompts/list",
        _ALL,
        Nature.LIST,
        _BARE,
        Shape((*_at("prompts[]", _PROMPT), *_META), (Listed("prompts[]", "name", "prompts/get"),)),
        cacheable=True,
    ),
    _asks(
        "resources/list",
        _ALL,
        Nature.LIST,
        _BARE,
        Shape((*_at("resources[]", _RESOURCE), *_META), (Listed("resources[]", "uri", "resources/read"),)),
        cacheable=True,
    ),
    _asks(
        "resources/templates/list",
        _ALL,
        Nature.LIST,
        _BARE,
        Shape(
            (*_at("resourceTemplates[]", _RESOURCE), *_META),
            (Listed("resourceTemplates[]", "uriTemplate", "resources/read"),),
        ),
        cacheable=True,
    ),
    _asks(
        "tools/call",
        _ALL,
        Nature.NAMED,
        Shape((*_json("arguments"), *_ANSWERS, *_META)),
        # The text of a result that isError stands in the same places. A task that the extension
        # makes is told in the result itself, one of 2025-11-25 in a member of it.
        Shape(
            (
                *_at("content[]", _BLOCK),
                *_json("structuredContent"),
                *_text("statusMessage"),
                *_MADE_TASK,
                *_QUESTIONS,
                *_META,
            ),
            (Listed("content[]", "uri", "resources/read", "resource_link"),),
        ),
        name="name",
        judged="tools/call",
        header=NAME_HEADER,
        input_required=True,
    ),
    _asks(
        "prompts/get",
        _ALL,
        Nature.NAMED,
        Shape((*_text("arguments{}"), *_ANSWERS, *_META)),
        # Each message has one block, never an array of them.
        Shape((*_text("description"), *_at("messages[].content", _BLOCK), *_QUESTIONS, *_META)),
        name="name",
        judged="prompts/get",
        header=NAME_HEADER,
        input_required=True,
    ),
    _asks(
        "resources/read",
        _ALL,
        Nature.NAMED,
        Shape((*_ANSWERS, *_META)),
        Shape((*_at("contents[]", _CONTENTS), *_QUESTIONS, *_META)),
        name="uri",
        judged="resources/read",
        header=NAME_HEADER,
        cacheable=True,
        input_required=True,
    ),
    _asks(
        "resources/subscribe",
        _LEGACY,
        Nature.NAMED,
        _BARE,
        _BARE,
        name="uri",
        judged="resources/read",
    ),
    _asks(
        "resources/unsubscribe",
        _LEGACY,
        Nature.NAMED,
        _BARE,
        _BARE,
        name="uri",
        judged="resources/read",
    ),
    # What it is about stands deeper than a param: wire.call knows where.
    _asks(
        "subscriptions/listen",
        _2026_07,
        Nature.FOLLOWS,
        Shape(_META, (Listed("notifications.resourceSubscriptions[]", "", "resources/read"),)),
        _BARE,
    ),
    _asks(
        "completion/complete",
        _ALL,
        Nature.FOLLOWS,
        Shape((*_text("argument.value", "context.arguments{}", "ref.title"), *_META)),
        Shape((*_text("completion.values[]"), *_META), (Listed("completion.values[]", "", None),)),
    ),
    _asks("logging/setLevel", _LEGACY, Nature.FOLLOWS, _BARE, _BARE),
    # A task's id stands for the tool that made it.
    _asks(
        "tasks/get",
        _2025_11 | _2026_07,
        Nature.TASK,
        _BARE,
        _DETAILED_TASK,
        name="taskId",
        header=NAME_HEADER,
        extension=TASKS,
    ),
    _asks(
        "tasks/cancel",
        _2025_11 | _2026_07,
        Nature.TASK,
        _BARE,
        _TASK,
        name="taskId",
        header=NAME_HEADER,
        extension=TASKS,
    ),
    _asks(
        "tasks/update",
        _2026_07,
        Nature.TASK,
        Shape((*_ANSWERS, *_META)),
        _BARE,
        name="taskId",
        header=NAME_HEADER,
        extension=TASKS,
    ),
    _asks("tasks/result", _2025_11, Nature.TASK, _BARE, _TASK_RESULT, name="taskId"),
    _asks("tasks/list", _2025_11, Nature.TASK, _BARE, _TASK_LIST),
)

_CANCELLED = Shape((*_text("reason"), *_META))
_PROGRESS = Shape((*_text("message"), *_META))

_CLIENT_NOTIFICATIONS = (
    _tells("notifications/initialized", _LEGACY, Nature.PROTOCOL, _BARE),
    # Over HTTP 2026-07-28 has it from nobody, but its schema does.
    _tells("notifications/cancelled", _ALL, Nature.PROTOCOL, _CANCELLED),
    _tells("notifications/progress", _LEGACY, Nature.FOLLOWS, _PROGRESS),
    _tells("notifications/roots/list_changed", _LEGACY, Nature.FOLLOWS, _BARE),
    _tells("notifications/tasks/status", _2025_11, Nature.TASK, _TASK, name="taskId"),
)

# Servers ask while they answer, so what they ask follows what they were asked.
_SERVER_REQUESTS = (
    _asks_back("ping", _LEGACY, Nature.PROTOCOL, _BARE, _BARE),
    _asks_back(
        "roots/list",
        _LEGACY,
        Nature.FOLLOWS,
        _BARE,
        Shape((*_text("roots[].name"), *_link("roots[].uri"), *_at("roots[]", _META), *_META)),
        embedded=_2026_07,
    ),
    _asks_back(
        "sampling/createMessage",
        _LEGACY,
        Nature.FOLLOWS,
        Shape(
            (
                *_text("systemPrompt", "stopSequences[]"),
                *_json("metadata"),
                *_at("messages[].content[?]", _SAID),
                *_at("messages[]", _META),
                *_at("tools[]", _TOOL),
                *_META,
            ),
            (Listed("tools[]", "name", None),),
        ),
        Shape((*_at("content[?]", _SAID), *_MADE_TASK, *_META)),
        embedded=_2026_07,
    ),
    _asks_back(
        "elicitation/create",
        _2025_06,
        Nature.FOLLOWS,
        Shape((*_text("message"), *_of(Holds.SCHEMA, "requestedSchema"), *_link("url"), *_META)),
        Shape((*_json("content"), *_MADE_TASK, *_META)),
        embedded=_2026_07,
    ),
    # Of tasks that a client keeps for a server's request.
    _asks_back("tasks/get", _2025_11, Nature.TASK, _BARE, _TASK, name="taskId"),
    _asks_back("tasks/cancel", _2025_11, Nature.TASK, _BARE, _TASK, name="taskId"),
    _asks_back("tasks/result", _2025_11, Nature.TASK, _BARE, _TASK_RESULT, name="taskId"),
    _asks_back("tasks/list", _2025_11, Nature.TASK, _BARE, _TASK_LIST),
)

_SERVER_NOTIFICATIONS = (
    _tells_back("notifications/cancelled", _ALL, Nature.PROTOCOL, _CANCELLED),
    _tells_back("notifications/progress", _ALL, Nature.FOLLOWS, _PROGRESS),
    _tells_back(
        "notifications/message",
        _ALL,
        Nature.FOLLOWS,
        Shape((*_text("logger"), *_json("data"), *_META)),
    ),
    _tells_back("notifications/tools/list_changed", _ALL, Nature.FOLLOWS, _BARE),
    _tells_back("notifications/prompts/list_changed", _ALL, Nature.FOLLOWS, _BARE),
    _tells_back("notifications/resources/list_changed", _ALL, Nature.FOLLOWS, _BARE),
    _tells_back(
        "notifications/resources/updated",
        _ALL,
        Nature.FOLLOWS,
        _BARE,
        name="uri",
        judged="resources/read",
    ),
    _tells_back(
        "notifications/subscriptions/acknowledged",
        _2026_07,
        Nature.FOLLOWS,
        Shape(_META, (Listed("notifications.resourceSubscriptions[]", "", "resources/read"),)),
    ),
    _tells_back("notifications/elicitation/complete", _2025_11, Nature.FOLLOWS, _BARE),
    _tells_back("notifications/tasks/status", _2025_11, Nature.TASK, _TASK, name="taskId"),
    _tells_back(
        "notifications/tasks",
        _2026_07,
        Nature.TASK,
        _DETAILED_TASK,
        name="taskId",
        extension=TASKS,
    ),
)


def _by_method(methods: tuple[Method, ...]) -> Mapping[str, Method]:
    return MappingProxyType({each.method: each for each in methods})


CLIENT_REQUESTS = _by_method(_CLIENT_REQUESTS)
CLIENT_NOTIFICATIONS = _by_method(_CLIENT_NOTIFICATIONS)
SERVER_REQUESTS = _by_method(_SERVER_REQUESTS)
SERVER_NOTIFICATIONS = _by_method(_SERVER_NOTIFICATIONS)
METHODS = (*_CLIENT_REQUESTS, *_CLIENT_NOTIFICATIONS, *_SERVER_REQUESTS, *_SERVER_NOTIFICATIONS)


def client_request(method: str) -> Method | None:
    """What a client asks of a server by this method, if anything."""
    return CLIENT_REQUESTS.get(method)


def client_notification(method: str) -> Method | None:
    """What a client tells a server by this method, if anything."""
    return CLIENT_NOTIFICATIONS.get(method)


def server_request(method: str) -> Method | None:
    """What a server asks of a client by this method, sent or among C{inputRequests}, if anything."""
    return SERVER_REQUESTS.get(method)


def server_notification(method: str) -> Method | None:
    """What a server tells a client by this method, if anything."""
    return SERVER_NOTIFICATIONS.get(method)
