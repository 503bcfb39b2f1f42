"""The registry says what the published schemas say: no message, no field and no name more or less.

C{faults} compares; the tests at the end show that it sees what it should.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import mcp.shared.inbound
import mcp_types.methods as sdk
import pytest
from attrs import evolve

from mcpgate.wire import mcp as registry
from mcpgate.wire.jsonrpc import Kind
from mcpgate.wire.mcp import (
    ERROR,
    FIXED,
    FIXED_ERROR_DATA,
    FIXED_META,
    METHODS,
    REVISIONS,
    SCHEMA_TEXT,
    TASKS,
    Holds,
    Method,
    Nature,
    Sender,
    Shape,
)
from tests.wire.published import BYTES, FREE, NODE, SCHEMAS, STRING, URI, Schema, schema

ROOT = Path(__file__).resolve().parent.parent.parent
if not SCHEMAS.is_dir() and not (ROOT / ".git").exists():
    pytest.skip("the sdist has no published schemas to compare with", allow_module_level=True)

MODERN_TEXT = "2026-07-28"
EXTENSION = "tasks"
UNIONS = {
    (Sender.CLIENT, Kind.REQUEST): "ClientRequest",
    (Sender.CLIENT, Kind.NOTIFICATION): "ClientNotification",
    (Sender.SERVER, Kind.REQUEST): "ServerRequest",
    (Sender.SERVER, Kind.NOTIFICATION): "ServerNotification",
}
#: Below these a path does not go on: what is there is told by what the place holds.
WHOLE = frozenset(Holds) - {Holds.TEXT, Holds.LINK, Holds.BYTES}
#: What may hold what: a string that is a URI is opened or said again, Base64 is never text.
FITS = {Holds.TEXT: STRING, Holds.LINK: URI, Holds.BYTES: BYTES}

#: Fields that nothing reaches, each with the reason.
UNREACHED = {
    # Open objects. No schema says what may stand there, so no path can; see "Paths" in the registry.
    "{}": "members that no schema knows",
}


def versions(method: Method) -> Iterator[tuple[Schema, str]]:
    """Each schema that has a method of the registry, with its definition there."""
    for revision in REVISIONS:
        definition = schema(revision).union(UNIONS[method.sender, method.kind]).get(method.method)
        if definition is None and revision in method.embedded:
            definition = schema(revision).union("InputRequest").get(method.method)
        if definition is not None:
            yield schema(revision), definition
    if method.extension is not None and method.method in extended(method.sender, method.kind):
        yield schema(EXTENSION), extended(method.sender, method.kind)[method.method]


def extended(sender: Sender, kind: Kind) -> dict[str, str]:
    """The definition of each method that the extension adds; only servers notify in it, only clients ask."""
    ending = {(Sender.CLIENT, Kind.REQUEST): "Request", (Sender.SERVER, Kind.NOTIFICATION): "Notification"}
    if (sender, kind) not in ending:
        return {}
    found = {}
    for name, node in schema(EXTENSION).defs.items():
        if name.endswith(ending[sender, kind]) and schema(EXTENSION).members(node, "method"):
            consts = {part.get("const") for part in schema(EXTENSION).members(node, "method")} - {None}
            found.update({method: name for method in consts if "tasks" in method})
    return found


def results(published: Schema, definition: str, method: Method) -> list[str]:
    """The definitions of all results that a request may have."""
    name = re.sub("Request$", "Result", definition)
    if f"{name}Response" in published.defs:
        (node,) = published.members(published.defs[f"{name}Response"], "result")
        return [each["$ref"].removeprefix("#/$defs/") for each in node.get("anyOf", [node])]
    found = [name] if name in published.defs else ["EmptyResult"]
    params = published.members(published.defs[definition], "params")
    if any(published.members(part, "task") for part in params):
        found.append("CreateTaskResult")
    if published.name == EXTENSION:
        return [name]
    return found


def reach(path: str) -> list[str]:
    """The paths in a schema that a path of the registry stands for."""
    return [path.replace("[?]", ""), path.replace("[?]", "[]")] if "[?]" in path else [path]


def places(shape: Shape) -> dict[str, Holds]:
    return {path: place.holds for place in shape.places for path in reach(place.path)}


def below(path: str, whole: str) -> bool:
    return whole == "" or path == whole or (path.startswith(whole) and path[len(whole)] in ".[{")


def unreached(shape: Shape, fields: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Strings and free JSON that are neither at a place nor fixed; and places that hold something else."""
    known = places(shape)
    whole = [path for path, holds in known.items() if holds in WHOLE]
    for path, what in fields:
        if any(below(path, each) for each in whole):
            continue
        if what == NODE:
            continue
        if path in known and FITS[known[path]] == what:
            continue
        if path in known:
            yield f"{path} holds {what}, not {known[path].value}"
        elif not FIXED.keys() & set(re.split(r"[.\[\]{}]+", path)) and path not in UNREACHED:
            yield f"{path} ({what}) is reached by nothing"


def absent(shape: Shape, fields: Sequence[tuple[str, str]]) -> Iterator[str]:
    """What a shape names and no revision has."""
    seen = {path for path, _ in fields}
    for place in shape.places:
        if not seen.issuperset(reach(place.path)):
            yield f"no schema has {place.path}"
    for listed in shape.lists:
        member = f"{listed.path}.{listed.member}" if listed.member else listed.path
        if not listed.path.endswith("[]") or not seen.issuperset({listed.path, member}):
            yield f"no schema has a list {listed.path} with {member}"


def faults(methods: Sequence[Method]) -> list[str]:
    """Everything in which the registry and the schemas differ."""
    return [*differing_methods(methods), *(fault for each in methods for fault in differing_fields(each))]


def differing_methods(methods: Sequence[Method]) -> Iterator[str]:
    """Methods that either side lacks, revision by revision."""
    for (sender, kind), union in UNIONS.items():
        ours = [each for each in methods if (each.sender, each.kind) == (sender, kind)]
        for revision in REVISIONS:
            core = {
                each.method
                for each in ours
                if revision in each.revisions and not (each.extension and revision == MODERN_TEXT)
            }
            for name in core ^ schema(revision).union(union).keys():
                yield f"{revision} {union}: {name}"
            embedded = {each.method for each in ours if revision in each.embedded}
            asked = schema(revision).union("InputRequest") if union == "ServerRequest" else {}
            for name in embedded ^ asked.keys():
                yield f"{revision} InputRequest: {name}"
        extension = {each.method for each in ours if each.extension and MODERN_TEXT in each.revisions}
        for name in extension ^ extended(sender, kind).keys():
            yield f"tasks {union}: {name}"


def differing_fields(method: Method) -> Iterator[str]:
    """Params and results that one side has and the other does not."""
    what = f"{method.sender.value} {method.method}"
    params: list[tuple[str, str]] = []
    answers: list[tuple[str, str]] = []
    for published, definition in versions(method):
        where = f"{published.name} {what}"
        parts = published.members(published.defs[definition], "params")
        here = [field for part in parts for field in published.fields(part)]
        params += here
        yield from (f"{where} params: {fault}" for fault in unreached(method.params, here))
        if method.name is not None and (method.name, STRING) not in here and (method.name, URI) not in here:
            yield f"{where} params: no name {method.name}"
        if method.result is not None:
            here = [
                field
                for name in results(published, definition, method)
                for field in published.fields(published.defs[name])
            ]
            if method.method == "tools/call" and published.name == MODERN_TEXT:
                # The one method that the extension lets be answered with a task.
                here += schema(EXTENSION).fields(schema(EXTENSION).defs["CreateTaskResult"])
            answers += here
            yield from (f"{where} result: {fault}" for fault in unreached(method.result, here))
    # What all messages may have, some schemas say only of messages in general.
    params += [("_meta", NODE)]
    answers += [("_meta", NODE)]
    yield from (f"{what} params: {fault}" for fault in absent(method.params, params))
    if method.result is not None:
        yield from (f"{what} result: {fault}" for fault in absent(method.result, answers))


def test_the_registry_is_what_the_schemas_say() -> None:
    """Every method of every revision, with every string and all free JSON in its params and results."""
    assert faults(METHODS) == []


def test_a_method_is_there_once_for_each_side() -> None:
    """Tables and the list of all are the same, so nothing is shadowed."""
    tables = (
        registry.CLIENT_REQUESTS,
        registry.CLIENT_NOTIFICATIONS,
        registry.SERVER_REQUESTS,
        registry.SERVER_NOTIFICATIONS,
    )
    assert [method for table in tables for method in table.values()] == list(METHODS)
    for method in METHODS:
        assert (method.result is None) is (method.kind is Kind.NOTIFICATION), method.method
        assert method.revisions | method.embedded <= set(REVISIONS)
        assert method.extension in (None, TASKS)
    # What wire.call takes as one table.
    assert not registry.CLIENT_REQUESTS.keys() & registry.CLIENT_NOTIFICATIONS.keys()


def test_look_ups_know_who_asks() -> None:
    """What servers ask of clients is nothing that a client can ask, and the other way round."""
    sampling = registry.server_request("sampling/createMessage")
    assert sampling is not None and "2025-11-25" in sampling.revisions
    assert MODERN_TEXT not in sampling.revisions and MODERN_TEXT in sampling.embedded
    assert registry.client_request("sampling/createMessage") is None
    assert registry.server_request("tools/call") is None
    assert registry.server_notification("notifications/message") is not None
    assert registry.client_notification("notifications/message") is None
    ping = registry.server_request("ping"), registry.client_request("ping")
    assert [each and each.sender for each in ping] == [Sender.SERVER, Sender.CLIENT]
    assert registry.server_request("ping ") is None and registry.client_request("Ping") is None


def test_every_result_of_the_schemas_is_that_of_some_method() -> None:
    """So no result is overlooked because its request is not called like it."""
    for revision in REVISIONS:
        used = {
            name
            for method in METHODS
            if method.result is not None
            for published, definition in versions(method)
            if published.name == revision
            for name in results(published, definition, method)
        }
        there = {name for name in schema(revision).defs if name.endswith("Result")}
        assert there - used - {"Result", "EmptyResult"} <= {
            # What others are made of; and the answer of whoever sends requests, in one word.
            *("PaginatedResult", "CacheableResult", "ClientResult", "ServerResult"),
        }, revision


def test_what_may_be_cached_or_asked_back_is_what_the_schema_says() -> None:
    """The results with ttlMs and cacheScope, and those that may be an InputRequiredResult."""
    cacheable, asking = set(), set()
    for method in METHODS:
        for published, definition in versions(method):
            if published.name == MODERN_TEXT and method.kind is Kind.REQUEST and not method.embedded:
                names = results(published, definition, method)
                asking |= {method.method} if "InputRequiredResult" in names else set()
                fields = {path for name in names for path, _ in published.fields(published.defs[name])}
                cacheable |= {method.method} if fields >= {"ttlMs", "cacheScope"} else set()
    assert cacheable == {method.method for method in METHODS if method.cacheable} != set()
    assert asking == {method.method for method in METHODS if method.input_required} != set()


def test_errors_are_reached_in_every_revision() -> None:
    """Also those that a revision describes further."""
    for name in (*REVISIONS, EXTENSION):
        published = schema(name)
        found = 0
        for definition, node in published.defs.items():
            told = definition.endswith(("Error", "ErrorResponse"))
            errors = published.members(node, "error") if told else []
            for error in [*errors, *([node] if definition == "Error" else [])]:
                fields = list(published.fields(error))
                found += 1
                assert list(unreached(ERROR, fields)) == [], (name, definition)
        assert found
    modern = schema(MODERN_TEXT)
    members = {
        path.split(".")[1]
        for definition in ("UnsupportedProtocolVersionError", "MissingRequiredClientCapabilityError")
        for error in modern.members(modern.defs[definition], "error")
        for path, _ in modern.fields(error)
        if path.startswith("data.")
    }
    assert {name.partition("[")[0] for name in members} == FIXED_ERROR_DATA


#: What members of these names are where a place wins over L{FIXED}: text, or an address to open.
PEOPLE_READ = {
    ("resources/list", "resources[].name"),
    ("resources/templates/list", "resourceTemplates[].name"),
    ("tools/call", "content[].name"),
    ("prompts/get", "messages[].content.name"),
    ("sampling/createMessage", "messages[].content[?].content[].name"),
    ("sampling/createMessage", "content[?].content[].name"),
    ("roots/list", "roots[].name"),
    ("roots/list", "roots[].uri"),
}


def test_what_is_fixed_is_a_member_somewhere_and_text_only_where_people_read_it() -> None:
    """A name that nothing has would be a promise about nothing; a place is never there by accident."""
    members = {"jsonrpc", "id", "method", "taskIds"}
    for method in METHODS:
        for published, definition in versions(method):
            names = results(published, definition, method) if method.result is not None else []
            nodes = published.members(published.defs[definition], "params")
            nodes += [published.defs[name] for name in names]
            for node in nodes:
                members |= {
                    name for path, _ in published.fields(node) for name in re.split(r"[.\[\]{}]+", path)
                }
    assert FIXED.keys() <= members
    winners = {
        (method.method, place.path)
        for method in METHODS
        for shape in (method.params, method.result or Shape())
        for place in shape.places
        if FIXED.keys() & set(re.split(r"[.\[\]{}?]+", place.path))
    }
    assert winners == PEOPLE_READ


def test_the_protocols_own_metadata_is_fixed() -> None:
    """Every member of C{_meta} that a schema names, but for what programs say of themselves."""
    named = {
        name
        for revision in REVISIONS
        for definition in schema(revision).defs.values()
        for part in [definition, *schema(revision).members(definition, "_meta")]
        for name in part.get("properties", {})
        if name.startswith("io.modelcontextprotocol/")
    }
    named -= {"io.modelcontextprotocol/clientInfo", "io.modelcontextprotocol/serverInfo"}
    ours = {name for name in FIXED_META if name.startswith("io.modelcontextprotocol/")}
    # The schema of 2025-11-25 describes related tasks (RelatedTaskMetadata) but not under which name.
    assert ours == named | {"io.modelcontextprotocol/related-task"}
    assert "progressToken" in FIXED_META


def test_the_text_of_schemas_is_what_a_schema_of_mcp_has() -> None:
    """Every string of a form's fields is text, or grammar: its type, its format."""
    for revision in ("2025-06-18", "2025-11-25", "2026-07-28"):
        definition = schema(revision).defs["PrimitiveSchemaDefinition"]
        strings = {
            re.split(r"[.\[\]{}]+", path.removesuffix("[]"))[-1]
            for path, what in schema(revision).fields(definition)
            if what != NODE
        }
        assert strings and strings <= SCHEMA_TEXT


def test_lists_name_what_rules_can_name() -> None:
    """An item is judged by the method that would use it."""
    for method in METHODS:
        for shape in (method.params, method.result or Shape()):
            for listed in shape.lists:
                used = registry.client_request(listed.judged) if listed.judged is not None else None
                assert (used is None) is (listed.judged is None)
                assert used is None or used.nature is Nature.NAMED
        assert method.nature is not Nature.LIST or (method.result is not None and method.result.lists)
        assert method.nature is not Nature.NAMED or (method.name is not None and method.judged is not None)


def official(table: object) -> set[tuple[str, str]]:
    assert isinstance(table, sdk.MappingProxyType)
    return set(table)


def test_the_official_sdk_has_the_same_methods() -> None:
    """A second reading of the specification, which leaves tasks out."""
    tables = {
        (Sender.CLIENT, Kind.REQUEST): sdk.CLIENT_REQUESTS,
        (Sender.CLIENT, Kind.NOTIFICATION): sdk.CLIENT_NOTIFICATIONS,
        (Sender.SERVER, Kind.REQUEST): sdk.SERVER_REQUESTS,
        (Sender.SERVER, Kind.NOTIFICATION): sdk.SERVER_NOTIFICATIONS,
    }
    for sides, table in tables.items():
        assert official(table) == {
            (method.method, revision)
            for method in METHODS
            if (method.sender, method.kind) == sides and "tasks" not in method.method
            for revision in method.revisions
        }
    assert {method.method for method in METHODS if method.cacheable} == sdk.CACHEABLE_METHODS
    assert {method.method for method in METHODS if method.input_required} == sdk.INPUT_REQUIRED_METHODS


def test_the_official_sdk_mirrors_the_same_names() -> None:
    """Those of the extension are told by its own text: tasks, "Streamable HTTP: Routing Headers"."""
    mirrored = {method.method: method.name for method in METHODS if method.header is not None}
    tasks = {"tasks/get": "taskId", "tasks/cancel": "taskId", "tasks/update": "taskId"}
    assert mirrored == {**mcp.shared.inbound.NAME_BEARING_METHODS, **tasks}
    assert registry.NAME_HEADER.lower() == mcp.shared.inbound.MCP_NAME_HEADER


Change = Callable[[Method], "Method | None"]


def without(path: str) -> Callable[[Shape], Shape]:
    def change(shape: Shape) -> Shape:
        kept = tuple(place for place in shape.places if place.path != path)
        assert kept != shape.places
        return evolve(shape, places=kept)

    return change


def also(path: str, holds: Holds = Holds.TEXT) -> Callable[[Shape], Shape]:
    return lambda shape: evolve(shape, places=(*shape.places, registry.Place(path, holds)))


def as_text(path: str) -> Callable[[Shape], Shape]:
    return lambda shape: also(path)(without(path)(shape))


def params(change: Callable[[Shape], Shape]) -> Change:
    return lambda method: evolve(method, params=change(method.params))


def result(change: Callable[[Shape], Shape]) -> Change:
    return lambda method: evolve(method, result=change(method.result or Shape()))


@pytest.mark.parametrize(
    ("sender", "method", "change"),
    [
        (Sender.CLIENT, "tools/call", lambda method: None),
        (Sender.CLIENT, "tasks/update", lambda method: None),
        (Sender.SERVER, "tasks/result", lambda method: None),
        (Sender.SERVER, "notifications/message", lambda method: None),
        (Sender.SERVER, "notifications/tasks", lambda method: None),
        (Sender.CLIENT, "ping", lambda method: evolve(method, revisions=frozenset(REVISIONS))),
        (Sender.CLIENT, "tools/call", lambda method: evolve(method, revisions=frozenset(REVISIONS[1:]))),
        (Sender.CLIENT, "ping", lambda method: evolve(method, sender=Sender.SERVER, method="pong")),
        (Sender.CLIENT, "tasks/get", lambda method: evolve(method, extension=None)),
        (Sender.SERVER, "roots/list", lambda method: evolve(method, embedded=frozenset())),
        (Sender.CLIENT, "tools/call", lambda method: evolve(method, name="tool")),
        (Sender.CLIENT, "resources/read", lambda method: evolve(method, name="contents")),
        (Sender.CLIENT, "tools/call", params(without("arguments"))),
        (Sender.CLIENT, "tools/call", params(without("inputResponses"))),
        (Sender.CLIENT, "tools/call", result(without("structuredContent"))),
        (Sender.CLIENT, "tools/call", result(without("content[].resource.text"))),
        (Sender.CLIENT, "tools/call", result(without("inputRequests"))),
        (Sender.CLIENT, "tools/call", result(without("content[].data"))),
        (Sender.CLIENT, "tools/call", result(as_text("content[].data"))),
        (Sender.CLIENT, "tools/call", result(without("task.statusMessage"))),
        (Sender.CLIENT, "tools/call", result(without("statusMessage"))),
        (Sender.CLIENT, "tools/list", result(without("tools[].icons[].src"))),
        (Sender.CLIENT, "tasks/get", result(without("error"))),
        (Sender.CLIENT, "tasks/list", result(without("tasks[].statusMessage"))),
        (Sender.CLIENT, "prompts/get", result(also("messages[].content[].text"))),
        (Sender.CLIENT, "prompts/get", params(also("argument"))),
        (Sender.CLIENT, "completion/complete", params(without("context.arguments{}"))),
        (Sender.SERVER, "sampling/createMessage", params(without("messages[].content[?].text"))),
        (Sender.SERVER, "sampling/createMessage", params(without("metadata"))),
        (Sender.SERVER, "sampling/createMessage", result(without("content[?].input"))),
        (Sender.SERVER, "elicitation/create", params(without("url"))),
        (Sender.SERVER, "elicitation/create", params(without("requestedSchema"))),
        (Sender.SERVER, "notifications/message", params(without("data"))),
        (Sender.SERVER, "notifications/progress", params(without("message"))),
    ],
)
def test_a_registry_that_differs_is_caught(sender: Sender, method: str, change: Change) -> None:
    """The judge itself works: a registry with one fault has faults, and they name the method."""
    changed = []
    for each in METHODS:
        this = each.method == method and each.sender is sender
        new = change(each) if this else each
        changed += [new] if new is not None else []
    assert changed != list(METHODS)
    assert any(method in fault for fault in faults(changed))


@pytest.mark.parametrize("name", ["cursor", "nextCursor", "requestState", "uri", "model", "createdAt"])
def test_a_field_that_is_fixed_no_more_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be a string that nobody reaches."""
    fewer = {member: reason for member, reason in FIXED.items() if member != name}
    monkeypatch.setattr(f"{__name__}.FIXED", fewer)
    assert any(name in fault for fault in faults(METHODS))


def test_a_field_may_hold_anything_that_is_free() -> None:
    """What the walk calls free: no type, any members, JSON told in terms of itself."""
    published = schema(MODERN_TEXT)
    assert list(published.fields({})) == [("", FREE)]
    assert ("a{}", FREE) in published.fields({"properties": {"a": {"type": "object"}}})
    assert ("a[]", FREE) in published.fields({"properties": {"a": {"type": "array"}}})
    assert ("x", STRING) in published.fields({"properties": {"x": {"type": ["string", "integer"]}}})
    assert any(what == FREE for _, what in published.fields(published.defs["JSONValue"]))
    assert all(what == NODE for _, what in published.fields(published.defs["LoggingLevel"]))
