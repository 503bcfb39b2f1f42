"""Where the text stands that goes on from one message to the next."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.policy.leaves import rewritten
from mcpgate.policy.sayings import Saying, saying_of, text_in
from mcpgate.wire.jsonrpc import Message, parse

_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


def said(method: str, **params: Any) -> tuple[Saying | None, bytes]:
    raw = json.dumps({"method": method, "params": params, "jsonrpc": "2.0"}).encode()
    message = parse(raw)
    assert isinstance(message, Message)
    return saying_of(message, raw), raw


def test_progress_goes_on_with_its_token_and_a_log_with_its_logger() -> None:
    progress, _ = said("notifications/progress", progressToken=1, progress=1, message="a")
    assert progress is not None and progress.texts == ("a",)
    other, _ = said("notifications/progress", progressToken="1", progress=1, message="a")
    assert other is not None and other.key != progress.key
    log, _ = said("notifications/message", level="info", logger="db", data={"a": ["b", 1], "c": "d"})
    assert log is not None and log.texts == ("b", "d")
    unnamed, _ = said("notifications/message", level="info", data="x")
    assert unnamed is not None and unnamed.key != log.key


def test_what_says_nothing_is_none() -> None:
    assert said("notifications/progress", progressToken=1, progress=1)[0] is None
    assert said("notifications/tools/list_changed")[0] is None


@given(_JSON, st.booleans())
def test_each_text_is_found_where_it_stands(data: Any, before: bool) -> None:
    """Replaced by their numbers, all strings below C{data} change, and nothing else does."""
    params = {"_meta": {"k": ["v"]}, "data": data} if before else {"data": data, "level": "info"}
    saying, raw = said("notifications/message", **params)
    assert saying is not None
    changed = json.loads(rewritten(raw, {number: text + "!" for number, text in zip(
        saying.numbers, saying.texts, strict=True
    )}))
    assert changed["params"]["data"] == _loud(data)
    assert {**changed["params"], "data": None} == {**params, "data": None}


def _loud(value: Any) -> Any:
    if isinstance(value, str):
        return value + "!"
    if isinstance(value, list):
        return [_loud(one) for one in value]
    return {name: _loud(one) for name, one in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"progressToken": 1, "message": "half"}, "half"),
        ({"level": "info", "data": "done"}, "done"),
        ({"level": "info", "data": {"a": "done"}}, None),
        ({"progress": 1}, None),
        ([], None),
    ],
)
def test_a_short_look_tells_the_one_text_that_a_message_says(params: object, text: str | None) -> None:
    raw = json.dumps({"jsonrpc": "2.0", "method": "notifications/message", "params": params}).encode()
    assert text_in(raw) == text
