"""What is masked in data, and what stands in its place."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from time import perf_counter
from typing import Any

import pytest

from mcpgate.policy import blobs, documents, finder
from mcpgate.policy.masks import Masked, Masks
from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.jsonrpc import Message, parse
from mcpgate.wire.mcp import Sender

MASKS = Masks.compile(mask=frozenset({"email", "card", "aws-key", "private-key"}))
MAIL, CARD, KEY = "jo.doe@example.com", "4111 1111 1111 1111", "AKIAIOSFODNN7EXAMPLE"
PATHS = Masks.compile(
    mask=frozenset({"ssn-path", "all-cards"}),
    paths={"ssn-path": "customer.ssn", "all-cards": "customer.cards[]", "unused": "a.b"},
)


def apply(
    result: str, masks: Masks = MASKS, schema: Mapping[str, object] | None = None
) -> Masked | Refusal | None:
    """What becomes of a tool's result, of which the JSON is given."""
    raw = b'{"jsonrpc":"2.0","id":1,"result":%b}' % result.encode()
    message = parse(raw)
    assert isinstance(message, Message), message
    return masks.apply(message, raw, sender=Sender.SERVER, asked="tools/call", schema=schema)


def masked(result: str, masks: Masks = MASKS, schema: Mapping[str, object] | None = None) -> str:
    """The JSON of a result as it passes."""
    passed = apply(result, masks, schema)
    assert isinstance(passed, Masked), passed
    return passed.raw.decode().removeprefix('{"jsonrpc":"2.0","id":1,"result":').removesuffix("}")


def structured(value: object, masks: Masks = MASKS, schema: Mapping[str, object] | None = None) -> Any:
    """What is structured, as it passes."""
    return json.loads(masked(json.dumps({"structuredContent": value}), masks, schema))["structuredContent"]


def refused(passed: object) -> tuple[Reason, str]:
    """Why a message does not pass."""
    assert isinstance(passed, Refusal), passed
    return passed.reason, passed.detail


# Form and type.


def test_a_string_that_is_nothing_else_keeps_its_form() -> None:
    """Somebody may read it by a schema that the gate has not seen."""
    assert structured({"a": MAIL, "b": CARD}) == {"a": "masked@masked.invalid", "b": "0000 0000 0000 0000"}


def test_a_string_in_which_it_stands_says_what_stood_there() -> None:
    assert structured([f"to {MAIL}, not {CARD}"]) == ["to [email], not [card]"]


def test_data_that_nobody_reads_by_a_schema_says_so_too() -> None:
    assert masked(f'{{"_meta":{{"a":"{MAIL}"}}}}') == '{"_meta":{"a":"[email]"}}'


def test_a_number_becomes_nought_of_its_kind() -> None:
    result = '{"structuredContent":[4111111111111111,4111111111111111.0 ,4.111111111111111e15, -1.50]}'
    assert masked(result) == '{"structuredContent":[0,0.0 ,0.0, -1.50]}'


def test_names_stay_different_in_their_object() -> None:
    value = {f"{MAIL}": 1, "x@example.org": 2, "[email]": 3, "y@example.org": {"z@example.org": 4}}
    assert structured(value) == {
        "[email] 1": 1,
        "[email] 2": 2,
        "[email]": 3,
        "[email] 3": {"[email]": 4},
    }


def test_masking_again_changes_nothing_more() -> None:
    result = json.dumps(
        {
            "content": [{"type": "text", "text": f"{MAIL} {CARD}"}],
            "structuredContent": {"a": MAIL, "b": [CARD], MAIL: 4111111111111111, "c": KEY},
        }
    )
    once = masked(result)
    assert apply(once) is None


def test_escapes_beside_a_find_stay_as_they_were_spelled() -> None:
    spelled = r"\u00e9\/\ud83d\ude00é\n"
    result = rf'{{"structuredContent":{{"a":"{spelled} {MAIL} {spelled}"}}}}'
    assert masked(result) == result.replace(MAIL, "[email]")


def test_many_rows_are_masked_where_something_is() -> None:
    """They are passed over in parts, and numbers of leaves stay right behind each."""
    rows = [
        {"id": i, "note": MAIL if i in (0, 17, 499) else f"row {i}", "x": [i, None, 1.5]} for i in range(500)
    ]
    expected = [row | {"note": "masked@masked.invalid"} if row["note"] == MAIL else row for row in rows]
    assert structured(rows) == expected
    by_name = {f"k{i}": row for i, row in enumerate(rows)}
    assert structured(by_name) == {f"k{i}": row for i, row in enumerate(expected)}


# What goes on from one string to the next.


def test_lines_of_a_key_in_a_list_are_one_text() -> None:
    lines = [
        "-----BEGIN PRIVATE KEY-----",
        "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" * 2,
        "-----END PRIVATE KEY-----",
    ]
    passed = structured({"lines": lines, "beside": "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"})
    assert not any(line in json.dumps(passed["lines"]) for line in lines)
    assert passed["beside"] == "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"


def test_a_key_over_two_text_items_is_found() -> None:
    content = [{"type": "text", "text": KEY[:8]}, {"type": "text", "text": KEY[8:]}]
    passed = masked(json.dumps({"content": content}))
    assert KEY[:8] not in passed and KEY[8:] not in passed


@pytest.mark.parametrize("at", range(1, len(CARD)))
def test_a_card_split_over_two_text_items_is_found_wherever(at: int) -> None:
    content = [{"type": "text", "text": f"pay {CARD[:at]}"}, {"type": "text", "text": f"{CARD[at:]} now"}]
    texts = [item["text"] for item in json.loads(masked(json.dumps({"content": content})))["content"]]
    joined = "".join(texts)
    assert sum(letter.isdigit() for letter in joined) == 0


# Text that is JSON.


def test_the_copy_of_what_is_structured_is_masked_in_the_same_way() -> None:
    value = {"a": MAIL, "b": [f"to {MAIL}", 4111111111111111], MAIL: {"c": 1.50}}
    copy = json.dumps(value)
    result = json.loads(
        masked(json.dumps({"content": [{"type": "text", "text": copy}], "structuredContent": value}))
    )
    assert json.loads(result["content"][0]["text"]) == result["structuredContent"]
    assert result["content"][0]["text"].endswith('{"c": 1.5}}')


def test_the_copy_is_masked_in_the_same_way_by_a_schema_too() -> None:
    value = {"list": [{"mail": MAIL}, {"mail": "y@example.org"}]}
    schema = {
        "properties": {"list": {"uniqueItems": True, "items": {"properties": {"mail": {"format": "email"}}}}}
    }
    result = json.loads(
        masked(
            json.dumps(
                {"content": [{"type": "text", "text": json.dumps(value)}], "structuredContent": value}
            ),
            schema=schema,
        )
    )
    assert json.loads(result["content"][0]["text"]) == result["structuredContent"]
    first, second = (each["mail"] for each in result["structuredContent"]["list"])
    assert first != second and first.endswith("@masked.invalid")


@pytest.mark.parametrize(
    "text",
    [
        r'{"a":"\u0041KIAIOSFODNN7EXAMPLE"}',
        r'["\u0041KIAIOSFODNN7EXAMPLE"]',
        # A member that stands there twice: one of them is what some reader sees.
        r'{"a":"\u0041KIAIOSFODNN7EXAMPLE","a":1}',
        # No JSON as a whole, but read line by line.
        '{"b":1}\n' + r'{"a":"\u0041KIAIOSFODNN7EXAMPLE"}',
        # JSON of JSON.
        json.dumps({"a": r'{"b":"\u0041KIAIOSFODNN7EXAMPLE"}'}),
        "[" * 100 + r'"\u0041KIAIOSFODNN7EXAMPLE"' + "]" * 100,
    ],
)
def test_escapes_within_a_text_hide_nothing(text: str) -> None:
    passed = masked(json.dumps({"content": [{"type": "text", "text": text}]}))
    inner = json.loads(passed)["content"][0]["text"]
    assert "KIAIOSFODNN7EXAMPLE" not in inner
    assert "KIAIOSFODNN7EXAMPLE" not in masked(json.dumps({"structuredContent": {"result": text}}))


def test_json_in_a_text_stays_json() -> None:
    text = '{"n" : 4111111111111111, "s":"a@example.org" }'
    passed = json.loads(masked(json.dumps({"content": [{"type": "text", "text": text}]})))
    assert passed["content"][0]["text"] == '{"n" : 0, "s":"masked@masked.invalid" }'


@pytest.mark.parametrize(
    "value",
    [
        # The look at a message must not be led astray by what is escaped within what is escaped.
        r'"{\"m\":\"\u005cu0041KIAIOSFODNN7EXAMPLE\"}"',
        r'"https://x/?q=\u002541KIAIOSFODNN7EXAMPLE"',
        r'"data\u003atext/plain;base64,QUtJQUlPU0ZPRE5ON0VYQU1QTEU="',
        r'"data\u003Atext/plain;base64,QUtJQUlPU0ZPRE5ON0VYQU1QTEU="',
        # Numbers, and how else they may be spelled.
        "4111111111111111e0",
        "4111111111111111.000",
        "411111111111111100E-2",
        "4111111.111111111e9",
        "0.004111111111111111e18",
        r'"[4111111\u002e111111111e9]"',
    ],
)
def test_no_spelling_of_a_value_hides_it(value: str) -> None:
    if value.startswith('"https'):
        passed = masked(f'{{"content":[{{"type":"text","text":"x","icons":[{{"src":{value}}}]}}]}}')
    else:
        passed = masked(f'{{"content":[],"structuredContent":{{"a":{value}}}}}')
    assert not any(part in passed for part in ("41111", "EXAMPLE", "QUtJ"))


# URIs and base64 in data.


def test_a_data_uri_in_data_leads_nowhere_if_it_holds_something() -> None:
    uri = "data:text/plain;base64," + b64encode(KEY.encode()).decode()
    assert structured({"a": uri}) == {"a": "data:,"}
    clean = "data:text/plain;base64," + b64encode(b"nothing").decode()
    assert apply(json.dumps({"structuredContent": {"a": clean}})) is None


# Paths.


def test_what_a_path_leads_to_is_masked_whatever_it_is() -> None:
    value = {
        "customer": {"ssn": "any", "cards": [1, 2.50, True, None, {"n": "x", "m": [False]}], "else": "x"},
        "ssn": "stays",
    }
    assert structured(value, PATHS) == {
        "customer": {
            "ssn": "[ssn-path]",
            "cards": [0, 0.0, False, None, {"n": "[all-cards]", "m": [False]}],
            "else": "x",
        },
        "ssn": "stays",
    }


def test_a_path_leads_into_text_that_is_json() -> None:
    text = json.dumps({"customer": {"ssn": 5}})
    passed = json.loads(masked(json.dumps({"content": [{"type": "text", "text": text}]}), PATHS))
    assert json.loads(passed["content"][0]["text"]) == {"customer": {"ssn": 0}}


def test_a_path_is_found_however_its_last_name_is_spelled() -> None:
    assert masked(r'{"structuredContent":{"customer":{"\u0073sn":"x"}}}', PATHS) == (
        r'{"structuredContent":{"customer":{"\u0073sn":"[ssn-path]"}}}'
    )


def test_a_message_to_which_no_path_leads_passes_as_it_is() -> None:
    assert apply('{"structuredContent":{"ssn":"x"}}', PATHS) is None


def test_what_is_there_may_keep_a_message_back() -> None:
    masks = Masks.compile(block={"ssn-path": "no-ssn"}, paths={"ssn-path": "customer.ssn"})
    assert refused(apply('{"structuredContent":{"customer":{"ssn":"x"}}}', masks)) == (
        Reason.POLICY_CONTENT,
        "rule no-ssn: ssn-path",
    )
    assert apply('{"structuredContent":{"customer":{"ssn":null}}}', masks) is None


# A tool's schema.


@pytest.mark.parametrize(
    ("schema", "value", "fits"),
    [
        ({"type": "string"}, MAIL, "masked@masked.invalid"),
        ({"type": "string", "format": "email"}, MAIL, "masked@masked.invalid"),
        ({"type": "string", "maxLength": 40}, f"to {MAIL}", "to [email]"),
        ({"type": "string", "minLength": 19, "maxLength": 19}, CARD, "0000 0000 0000 0000"),
        ({"type": "string", "pattern": r"^\d{4}( \d{4}){3}$"}, CARD, "0000 0000 0000 0000"),
        ({"type": "string", "format": "uri"}, f"https://x.example/?{MAIL}", "https://masked.invalid/"),
        ({"type": "string", "enum": [MAIL, "b"]}, MAIL, None),
        ({"const": MAIL}, MAIL, None),
        ({"type": "string", "pattern": "^jo"}, MAIL, None),
        ({"type": "string", "pattern": "(?<=x)y"}, MAIL, None),
        ({"type": "integer", "minimum": 0}, 4111111111111111, 0),
        ({"type": "integer", "minimum": 1}, 4111111111111111, None),
        ({"$ref": "https://elsewhere.example/schema"}, MAIL, None),
    ],
)
def test_what_stands_in_its_place_fits_the_schema(
    schema: Mapping[str, object], value: object, fits: object
) -> None:
    whole = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    result = json.dumps({"structuredContent": {"a": value}})
    if fits is not None:
        assert structured({"a": value}, schema=whole) == {"a": fits}
    else:
        reason, detail = refused(apply(result, schema=whole))
        assert reason is Reason.POLICY_SCHEMA
        assert str(value) not in detail


def test_a_name_that_the_schema_knows_may_not_change() -> None:
    result = json.dumps({"structuredContent": {MAIL: 1}})
    assert refused(apply(result, schema={"properties": {MAIL: {}}}))[0] is Reason.POLICY_SCHEMA
    assert structured({MAIL: 1}, schema={"additionalProperties": {"type": "integer"}}) == {"[email]": 1}


def test_an_error_need_not_fit() -> None:
    result = json.dumps({"isError": True, "structuredContent": {"a": MAIL}})
    assert "masked" in masked(result, schema={"properties": {"a": {"const": MAIL}}})


# Bounds.


def test_more_leaves_than_can_be_looked_into_do_not_pass() -> None:
    result = json.dumps({"structuredContent": [MAIL, *([[]] * documents.TOKENS_MOST), 1]})
    assert refused(apply(result)) == (
        Reason.POLICY_CONTENT,
        f"more than {documents.TOKENS_MOST} values to look into",
    )


def test_a_list_in_every_part_of_which_something_is_does_not_pass() -> None:
    result = json.dumps({"structuredContent": [[MAIL, *range(15)]] * 4000})
    assert refused(apply(result))[1] == f"more than {documents.LOOKED_MOST} values to look at one by one"


def test_more_finds_than_are_masked_do_not_pass() -> None:
    result = json.dumps({"content": [{"type": "text", "text": f"{MAIL} " * (finder.MASKED_MOST + 1)}]})
    assert refused(apply(result))[0] is Reason.POLICY_CONTENT


def test_more_base64_than_is_decoded_does_not_pass() -> None:
    blob = "A" * (blobs.BASE64_MOST + 4)
    result = json.dumps({"content": [{"type": "image", "mimeType": "image/png", "data": blob}]})
    assert refused(apply(result))[1] == f"more than {blobs.BASE64_MOST} characters of base64"


def test_ten_thousand_copies_share_what_one_schema_may_cost() -> None:
    value = {"a": MAIL}
    texts = [{"type": "text", "text": json.dumps(value)}] * 10_000
    schema = {"allOf": [{"properties": {"a": {"maxLength": 30 + i}}} for i in range(1000)]}
    begun = perf_counter()
    result = json.dumps({"structuredContent": value, "content": texts})
    assert isinstance(apply(result, schema=schema), Refusal)
    assert perf_counter() - begun < 5


def test_json_within_json_may_be_as_deep_as_messages_are() -> None:
    """Each level of each takes frames of Python's own, of which there are a thousand."""
    value: object = MAIL
    for _ in range(3):
        for _ in range(30):
            value = {"a": [value]}
        value = json.dumps(value)
    passed = masked(json.dumps({"content": [{"type": "text", "text": value}]}))
    for _ in range(3):
        assert MAIL not in passed
        passed = passed.replace("\\", "")
