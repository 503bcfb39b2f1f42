"""A body is one message that everybody reads alike, or it is refused."""

from __future__ import annotations

import json
import re
from unicodedata import normalize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.jsonrpc import (
    BATCH_MOST,
    DEPTH_MOST,
    DIGITS_MOST,
    ID_LENGTH,
    ID_MOST,
    PROTOCOL_NAMES,
    USUAL_NAMES,
    Batch,
    Kind,
    Message,
    id_of,
    parse,
    parse_batch,
)


def reason(body: bytes) -> Reason:
    """Why the body is refused."""
    found = parse(body)
    assert isinstance(found, Refusal), found
    return found.reason


def message(body: bytes) -> Message:
    """The message that the body is."""
    found = parse(body)
    assert isinstance(found, Message), found
    return found


def with_params(params: bytes) -> bytes:
    """A request with these params."""
    return b'{"jsonrpc":"2.0","id":1,"method":"m","params":' + params + b"}"


def test_a_request_is_read() -> None:
    found = message(
        b' {"id":7,"params":{"name":"t","arguments":{"A":1,"a":[1.50]}},"method":"x","jsonrpc":"2.0"}\r\n'
    )
    assert found == Message(Kind.REQUEST, 7, "x", {"name": "t", "arguments": {"A": 1, "a": [1.5]}})


def test_a_message_without_id_is_a_notification() -> None:
    assert message(b'{"jsonrpc":"2.0","method":"x"}') == Message(Kind.NOTIFICATION, None, "x", {})


@pytest.mark.parametrize("result", [None, {"a": 1}, [], 0])
def test_a_response_brings_a_result(result: object) -> None:
    body = b'{"jsonrpc":"2.0","id":"a","result":' + json.dumps(result).encode() + b"}"
    assert message(body) == Message(Kind.RESPONSE, "a", None, {}, result)


def test_or_it_brings_an_error() -> None:
    body = b'{"jsonrpc":"2.0","id":"a","error":{"code":1}}'
    assert message(body) == Message(Kind.RESPONSE, "a", None, {}, None, {"code": 1})


@pytest.mark.parametrize("name", sorted(USUAL_NAMES - PROTOCOL_NAMES))
def test_a_usual_name_reads_like_no_other(name: str) -> None:
    """So it needs no look."""
    assert normalize("NFKC", name).casefold() not in {each.casefold() for each in PROTOCOL_NAMES}


def batch(body: bytes) -> Batch | Refusal:
    """What an array is read as; it is refused as one message first."""
    assert reason(body) is Reason.FRAME_BATCH
    return parse_batch(body)


PING = b'{"jsonrpc":"2.0", "id":%d,"method":"ping"}'


def test_the_messages_of_a_batch_keep_their_bytes() -> None:
    note, answer = b'{"jsonrpc":"2.0","method":"n"}', b'{"jsonrpc":"2.0","id":1,"result":1.10}'
    found = batch(b"[" + PING % 1 + b" ,\n" + note + b"," + answer + b" ]")
    assert isinstance(found, Batch)
    assert [raw for _, raw in found.parts] == [PING % 1, note, answer]
    assert [one.kind for one, _ in found.parts] == [Kind.REQUEST, Kind.NOTIFICATION, Kind.RESPONSE]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"[]", Reason.FRAME_BATCH),
        (b"[" + b",".join(PING % n for n in range(BATCH_MOST + 1)) + b"]", Reason.FRAME_BATCH),
        (b"[" + PING % 1 + b"," + PING % 1 + b"]", Reason.FRAME_BATCH),
        (b'[{"jsonrpc":"2.0","id":1,"method":"initialize"}]', Reason.FRAME_BATCH),
        (b"[" + PING % 1 + b",1]", Reason.FRAME_ENVELOPE),
        (b"[[" + PING % 1 + b"]]", Reason.FRAME_BATCH),
        (b'[{"jsonrpc":"2.0","id":1,"method":"x","Params":{}}]', Reason.FRAME_DUPLICATE_KEY),
    ],
)
def test_a_batch_with_anything_wrong_is_refused_whole(body: bytes, why: Reason) -> None:
    found = batch(body)
    assert isinstance(found, Refusal)
    assert found.reason is why


def test_params_are_not_shown() -> None:
    assert "s3cret" not in repr(message(with_params(b'{"arguments":{"password":"s3cret"}}')))


@pytest.mark.parametrize(
    "literal", ["0", "-1", str(ID_MOST), str(-ID_MOST), '""', '"1"', '"\\u00e9\\""', '" "']
)
def test_an_id_keeps_its_type_and_value(literal: str) -> None:
    found = message(b'{"jsonrpc":"2.0","method":"x","id":%b}' % literal.encode())
    assert type(found.id) is type(json.loads(literal))
    assert json.loads(found.id_json()) == found.id == json.loads(literal)


def test_a_notification_has_no_id_to_answer_with() -> None:
    with pytest.raises(ValueError):
        message(b'{"jsonrpc":"2.0","method":"x"}').id_json()


@pytest.mark.parametrize(
    "literal",
    ["null", "true", "1.0", "1e2", "[1]", "{}", str(ID_MOST + 1), str(-ID_MOST - 1)]
    + ['"a\\u0000"', '"\\u202e"', '"\\n"', '"%s"' % ("a" * (ID_LENGTH + 1))],
)
def test_any_other_id_is_refused(literal: str) -> None:
    assert reason(b'{"jsonrpc":"2.0","method":"x","id":%b}' % literal.encode()) is Reason.FRAME_ID


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", Reason.FRAME_JSON),
        (b'\xef\xbb\xbf{"jsonrpc":"2.0","method":"x"}', Reason.FRAME_JSON),
        ('{"jsonrpc":"2.0","method":"x"}'.encode("utf-16"), Reason.FRAME_JSON),
        (b'{"jsonrpc":"2.0","method":"\\ud800"}', Reason.FRAME_JSON),
        (b'{"jsonrpc":"2.0","method":"\xed\xa0\x80"}', Reason.FRAME_JSON),
        (with_params(b'{"a":NaN}'), Reason.FRAME_JSON),
        (with_params(b'{"a":[') + b"{" * 200, Reason.FRAME_JSON),
        (b'{"jsonrpc":"2.0","method":"x"}{}', Reason.FRAME_JSON),
        (b"[]", Reason.FRAME_BATCH),
        (b'[{"jsonrpc":"2.0","method":"x"}]', Reason.FRAME_BATCH),
        (b'"x"', Reason.FRAME_ENVELOPE),
        (b"{}", Reason.FRAME_ENVELOPE),
        (b'{"jsonrpc":"2.0","id":1}', Reason.FRAME_ENVELOPE),
        (b'{"jsonrpc":"2.0","result":1}', Reason.FRAME_ENVELOPE),
        (b'{"jsonrpc":"2.0","id":1,"result":1,"error":{}}', Reason.FRAME_ENVELOPE),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","result":1}', Reason.FRAME_ENVELOPE),
        (b'{"jsonrpc":"2.0","id":1,"error":"x"}', Reason.FRAME_ENVELOPE),
        (b'{"jsonrpc":"2.0","method":"a\\nb"}', Reason.FRAME_ENVELOPE),
        (b'{"jsonrpc":"2.0","method":"%b"}' % (b"a" * 129), Reason.FRAME_ENVELOPE),
        (with_params(b"null"), Reason.FRAME_PARAMS),
        (with_params(b"[]"), Reason.FRAME_PARAMS),
        (with_params(b'{"a":1e400}'), Reason.FRAME_NUMBER),
        (with_params(b'{"a":{"b":1,"b":1}}'), Reason.FRAME_DUPLICATE_KEY),
        (with_params(b'{"a":{"b":[],"\\u0062":[]}}'), Reason.FRAME_DUPLICATE_KEY),
        (with_params(b'{"a":{"\\"":"\\\\","\\u0022":"\\\\\\""}}'), Reason.FRAME_DUPLICATE_KEY),
        (with_params(b'{"a":{"":"","":""}}'), Reason.FRAME_DUPLICATE_KEY),
    ],
)
def test_a_refused_body_has_the_reason_that_tells_most(body: bytes, why: Reason) -> None:
    assert reason(body) is why


@pytest.mark.parametrize(
    "name",
    [
        "Method",
        "METHOD",
        "method\0",
        "\u200bmethod",
        "\uff4dethod",
        "param\u017f",
        "\u2170d",
        "i\u00add",
        "Result",
    ],
)
def test_a_member_that_reads_like_one_of_the_envelopes_is_refused(name: str) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "x", name: {}}).encode()
    assert reason(body) is Reason.FRAME_DUPLICATE_KEY
    assert id_of(body) is None


@pytest.mark.parametrize(
    "name", ["Name", "URI", "task\u212ad", "tas\u212aId", "_Meta", "argument\u017f", "name\x7f"]
)
def test_a_member_that_reads_like_one_of_the_params_is_refused_there_but_not_in_arguments(name: str) -> None:
    if name == "task\u212ad":  # a k where an i belongs: no likeness
        assert message(with_params(json.dumps({name: 1}).encode())).kind is Kind.REQUEST
    else:
        assert reason(with_params(json.dumps({name: 1}).encode())) is Reason.FRAME_DUPLICATE_KEY
    assert message(with_params(json.dumps({"arguments": {name: 1}}).encode())).kind is Kind.REQUEST


def test_depth_is_counted_without_strings() -> None:
    deepest = b'{"a":' * (DEPTH_MOST - 1) + b'"[[{{\\"]"' + b"}" * (DEPTH_MOST - 1)
    assert message(with_params(deepest)).kind is Kind.REQUEST
    assert reason(with_params(b'{"a":' + deepest + b"}")) is Reason.FRAME_DEPTH
    assert (
        message(with_params(b'{"a":"' + b"[" * 500 + b'","b":[' + b"[{}]," * 500 + b"1]}")).kind
        is Kind.REQUEST
    )
    assert reason(b"[" * 1_000_000) is Reason.FRAME_DEPTH


def test_long_numbers_are_refused_and_long_digits_in_strings_are_not() -> None:
    longest = b"1" * DIGITS_MOST
    # Within the digits, and within a double's range (1.1e308).
    assert message(with_params(b'{"a":' + longest + b"}")).params["a"] == int(longest)
    assert reason(with_params(b'{"a":1' + longest + b"}")) is Reason.FRAME_NUMBER
    assert message(with_params(b'{"a":"\\"1' + longest + b'"}')).kind is Kind.REQUEST


def test_the_id_of_a_refused_request_is_found_when_the_envelope_is_clear() -> None:
    assert id_of(with_params(b"[1]")) == 1
    assert id_of(with_params(b'{"a":{"b":1,"b":2}}')) == 1
    assert id_of(b'{"jsonrpc":"1.0","id":"a","method":"x"}') == "a"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[" * 100_000,
        b'[{"jsonrpc":"2.0","id":1,"method":"x"}]',
        b'{"jsonrpc":"2.0","id":1,"id":1,"method":"x"}',
        b'{"jsonrpc":"2.0","id":1,"method":"x","method":"y"}',
        b'{"jsonrpc":"2.0","id":1,"method":"x","ID":2}',
        b'{"jsonrpc":"2.0","id":true,"method":"x"}',
        b'{"jsonrpc":"2.0","id":1,"result":1,"extra":1}',
        b'{"jsonrpc":"2.0","id":1,"method":"x","params":NaN}',
        b'{"jsonrpc":"2.0","id":1,"method":"x"',
        b'{"jsonrpc":"2.0","id":' + b"1" * 5000 + b',"method":"x"}',
    ],
)
def test_the_id_is_unknown_where_it_is_not_beyond_doubt(body: bytes) -> None:
    assert id_of(body) is None


# An oracle: the standard library with every leniency taken away by hooks.

LONG_NUMBER = re.compile(f"[0-9]{{{DIGITS_MOST + 1}}}")


def oracle(body: bytes) -> object:
    """
    The value of a body.

    @raise ValueError: It is not strict JSON within the limits.
    """

    def members(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("duplicate")
        return dict(pairs)

    def number(literal: str) -> int | float:
        value = float(literal) if re.search("[.eE]", literal) else int(literal)
        if re.search(LONG_NUMBER, literal) or value in (float("inf"), -float("inf")):
            raise ValueError("number")
        return value

    def constant(name: str) -> object:
        raise ValueError(name)

    value = json.loads(
        body.decode(),
        object_pairs_hook=members,
        parse_int=number,
        parse_float=number,
        parse_constant=constant,
    )
    json.dumps(value, ensure_ascii=False).encode()  # fails on lone surrogates
    if depth(value) > DEPTH_MOST:
        raise ValueError("depth")
    return value


def depth(value: object) -> int:
    """How deep the value is nested; 0 for a scalar."""
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


TEXTS = st.text(st.sampled_from('ab"\\/[]{}:,\n\0\x7f\u00e9\u2028\U0001f600'), max_size=6)
STRINGS = st.one_of(
    TEXTS.map(json.dumps),
    TEXTS.map(lambda text: json.dumps(text, ensure_ascii=False)),
    TEXTS.map(lambda text: '"' + "".join(f"\\u{ord(c):04x}" for c in text if ord(c) < 0xD800) + '"'),
)
SCALARS = st.one_of(
    STRINGS,
    st.sampled_from(["null", "true", "false", "-0", "1.50", "1e2", "1E400", "9" * 309, "9" * 310, "-1e-400"]),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: "[" + " ,".join(items) + "]"),
        # Few different names, so that duplicates are common.
        st.lists(st.tuples(STRINGS, inner), max_size=4).map(
            lambda pairs: "{" + ",".join(f"{name} : {value}" for name, value in pairs) + "}"
        ),
        st.tuples(st.integers(1, 70), inner).map(lambda deep: "[" * deep[0] + deep[1] + "]" * deep[0]),
    ),
    max_leaves=12,
)
NOT_JSON = {Reason.FRAME_JSON, Reason.FRAME_DUPLICATE_KEY, Reason.FRAME_DEPTH, Reason.FRAME_NUMBER}


@given(VALUES)
def test_any_value_is_judged_as_by_the_oracle(value: str) -> None:
    body = with_params(b'{"arguments":%b}' % value.encode())
    found = parse(body)
    try:
        expected = oracle(body)
    except ValueError:
        assert isinstance(found, Refusal) and found.reason in NOT_JSON
    else:
        assert isinstance(found, Message) and isinstance(expected, dict)
        assert repr(found.params) == repr(expected["params"])


@given(VALUES, st.data())
def test_a_mutated_body_never_raises_and_passes_only_if_the_oracle_passes_it(
    value: str, data: st.DataObject
) -> None:
    body = with_params(b'{"arguments":%b}' % value.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        begin = data.draw(st.integers(0, len(body)))
        end = data.draw(st.integers(begin, min(len(body), begin + 3)))
        added = data.draw(
            st.one_of(st.binary(max_size=2), st.sampled_from([b'"', b"\\", b"}", b"]", b",", b":"]))
        )
        body = body[:begin] + added + body[end:]
    found = parse(body)
    id_of(body)
    if isinstance(found, Message):
        expected = oracle(body)
        assert isinstance(expected, dict) and expected["jsonrpc"] == "2.0"
        assert (expected.get("id"), expected.get("method")) == (found.id, found.method)
        assert repr(expected.get("params", {})) == repr(dict(found.params))
        assert id_of(body) == (found.id if found.kind is Kind.REQUEST else None)


@given(st.one_of(st.binary(), st.text().map(str.encode), VALUES.map(str.encode)))
@example(b"\\" * 1000 + b'"')
def test_no_bytes_make_the_readers_raise(body: bytes) -> None:
    parse(body)
    id_of(body)
