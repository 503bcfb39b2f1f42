"""What is left of a list for a caller that may not use all of it."""

from __future__ import annotations

import json
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.policy.lists import (
    JUDGED_NEWS,
    LISTS,
    NAMES_MOST,
    PAGES_MOST,
    TTL_MOST,
    Filtered,
    May,
    Pages,
    cursor_of,
    filtered,
    news,
    untouched,
)
from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.jsonrpc import Message, parse
from mcpgate.wire.mcp import CLIENT_REQUESTS


def only(*names: str) -> May:
    return lambda method, name: name in names


def everything(method: str, name: str) -> bool:
    return True


def read(raw: bytes) -> Message:
    message = parse(raw)
    assert isinstance(message, Message), message
    return message


def left(
    raw: bytes,
    may: May,
    method: str | None = "tools/list",
    pages: Pages | None = None,
    cursor: str | None = None,
) -> Filtered | Refusal:
    asked = CLIENT_REQUESTS[method] if method is not None else None
    return filtered(asked, read(raw), raw, may, pages=pages or Pages(), cursor=cursor)


def passed(raw: bytes, may: May, method: str | None = "tools/list", **more: Any) -> bytes:
    found = left(raw, may, method, **more)
    assert isinstance(found, Filtered), found
    return found.raw


def refused(raw: bytes, may: May, method: str | None = "tools/list", **more: Any) -> Refusal:
    found = left(raw, may, method, **more)
    assert isinstance(found, Refusal), found
    return found


def result(**inside: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": inside}).encode()


def tools(*names: object, **more: object) -> bytes:
    return result(tools=[{"name": name, "inputSchema": {"type": "object"}} for name in names], **more)


def inside(raw: bytes) -> Any:
    return json.loads(raw)["result"]


# Whole items go, and nothing else changes.


def test_a_denied_tool_is_not_in_the_list_and_every_other_byte_is() -> None:
    """White space, numbers as they were written, escapes, and the cursor."""
    raw = (
        b'{ "jsonrpc":"2.0","id" : 1, "result":{"_meta":{"n":1.10,"e":1e2}, "tools": [\n'
        b' {"name":"get_x","n":1.0} ,\n {"name":"r\\u006d"},\n {"name":"get_y", "s":"\\u0041"}\n],'
        b' "nextCursor":"c"}}'
    )
    assert passed(raw, only("get_x", "get_y")) == (
        b'{ "jsonrpc":"2.0","id" : 1, "result":{"_meta":{"n":1.10,"e":1e2}, "tools": [\n'
        b' {"name":"get_x","n":1.0} ,\n {"name":"get_y", "s":"\\u0041"}\n], "nextCursor":"c"}}'
    )


@pytest.mark.parametrize(
    ("method", "member", "judged", "shown", "hidden"),
    [
        ("tools/list", "tools", "tools/call", {"name": "yes"}, {"name": "no"}),
        ("prompts/list", "prompts", "prompts/get", {"name": "yes"}, {"name": "no"}),
        ("resources/list", "resources", "resources/read", {"uri": "yes"}, {"uri": "no", "name": "yes"}),
        (
            "resources/templates/list",
            "resourceTemplates",
            "resources/read",
            {"uriTemplate": "yes", "name": "no"},
            {"uriTemplate": "no", "uri": "yes", "name": "yes"},
        ),
    ],
)
def test_every_list_is_judged_by_what_its_items_are_used_by(
    method: str, member: str, judged: str, shown: dict[str, str], hidden: dict[str, str]
) -> None:
    """A resource by its URI, whatever its name is."""
    asked = set()

    def may(by: str, name: str) -> bool:
        asked.add((by, name))
        return name == "yes"

    found = left(result(**{member: [hidden, shown, hidden]}, nextCursor="more"), may, method)
    assert isinstance(found, Filtered)
    assert found.gone == 2
    assert inside(found.raw) == {member: [shown], "nextCursor": "more"}
    assert asked == {(judged, "yes"), (judged, "no")}


def test_an_empty_page_keeps_its_array_and_its_cursor() -> None:
    """C{[]} and a cursor is a page like others; clients need both."""
    assert inside(passed(tools("rm", "mv", nextCursor="2"), only())) == {"tools": [], "nextCursor": "2"}


def test_nothing_to_hide_is_the_very_bytes() -> None:
    """Not even a copy of them."""
    raw = tools("get_x", "get_y", nextCursor="2", ttlMs=1000, cacheScope="private")
    assert passed(raw, everything) is raw


@pytest.mark.parametrize(
    "item", [{"title": "x"}, {"name": 1}, {"name": True}, {"name": None}, "get_x", True, 1, None, []]
)
def test_what_has_no_name_cannot_be_judged_and_goes(item: object) -> None:
    """Whatever a rule says of everything."""
    raw = result(tools=[{"name": "get_x"}, item])
    assert inside(passed(raw, everything)) == {"tools": [{"name": "get_x"}]}


@pytest.mark.parametrize("value", [{}, {"0": {"name": "rm"}}, "rm", 1, None])
def test_a_list_that_is_no_array_is_refused(value: object) -> None:
    """Some client might find items in it."""
    assert refused(result(tools=value), everything).reason is Reason.UPSTREAM_MESSAGE


@pytest.mark.parametrize("method", sorted(LISTS))
def test_a_result_without_its_list_passes(method: str) -> None:
    """It shows nothing; what it is worth is for its client to say."""
    raw = result(other=1)
    assert passed(raw, only(), method) is raw
    assert passed(b'{"jsonrpc":"2.0","id":1,"result":null}', only(), method).endswith(b"null}")
    assert passed(b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}', only(), method)


def test_an_answer_to_nobody_knows_what_is_filtered_as_every_list() -> None:
    """As one on a stream that another worker resumes."""
    raw = result(tools=[{"name": "no"}], prompts=[{"name": "yes"}], ttlMs=10**9, cacheScope="public")
    assert inside(passed(raw, only("yes"), None)) == {
        "tools": [],
        "prompts": [{"name": "yes"}],
        "ttlMs": TTL_MOST,
        "cacheScope": "private",
    }


# Links, completions, subscriptions.


def test_links_to_resources_that_may_not_be_read_go_from_a_result() -> None:
    """Only the links: an embedded resource was the tool's to show, and text is text."""
    content = [
        {"type": "text", "text": "resource_link", "uri": "file:///no"},
        {"type": "resource_link", "uri": "file:///no", "name": "a"},
        {"type": "resource_link", "uri": "file:///yes", "name": "b"},
        {"type": "resource", "resource": {"uri": "file:///no", "text": "x"}},
        {"type": "resource_link", "name": "c"},
    ]
    raw = result(content=content, structuredContent={"content": content})
    assert not untouched("tools/call", read(raw).result)
    assert inside(passed(raw, only("file:///yes"), "tools/call")) == {
        "content": [content[0], content[2], content[3]],
        "structuredContent": {"content": content},
    }
    # What a task has come to is the result of its tool.
    raw = result(content=content[1:3])
    assert not untouched("tasks/result", read(raw).result)
    assert inside(passed(raw, only("file:///yes"), "tasks/result")) == {"content": [content[2]]}
    raw = result(taskId="t", result={"content": content[1:3]})
    assert not untouched("tasks/get", read(raw).result)
    assert inside(passed(raw, only("file:///yes"), "tasks/get"))["result"] == {"content": [content[2]]}
    raw = result(taskId="t", status="working")
    assert passed(raw, only("file:///yes"), "tasks/get") is raw


@pytest.mark.parametrize(
    ("method", "inside", "at_once"),
    [
        ("tools/call", {"content": [{"type": "text", "text": "x"}]}, True),
        ("tools/call", {"content": [{"type": "resource_link"}]}, False),
        ("tools/call", {"content": {"type": "resource_link"}}, False),
        ("tools/call", {"structuredContent": 1}, True),
        ("tools/call", {}, True),
        ("resources/read", {"contents": []}, True),
        ("resources/read", {"contents": [], "cacheScope": "private"}, True),
        ("resources/read", {"contents": [], "cacheScope": "public"}, False),
        ("prompts/get", {"content": [{"type": "resource_link"}]}, True),
        ("ping", None, True),
        ("tools/call", [1], True),
    ],
)
def test_most_results_are_seen_to_pass_at_a_glance(method: str, inside: object, at_once: bool) -> None:
    """Those in which nothing can be listed, or be kept for everybody."""
    assert untouched(method, inside) is at_once
    if at_once:
        raw = json.dumps({"jsonrpc": "2.0", "id": 1, "result": inside}).encode()
        assert passed(raw, only(), method) is raw


def test_completions_stay_as_they_are() -> None:
    """They were asked for something that the caller may use."""
    raw = result(completion={"values": ["rm", "mv"], "total": 2})
    assert passed(raw, only(), "completion/complete") is raw


def told(method: str, **params: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode()


def test_news_of_a_resource_is_for_those_who_may_read_it() -> None:
    """And one that does not say of which is for nobody."""
    may = only("file:///a")
    mine = told("notifications/resources/updated", uri="file:///a", title="x")
    assert news(read(mine), mine, may) is mine
    for other in ({"uri": "file:///b"}, {}, {"uri": 1}):
        raw = told("notifications/resources/updated", **other)
        assert news(read(raw), raw, may) is None


def test_a_subscription_is_acknowledged_for_what_may_be_read() -> None:
    """The rest of what was agreed stays."""
    agreed = {"toolsListChanged": True, "resourceSubscriptions": ["file:///a", "file:///b", True]}
    raw = told("notifications/subscriptions/acknowledged", notifications=agreed)
    heard = news(read(raw), raw, only("file:///a"))
    assert isinstance(heard, bytes)
    assert json.loads(heard)["params"]["notifications"] == {
        "toolsListChanged": True,
        "resourceSubscriptions": ["file:///a"],
    }
    for notifications in ({}, {"resourceSubscriptions": ["file:///a"]}):
        raw = told("notifications/subscriptions/acknowledged", notifications=notifications)
        assert news(read(raw), raw, only("file:///a")) is raw
    raw = told(
        "notifications/subscriptions/acknowledged", notifications={"resourceSubscriptions": "file:///b"}
    )
    assert isinstance(news(read(raw), raw, only()), Refusal)


def test_other_news_is_everybodys() -> None:
    """A list that has changed is asked for again, and filtered then."""
    assert JUDGED_NEWS == {"notifications/resources/updated", "notifications/subscriptions/acknowledged"}
    raw = told("notifications/tools/list_changed")
    assert news(read(raw), raw, only()) is raw


# How long, and for whom.


@pytest.mark.parametrize("method", [*sorted(LISTS), "resources/read", "server/discover"])
def test_no_result_is_for_everybody(method: str) -> None:
    """The gate knew whom it answered; a cache between would not ask."""
    assert inside(passed(result(cacheScope="public"), everything, method)) == {"cacheScope": "private"}
    assert inside(passed(result(cacheScope=["public"]), everything, method)) == {"cacheScope": "private"}


@pytest.mark.parametrize("ttl", [TTL_MOST + 1, 10**30, 1e308, -1, "100", True, None, [1]])
def test_a_list_is_good_for_a_minute_at_the_most(ttl: object) -> None:
    """So a rule that has changed is seen within it; what is no time at all counts as too long."""
    assert inside(passed(result(tools=[], ttlMs=ttl), everything)) == {"tools": [], "ttlMs": TTL_MOST}


@pytest.mark.parametrize("ttl", [0, 1, TTL_MOST, 0.5])
def test_a_shorter_time_stays(ttl: float) -> None:
    """An upstream knows how often its list changes."""
    raw = result(tools=[], ttlMs=ttl)
    assert passed(raw, everything) is raw


def test_how_long_a_resource_is_good_is_its_servers_to_say() -> None:
    """Whoever has read it, has it."""
    raw = result(contents=[], ttlMs=10**9, cacheScope="private")
    assert passed(raw, everything, "resources/read") is raw


# Names that are not clear.


def test_a_list_with_a_name_twice_is_refused() -> None:
    """Which of the two is called is anybody's guess."""
    refusal = refused(tools("read_file", "write_file", "read_file"), everything)
    assert refusal.reason is Reason.POLICY_LIST
    assert refusal.detail == "'read_file' is there twice"


def test_a_name_thousands_of_times_costs_no_more_than_its_length() -> None:
    """A list of some MB that has one name only, which took hours."""

    def time_of(count: int) -> float:
        raw = result(tools=[{"name": "a"}] * count)
        message = read(raw)
        began = process_time()
        found = filtered(CLIENT_REQUESTS["tools/list"], message, raw, everything, pages=Pages())
        assert isinstance(found, Refusal)
        return process_time() - began

    # Ten times as many took a hundred times as long.
    assert min(time_of(40_000) for _ in range(2)) < 50 * min(time_of(4_000) for _ in range(3))


def test_names_that_look_the_same_are_not_remembered_without_end() -> None:
    pages = Pages()
    before = pages.before("tools[]", None)
    for page in range(3):
        pages.turned("tools[]", str(page), before, ["a"] * NAMES_MOST)
        before = pages.before("tools[]", str(page))
    assert sum(map(len, before.values())) == NAMES_MOST


def test_a_list_with_names_that_look_the_same_is_refused() -> None:
    """The record tells the two apart."""
    refusal = refused(tools("read_file", "re\u0430d_file"), everything)
    assert refusal.reason is Reason.POLICY_LIST
    assert refusal.detail == "'re\\u0430d_file' can be taken for 'read_file'"


def test_names_that_the_caller_cannot_both_use_mislead_nobody() -> None:
    """So a rule that blocks one of them is what an operator can do."""
    raw = tools("read_file", "re\u0430d_file")
    assert inside(passed(raw, only("read_file")))["tools"][0]["name"] == "read_file"


def test_prompts_are_chosen_by_name_too_and_resources_are_not() -> None:
    """A resource that is listed twice is one resource."""
    assert refused(result(prompts=[{"name": "a"}, {"name": "a"}]), everything, "prompts/list")
    raw = result(resources=[{"uri": "a://b"}, {"uri": "a://b"}])
    assert passed(raw, everything, "resources/list") is raw


def test_a_name_of_a_page_before_is_twice_there_as_well() -> None:
    """Also three pages on; but a page that is asked for again is no other page."""
    pages = Pages()
    first, second = tools("a", "b", nextCursor="2"), tools("c", nextCursor="3")
    for _ in range(2):
        assert passed(first, everything, pages=pages) is first
        assert passed(second, everything, pages=pages, cursor="2") is second
    assert refused(tools("\u0430"), everything, pages=pages, cursor="3").reason is Reason.POLICY_LIST
    assert refused(tools("c"), everything, pages=pages, cursor="3")
    # The first page begins anew, and another list has names of its own.
    assert passed(tools("c", nextCursor="2"), everything, pages=pages)
    assert passed(tools("a", nextCursor="3"), everything, pages=pages, cursor="2")
    assert passed(result(prompts=[{"name": "a"}]), everything, "prompts/list", pages=pages, cursor="3")


def test_a_name_of_a_page_before_that_the_caller_may_not_use_is_no_matter() -> None:
    """Callers page by the same cursors, and each has its own rules."""
    pages = Pages()
    passed(tools("a", nextCursor="2"), everything, pages=pages)
    page = tools("\u0430")
    assert passed(page, only("\u0430"), pages=pages, cursor="2") is page
    assert isinstance(left(page, everything, pages=pages, cursor="2"), Refusal)


def test_what_is_remembered_of_pages_is_bounded() -> None:
    """In listings, and in names of each."""
    pages = Pages()
    names = [f"tool_{number}" for number in range(NAMES_MOST + 10)]
    passed(tools(*names, nextCursor="x"), everything, pages=pages)
    assert len(pages.before("tools[]", "x")) == NAMES_MOST
    for number in range(PAGES_MOST):
        passed(tools("a", nextCursor=str(number)), everything, pages=pages)
    assert not pages.before("tools[]", "x")
    assert pages.before("tools[]", "0") and pages.before("tools[]", str(PAGES_MOST - 1))


def test_the_cursor_of_a_request_is_a_string() -> None:
    """The empty one is a cursor, too (MCP, "Pagination")."""
    for params, cursor in (({"cursor": ""}, ""), ({"cursor": "x"}, "x"), ({"cursor": 1}, None), ({}, None)):
        raw = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": params}).encode()
        assert cursor_of(read(raw)) == cursor


NAMES = st.text("abc\u0430O0", min_size=1, max_size=3)


@given(st.lists(NAMES, unique=True), st.sets(NAMES), st.sampled_from([None, 2]))
def test_what_passes_is_exactly_what_may_be_used_or_nothing(
    names: list[str], allowed: set[str], indent: int | None
) -> None:
    """In its order."""
    message = {"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": name} for name in names], "x": 1.0}}
    raw = json.dumps(message, indent=indent).encode()
    found = left(raw, lambda method, name: name in allowed)
    usable = [name for name in names if name in allowed]
    if isinstance(found, Filtered):
        assert [tool["name"] for tool in inside(found.raw)["tools"]] == usable
        assert found.gone == len(names) - len(usable)
        assert (found.raw is raw) == (usable == names)
    else:
        assert found.reason is Reason.POLICY_LIST
