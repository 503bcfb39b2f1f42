"""Tokens of a document, by their numbers; and the shapes of the registry, as they are walked."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.policy import leaves
from mcpgate.policy.leaves import OPAQUE, WORDS, Fraction, Node, any_result, node_of, respelled, rewritten
from mcpgate.wire.mcp import CLIENT_REQUESTS, FIXED, METHODS, Holds, Listed, Place, Sender
from tests.wire.json_texts import STRINGS, VALUES


@given(VALUES)
def test_a_value_has_as_many_tokens_as_its_bytes(raw: bytes) -> None:
    assert leaves.size(leaves.decode(raw)) == leaves.tokens(raw)


def test_what_stands_there_twice_is_counted() -> None:
    raw = b'{"a":1,"a":2}'
    assert leaves.size(leaves.decode(raw)) == 2
    assert leaves.tokens(raw) == 4


def numbered(value: object) -> list[object]:
    """Names and leaves in the order in which they are counted."""
    if isinstance(value, dict):
        return [each for name, inner in value.items() for each in (name, *numbered(inner))]
    if isinstance(value, list):
        return [each for inner in value for each in numbered(inner)]
    return [value]


@given(VALUES, st.data())
def test_any_token_is_replaced_and_nothing_else(raw: bytes, data: st.DataObject) -> None:
    """What comes out is the same document with one leaf or name changed, and all other bytes are there."""
    before = numbered(leaves.decode(raw))
    if not before:
        return
    number = data.draw(st.integers(0, len(before) - 1))
    passed = rewritten(raw, {number: b'"\\u0000<here>"'})
    head, tail = passed.split(b'"\\u0000<here>"')
    assert raw.startswith(head) and raw.endswith(tail)
    token = raw[len(head) : len(raw) - len(tail)]
    expected = before[number]
    assert (
        token.decode() == str(expected) if isinstance(expected, Fraction) else json.loads(token) == expected
    )


@given(VALUES)
def test_all_tokens_are_replaced_at_once(raw: bytes) -> None:
    count = leaves.tokens(raw)
    passed = rewritten(raw, {number: b'"%d"' % number for number in range(count)})
    assert numbered(json.loads(passed)) == [str(number) for number in range(count)] or count > len(
        numbered(json.loads(passed))
    )


ITEMS = st.lists(
    st.builds(
        lambda space, inner: b"%b{%b" % (space, space) + inner[1:] + space,
        st.sampled_from([b"", b" ", b"\n\t"]),
        st.sampled_from(
            [b'{"name":1}', b'{"a":"}],[{\\"", "b" : [[{}],{"c":null}] }', b'{"x":{"y":{}}, "z":[] }']
        ),
    ),
    min_size=1,
    max_size=6,
)


@given(ITEMS, st.data())
def test_items_go_with_one_comma(items: list[bytes], data: st.DataObject) -> None:
    """However many go, and wherever they stand, what is left is the list of the others."""
    raw = b'{"list" : [%b] ,"n":1.10}' % b",".join(items)
    gone = data.draw(st.sets(st.sampled_from(range(len(items)))))
    firsts, number = [], 1
    for item in items:
        firsts.append(number)
        number += leaves.tokens(item)
    passed = rewritten(raw, {}, {firsts[index] for index in gone})
    kept = [json.loads(item) for index, item in enumerate(items) if index not in gone]
    assert json.loads(passed)["list"] == kept
    assert passed.startswith(b'{"list" : [') and passed.endswith(b'] ,"n":1.10}')


def test_an_item_goes_while_others_change() -> None:
    raw = b'[{"a":1}, {"a":2 } ,{"a":3}]'
    assert rewritten(raw, {1: b"9", 5: b"8"}, {2}) == b'[{"a":9} ,{"a":8}]'


SPELLINGS = st.sampled_from([lambda c: c, lambda c: f"\\u{ord(c):04x}", lambda c: f"\\u{ord(c):04X}"])
PLAIN = st.text(
    st.characters(exclude_categories=["Cs"], max_codepoint=0xFFFF, exclude_characters='"\\'), max_size=8
)


def spell(text: str, data: st.DataObject) -> str:
    return "".join(
        json.dumps(letter)[1:-1] if letter < " " else data.draw(SPELLINGS)(letter) for letter in text
    )


@given(PLAIN, PLAIN, PLAIN, PLAIN, st.data())
def test_what_stays_of_a_string_is_spelled_as_it_was(
    head: str, old: str, new: str, tail: str, data: st.DataObject
) -> None:
    before, after = spell(head, data), spell(tail, data)
    token = f'"{before}<{spell(old, data)}>{after}"'.encode()
    made = respelled(token, f"{head}[{new}]{tail}")
    assert json.loads(made) == f"{head}[{new}]{tail}"
    if b"\\" in token:
        assert made.startswith(f'"{before}['.encode())
        assert made.endswith(f']{after}"'.encode())


def test_a_long_string_of_odd_spelling_is_spelled_anew() -> None:
    token = b'"' + b"\\u0061" * leaves.RESPELLED_MOST + b'b"'
    assert respelled(token, "a" * leaves.RESPELLED_MOST + "c") == b'"' + b"a" * leaves.RESPELLED_MOST + b'c"'


@given(STRINGS)
def test_nothing_that_ends_a_line_for_anybody_is_spelled_as_it_is(text: str) -> None:
    token = leaves.spelled(text)
    assert json.loads(token) == text
    assert len(token.decode().splitlines()) <= 1


# The registry.


def test_every_shape_of_the_registry_can_be_walked() -> None:
    for method in METHODS:
        node_of(method.params)
        if method.result is not None:
            node_of(method.result)


def test_results_of_a_server_do_not_contradict_each_other() -> None:
    """What nobody knows the request of is walked as all of them at once."""
    node = any_result(Sender.SERVER)
    assert node.members["structuredContent"].holds is Holds.JSON
    assert node.members["contents"].elements is not None
    tools = node.members["tools"]
    assert tools.listed is not None and tools.listed.member == "name"


def test_places_that_contradict_each_other_are_told() -> None:
    node = Node()
    node.add(Place("a[].b", Holds.TEXT))
    with pytest.raises(ValueError, match=r"a\[\]\.b"):
        node.add(Place("a[].b", Holds.JSON))


def test_steps_of_paths() -> None:
    node = Node()
    node.add(Place("a[?].text", Holds.TEXT))
    node.add(Place("b{}", Holds.TEXT))
    node.add_list(Listed("c.d[]", "", None))
    either = node.members["a"]
    assert either.alone and either.elements is not None and either.elements.members["text"].runs
    assert node.members["b"].values is not None and node.members["b"].values.holds is Holds.TEXT
    assert node.members["c"].members["d"].elements is not None


def test_only_what_is_fixed_is_opaque() -> None:
    assert FIXED.keys() >= OPAQUE
    # What both sides say again and is judged is looked at.
    assert OPAQUE.isdisjoint({"name", "uri", "uriTemplate"})


def test_no_place_is_a_word_of_a_closed_set() -> None:
    for method in METHODS:
        for shape in (method.params, method.result):
            for place in shape.places if shape is not None else ():
                assert place.path.rpartition(".")[2] not in WORDS


def test_a_clients_answer_is_told_by_its_members() -> None:
    assert leaves.answered({"action": "accept"}) == "elicitation/create"
    assert leaves.answered({"roots": []}) == "roots/list"
    assert leaves.answered({"role": "assistant"}) == "sampling/createMessage"
    assert "tools/call" in CLIENT_REQUESTS
