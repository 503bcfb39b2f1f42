"""What is reached in a message: the field table, once by hand and once by the registry."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from time import process_time
from typing import Any

import pytest

from mcpgate.policy.masks import Masked, Masks
from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.jsonrpc import Kind, Message, parse
from mcpgate.wire.mcp import METHODS, Holds, Method, Sender
from tests.policy.fields import BASE64, FIELDS, GONE, KEPT, LINK, MASKED, WITHHELD, Field

MASKS = Masks.compile(mask=frozenset({"email", "card"}))
PLANTED = {"email": "jo.doe@example.com", "card": "4111 1111 1111 1111"}


def apply(
    message: bytes, sender: str, asked: str | None = None, masks: Masks = MASKS
) -> Masked | Refusal | None:
    """What becomes of a message."""
    parsed = parse(message)
    assert isinstance(parsed, Message), parsed
    return masks.apply(parsed, message, sender=Sender(sender), asked=asked)


def base64(text: str) -> str:
    return b64encode(text.encode()).decode("ascii")


CASES = [
    pytest.param(field, revision, detector, id=f"{field.where}-{revision}-{detector}")
    for field in FIELDS
    for revision in field.revisions
    for detector in PLANTED
]


@pytest.mark.parametrize(("field", "revision", "detector"), CASES)
def test_the_field_table(field: Field, revision: str, detector: str) -> None:
    """What is planted does not pass, and no byte beside it changes."""
    planted = PLANTED[detector]
    if field.becomes == BASE64 or "base64,@@" in field.message:
        planted = base64(f"of {planted} and")
    message = plain(field.message).replace("@@", planted).encode()
    passed = apply(message, field.sender, field.asked)
    if field.becomes == KEPT:
        assert passed is None
    elif field.becomes == WITHHELD:
        assert isinstance(passed, Refusal)
        assert passed.reason is Reason.POLICY_CONTENT
        assert detector in passed.detail
        assert PLANTED[detector] not in repr(passed)
    else:
        assert isinstance(passed, Masked)
        assert passed.counts == {detector: 1}
        assert passed.raw.decode() == expected(field, detector)


def expected(field: Field, detector: str) -> str:
    """The message as it may pass, written from its template."""
    template = field.message if field.becomes == GONE else plain(field.message)
    if field.becomes == MASKED:
        return template.replace("@@", f"[{detector}]")
    if field.becomes == BASE64:
        return template.replace("@@", base64(f"of [{detector}] and"))
    before, _, after = template.partition("@@")
    if field.becomes == LINK:
        scheme = before.rpartition('"')[2]
        nowhere = {
            "https": "https://masked.invalid/",
            "data": "data:,",
            "file": "file:///masked",
            "mailto": "mailto:masked@masked.invalid",
        }[scheme.partition(":")[0]]
        return before.removesuffix(scheme) + nowhere + after.partition('"')[1] + after.partition('"')[2]
    assert field.becomes == GONE
    return plain(re.sub("<<.*>>", "", template, flags=re.DOTALL))


def plain(template: str) -> str:
    """A template without what marks the item that may go."""
    return template.replace("<<", "").replace(">>", "")


def test_the_table_names_every_method_in_every_revision_that_has_text() -> None:
    """What the registry knows places for, and the table by hand does not, would have been forgotten."""
    by_hand = {field.where.partition(" ")[0] for field in FIELDS}
    bare = {"_meta"}
    for method in METHODS:
        for what, shape in (("params", method.params), ("result", method.result)):
            if shape is None or {place.path for place in shape.places} <= bare:
                continue
            assert method.method in by_hand, f"{method.method} {what}"


# By the registry.


def places() -> Iterator[tuple[Method, str, str, Holds]]:
    for method in METHODS:
        for what, shape in (("params", method.params), ("result", method.result)):
            for place in shape.places if shape is not None else ():
                yield method, what, place.path, place.holds


def document(path: str, leaf: object) -> Any:
    """A value that has this path."""
    if not path:
        return leaf
    step, _, rest = path.partition(".")
    inner = document(rest, leaf)
    name = step.rstrip("[]{}?")
    if step.endswith("[]"):
        return {name: [inner]}
    return {name: {"any": inner} if step.endswith("{}") else inner}


def leaf_of(holds: Holds, planted: str) -> object:
    text = f"of {planted} and"
    return {
        Holds.TEXT: text,
        Holds.LINK: f"https://example.com/?{planted}",
        Holds.BYTES: base64(text),
        Holds.JSON: [{"a": text}],
        Holds.META: {"example.com/a": [text]},
        Holds.SCHEMA: {"properties": {"a": {"description": text}}},
        Holds.REQUESTS: {"k": {"method": "elicitation/create", "params": {"message": text}}},
        Holds.RESPONSES: {"k": {"action": "accept", "content": {"a": text}}},
        Holds.RESULT: {"content": [{"type": "text", "text": text}], "role": "user", "model": "m"},
        Holds.ERROR: {"code": 1, "message": text, "data": {"a": text}},
    }[holds]


def written(method: Method, what: str, value: object) -> bytes:
    message: dict[str, object] = {"jsonrpc": "2.0"}
    if what == "result":
        message |= {"id": 1, "result": value}
    else:
        message |= {"method": method.method, "params": value}
        if method.kind is Kind.REQUEST:
            message["id"] = 1
    return json.dumps(message).encode()


def strings(value: object) -> Iterator[str]:
    """Every string and name in a document."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("detector", PLANTED)
@pytest.mark.parametrize(
    ("method", "what", "path", "holds"),
    [
        pytest.param(*each, id=f"{each[0].sender.value}-{each[0].method}-{each[1]}-{each[2]}")
        for each in places()
    ],
)
def test_every_place_of_the_registry_is_masked(
    method: Method, what: str, path: str, holds: Holds, detector: str
) -> None:
    """Nothing planted at a place passes, and what is not at one stays what it was."""
    planted = PLANTED[detector]
    whole = document(path, leaf_of(holds, planted))
    sender = (
        method.sender
        if what == "params"
        else Sender("server" if method.sender is Sender.CLIENT else "client")
    )
    passed = apply(written(method, what, whole), sender.value, method.method if what == "result" else None)
    assert isinstance(passed, Masked), passed
    decoded = json.loads(passed.raw)
    for text in strings(decoded):
        assert planted not in text
        assert base64(f"of {planted} and") not in text
    # The same names in the same order: only leaves changed.
    assert list(shape_of(decoded)) == list(shape_of(json.loads(written(method, what, whole))))


def shape_of(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from shape_of(inner)
    elif isinstance(value, list):
        yield len(value)
        for inner in value:
            yield from shape_of(inner)


def test_items_that_go_cost_no_more_than_their_length() -> None:
    """Each is taken out of what is left, and not of a copy of that."""
    kept = {"name": "kept", "description": "x" * 3000}

    def time_of(count: int) -> float:
        tools = [tool for at in range(count) for tool in ({"name": f"k{at}@example.com"}, kept)]
        raw = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}}).encode()
        message = parse(raw)
        assert isinstance(message, Message)
        began = process_time()
        passed = MASKS.apply(message, raw, sender=Sender.SERVER, asked="tools/list")
        took = process_time() - began
        assert isinstance(passed, Masked)
        assert json.loads(passed.raw)["result"]["tools"] == [kept] * count
        return took

    # Ten times as many took forty times as long.
    assert min(time_of(4800) for _ in range(2)) < 20 * min(time_of(480) for _ in range(3))
