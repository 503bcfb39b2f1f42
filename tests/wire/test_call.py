"""Every method has a nature, and what is named is known by one name to policy."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.call import SUBJECTS_MOST, Call, Nature, alike, call_of, listened_tasks
from mcpgate.wire.jsonrpc import Kind, Message, parse


def call(method: str, params: Mapping[str, object] | None = None) -> Call | Refusal:
    """What a request with these params asks for."""
    return call_of(Message(Kind.REQUEST, 1, method, params or {}))


@pytest.mark.parametrize(
    ("method", "nature"),
    [
        ("initialize", Nature.PROTOCOL),
        ("notifications/initialized", Nature.PROTOCOL),
        ("server/discover", Nature.PROTOCOL),
        ("ping", Nature.PROTOCOL),
        ("notifications/cancelled", Nature.PROTOCOL),
        ("tools/list", Nature.LIST),
        ("prompts/list", Nature.LIST),
        ("resources/list", Nature.LIST),
        ("resources/templates/list", Nature.LIST),
        ("logging/setLevel", Nature.FOLLOWS),
        ("notifications/progress", Nature.FOLLOWS),
        ("notifications/roots/list_changed", Nature.FOLLOWS),
        ("tasks/get", Nature.TASK),
        ("tasks/result", Nature.TASK),
        ("tasks/update", Nature.TASK),
        ("notifications/tasks/status", Nature.TASK),
        # Only servers send these.
        ("elicitation/create", Nature.OTHER),
        ("sampling/createMessage", Nature.OTHER),
        ("roots/list", Nature.OTHER),
        ("notifications/message", Nature.OTHER),
        ("Tools/list", Nature.OTHER),
        ("ping ", Nature.OTHER),
        ("", Nature.OTHER),
    ],
)
def test_a_method_that_names_nothing_is_judged_by_itself(method: str, nature: Nature) -> None:
    assert call(method, {"name": "x", "uri": "y"}) == Call(method, None, nature, ((method, None),))


@pytest.mark.parametrize(
    ("method", "param", "judged"),
    [
        ("tools/call", "name", "tools/call"),
        ("prompts/get", "name", "prompts/get"),
        ("resources/read", "uri", "resources/read"),
        ("resources/subscribe", "uri", "resources/read"),
        ("resources/unsubscribe", "uri", "resources/read"),
    ],
)
def test_a_method_that_names_something_is_judged_with_that_name(method: str, param: str, judged: str) -> None:
    assert call(method, {param: "r\u200bm "}) == Call(
        method, "r\u200bm ", Nature.NAMED, ((judged, "r\u200bm "),)
    )
    for params in ({}, {param: None}, {param: 1}, {param: ["a"]}, {"other": "a"}):
        refusal = call(method, params)
        assert isinstance(refusal, Refusal) and refusal.reason is Reason.FRAME_PARAMS


@pytest.mark.parametrize(
    ("ref", "judged"),
    [
        ({"type": "ref/prompt", "name": "p", "title": "P"}, ("prompts/get", "p")),
        ({"type": "ref/resource", "uri": "file:///{path}"}, ("resources/read", "file:///{path}")),
    ],
)
def test_a_completion_is_judged_as_using_what_it_completes_for(
    ref: Mapping[str, object], judged: tuple[str, str]
) -> None:
    found = call("completion/complete", {"ref": ref, "argument": {"name": "a", "value": ""}})
    assert found == Call("completion/complete", judged[1], Nature.FOLLOWS, (judged,))


@pytest.mark.parametrize(
    "ref",
    [
        None,
        "ref/prompt",
        {},
        {"type": "ref/tool", "name": "x"},
        {"type": ["ref/prompt"], "name": "x"},
        {"type": "ref/prompt", "uri": "x"},
        {"type": "ref/prompt", "name": 1},
        {"type": "ref/prompt", "name": "a", "Name": "b"},
    ],
)
def test_a_completion_for_nothing_known_is_refused(ref: object) -> None:
    refusal = call("completion/complete", {"ref": ref})
    assert isinstance(refusal, Refusal) and refusal.reason is Reason.FRAME_PARAMS


LISTEN = "subscriptions/listen"


@pytest.mark.parametrize(
    ("params", "name", "nature", "judged"),
    [
        ({}, None, Nature.FOLLOWS, [(LISTEN, None)]),
        ({"notifications": {"toolsListChanged": True}}, None, Nature.FOLLOWS, [(LISTEN, None)]),
        (
            {"notifications": {"resourceSubscriptions": ["file:///a"]}, "_meta": {}},
            "file:///a",
            Nature.FOLLOWS,
            [("resources/read", "file:///a")],
        ),
        (
            {"notifications": {"resourceSubscriptions": ["a:b", "c:d"], "toolsListChanged": True}},
            "a:b c:d",
            Nature.FOLLOWS,
            [("resources/read", "a:b"), ("resources/read", "c:d")],
        ),
        (
            {"notifications": {"resourceSubscriptions": ["", "a:b", ""]}},
            " a:b ",
            Nature.FOLLOWS,
            [("resources/read", ""), ("resources/read", "a:b"), ("resources/read", "")],
        ),
        ({"notifications": {"taskIds": ["1"]}}, None, Nature.TASK, [(LISTEN, None)]),
        (
            {"notifications": {"taskIds": ["1"], "resourceSubscriptions": ["a:b"]}},
            "a:b",
            Nature.TASK,
            [("resources/read", "a:b")],
        ),
        ({"notifications": {"taskIds": []}}, None, Nature.FOLLOWS, [(LISTEN, None)]),
        ({"notifications": {"taskids": ["1"]}}, None, Nature.OTHER, [(LISTEN, None)]),
        ({"notifications": {"ResourceSubscriptions": ["a:b"]}}, None, Nature.OTHER, [(LISTEN, None)]),
        ({"Notifications": {"resourceSubscriptions": ["a:b"]}}, None, Nature.OTHER, [(LISTEN, None)]),
    ],
)
def test_listening_follows_what_is_listened_for(
    params: Mapping[str, object], name: str | None, nature: Nature, judged: list[tuple[str, str | None]]
) -> None:
    assert call(LISTEN, params) == Call(LISTEN, name, nature, tuple(judged))


def test_the_tasks_that_are_listened_for() -> None:
    assert listened_tasks({"notifications": {"taskIds": ["1", "2"]}}) == ("1", "2")
    for params in ({}, {"notifications": None}, {"notifications": {}}, {"notifications": {"taskIds": {}}}):
        assert listened_tasks(params) == ()


def test_one_request_listens_for_so_many_resources_and_no_more() -> None:
    """Each costs a judgement; what is too many is refused, however alike they are."""
    most = [f"a:{i}" for i in range(SUBJECTS_MOST)]
    found = call(LISTEN, {"notifications": {"resourceSubscriptions": most}})
    assert isinstance(found, Call) and [name for _, name in found.judged_as] == most
    for uris, tasks in (([*most, "a:b"], []), (["a:b"] * (SUBJECTS_MOST + 1), []), (most, ["1"])):
        refusal = call(LISTEN, {"notifications": {"resourceSubscriptions": uris, "taskIds": tasks}})
        assert isinstance(refusal, Refusal) and refusal.reason is Reason.FRAME_PARAMS


@pytest.mark.parametrize(
    "wanted",
    [
        None,
        [],
        {"resourceSubscriptions": "a:b"},
        {"resourceSubscriptions": [1]},
        {"taskIds": "1"},
        {"taskIds": [1]},
        {"resourceSubscriptions": {}},
    ],
)
def test_a_malformed_subscription_is_refused(wanted: object) -> None:
    refusal = call(LISTEN, {"notifications": wanted})
    assert isinstance(refusal, Refusal) and refusal.reason is Reason.FRAME_PARAMS


@pytest.mark.parametrize(
    ("method", "params", "key"),
    [
        ("tools/call", {"name": "a", "arguments": {}}, ("tools/call", "a")),
        ("resources/subscribe", {"uri": "a:b"}, ("resources/subscribe", "a:b")),
        ("tools/call", {"name": 1}, None),
        ("tools/list", {"cursor": "x"}, ("tools/list", None)),
        (LISTEN, {}, None),
        ("completion/complete", {}, None),
        ("sampling/createMessage", {}, None),
    ],
)
def test_alike_is_what_differs_by_method_and_name_only(
    method: str, params: Mapping[str, object], key: tuple[str, str | None] | None
) -> None:
    """What depends on more, or is refused, has nothing in common with others."""
    assert alike(Message(Kind.REQUEST, 1, method, params)) == key


def test_a_response_asks_for_nothing() -> None:
    refusal = call_of(Message(Kind.RESPONSE, 1, None, {}))
    assert isinstance(refusal, Refusal) and refusal.reason is Reason.FRAME_ENVELOPE


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["name", "uri", "ref", "type", "notifications", "resourceSubscriptions"]), inner
        ),
    ),
    max_leaves=8,
)


@given(
    st.sampled_from(["tools/call", "prompts/get", "resources/read", "completion/complete", LISTEN, "x"]),
    st.dictionaries(st.sampled_from(["name", "uri", "ref", "notifications", "_meta"]), JSON),
)
def test_no_params_make_it_raise_and_a_named_call_has_its_name(
    method: str, params: dict[str, object]
) -> None:
    message = parse(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode())
    assert isinstance(message, Message)
    found = call_of(message)
    if isinstance(found, Call):
        names = [name for _, name in found.judged_as]
        assert found.method == method and names
        assert names == [None] if found.name is None else " ".join(map(str, names)) == found.name
        assert found.nature is not Nature.NAMED or found.name is not None
