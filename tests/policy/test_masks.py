"""Messages through masks: what bad upstreams send, and that nothing planted anywhere ever passes."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.policy.masks import Masked, Masks
from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.jsonrpc import Message, parse
from mcpgate.wire.mcp import Sender
from tests.wire.json_texts import VALUES

MAIL, CARD, KEY = "jo.doe@example.com", "4111 1111 1111 1111", "AKIAIOSFODNN7EXAMPLE"
MASKS = Masks.compile(
    mask=frozenset({"email", "card", "aws-key", "staff"}), custom={"staff": "E[0-9]{6}", "unused": "("}
)


def read(raw: bytes) -> Message:
    message = parse(raw)
    assert isinstance(message, Message), message
    return message


def apply(raw: bytes, masks: Masks = MASKS, asked: str | None = "tools/call") -> Masked | Refusal | None:
    return masks.apply(read(raw), raw, sender=Sender.SERVER, asked=asked)


# What bad upstreams send (each was seen, or is in the published lists of evasions).

BAD = Masks.compile(
    mask=frozenset({"key", "number"}),
    block={"private": "no-private-keys"},
    custom={"key": "AKIA[0-9A-Z]{16}", "number": r"\d{3}-\d{2}-\d{4}", "private": "BEGIN PRIVATE KEY"},
)


@pytest.mark.parametrize(
    "result",
    [
        r'{"content":[{"type":"text","text":"\u0041\u004bIAIOSFODNN7EXAMPLE"}]}',
        '{"content":[{"type":"text","text":"AKIAIOSF"},{"type":"text","text":"ODNN7EXAMPLE"}]}',
        '{"content":[],"structuredContent":{"a":{"b":["AKIAIOSFODNN7EXAMPLE"]}}}',
        '{"content":[],"structuredContent":{"AKIAIOSFODNN7EXAMPLE":1}}',
        '{"content":[{"type":"resource","resource":{"uri":"file:///x","blob":"QUtJQUlPU0ZPRE5ON0VYQU1QTEU="}}]}',
        '{"_meta":{"x":"AKIAIOSFODNN7EXAMPLE"},"content":[{"type":"text","text":"ok"}]}',
        r'{"content":[{"type":"text","text":"A\u200bKIAIOSFODNN7EXAMPLE"}]}',
        '{"content":[{"type":"text","text":"ＡKIAIOSFODNN7EXAMPLE"}]}',
        '{"content":[{"type":"text","text":"123-45-6789"}]}',
    ],
)
def test_what_is_hidden_is_masked(result: str) -> None:
    passed = apply(b'{"jsonrpc":"2.0","id":1,"result":%b}' % result.encode(), BAD)
    assert isinstance(passed, Masked)
    for secret in ("KIAIOSF", "ODNN7EXAMPLE", "QUtJQUlP", "6789"):
        assert secret not in passed.raw.decode()
    assert sum(passed.counts.values()) in (1, 2)
    assert apply(passed.raw, BAD) is None


def test_a_uri_that_may_not_be_changed_is_withheld() -> None:
    raw = (
        b'{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"resource","resource":'
        b'{"uri":"file:///AKIAIOSFODNN7EXAMPLE","text":"ok"}}]}}'
    )
    assert apply(raw, BAD) == Refusal(Reason.POLICY_CONTENT, "key in uri, which may not be changed")


@pytest.mark.parametrize(
    "where",
    [
        '"content":[{"type":"text","text":"-----%s-----"}]',
        '"content":[{"type":"text","text":"x","name":"-----%s-----"}]',
        '"structuredContent":{"-----%s-----":1}',
        '"content":[{"type":"resource_link","uri":"-----%s-----","name":"x"}]',
        '"content":[{"type":"text","text":"{\\"a\\":\\"\\\\u002d%s\\"}"}]',
        '"unheard":["%s"]',
    ],
)
def test_what_blocks_does_so_wherever_it_stands(where: str) -> None:
    result = where.replace("%s", "BEGIN PRIVATE KEY").encode()
    raw = b'{"jsonrpc":"2.0","id":1,"result":{%b}}' % result
    assert apply(raw, BAD) == Refusal(Reason.POLICY_CONTENT, "rule no-private-keys: private")


def test_what_is_fixed_hides_no_block_but_what_is_opaque() -> None:
    raw = b'{"jsonrpc":"2.0","id":"BEGIN PRIVATE KEY","result":{"nextCursor":"BEGIN PRIVATE KEY"}}'
    assert apply(raw, BAD) is None


@pytest.mark.parametrize(
    "said",
    [
        b'"result":{"content":[],"taskId":{"x":"%b"}}',
        b'"result":{"content":[{"type":"text","text":"x","id":[{"x":"%b"}]}]}',
        b'"result":{"content":[],"_meta":{"baggage":{"x":"%b"}}}',
        b'"result":{"content":[],"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"1","x":"%b"}}}',
        b'"error":{"code":-32603,"message":"x","data":{"requested":"%b"}}',
        b'"error":{"code":{"x":"%b"},"message":"x"}',
    ],
)
def test_what_is_opaque_is_so_only_in_its_own_form(said: bytes) -> None:
    """An id is a text or a number; what else stands there is no id."""
    passed = apply(b'{"jsonrpc":"2.0","id":1,%b}' % (said % KEY.encode()))
    assert isinstance(passed, Refusal) or (passed is not None and KEY.encode() not in passed.raw)


# Whose message it is.


def test_an_answer_to_nobody_knows_what_is_reached_as_any() -> None:
    for result in (
        {"contents": [{"uri": "a:b", "blob": b64encode(KEY.encode()).decode()}]},
        {"messages": [{"role": "user", "content": {"type": "text", "text": KEY}}]},
        {"tools": [{"name": "t", "description": KEY}]},
        {"structuredContent": KEY},
        [KEY],
        KEY,
    ):
        raw = json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()
        for asked in (None, "next/year", "tools/list", "ping"):
            passed = apply(raw, asked=asked)
            if "blob" in str(result) and asked not in (None, "next/year"):
                # Who asked for something else reads no base64 there.
                continue
            assert isinstance(passed, Masked)
            assert KEY not in passed.raw.decode()
            assert b64encode(KEY.encode()).decode() not in passed.raw.decode()


def test_both_sides_ask_and_tell_by_the_same_names() -> None:
    """C{tasks/get} of a server is not a client's, and C{ping} is both's."""
    raw = b'{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"taskId":"t","x":"%b"}}' % MAIL.encode()
    for sender in Sender:
        passed = MASKS.apply(read(raw), raw, sender=sender)
        assert isinstance(passed, Masked)
        assert passed.counts == {"email": 1}


# Values.


def test_equal_masks_are_one() -> None:
    again = Masks.compile(
        mask=frozenset({"staff", "email", "aws-key", "card"}), custom={"staff": "E[0-9]{6}", "other": "x"}
    )
    assert again == MASKS and hash(again) == hash(MASKS)
    assert Masks.compile(mask=frozenset({"email"})) != Masks.compile(block={"email": "r"})


def test_what_is_masked_and_blocked_is_blocked() -> None:
    masks = Masks.compile(mask=frozenset({"email"}), block={"email": "no-mail"})
    raw = b'{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"%b"}]}}' % MAIL.encode()
    assert apply(raw, masks) == Refusal(Reason.POLICY_CONTENT, "rule no-mail: email")


@pytest.mark.parametrize(
    "wrong",
    [
        {"mask": frozenset({"e-mail"})},
        {"block": {"x": "r"}},
        {"mask": frozenset({"x"}), "custom": {"x": "("}},
        {"mask": frozenset({"x"}), "paths": {"x": "a[0]"}},
    ],
)
def test_what_means_nothing_is_told(wrong: Any) -> None:
    with pytest.raises(ValueError, match="."):
        Masks.compile(**wrong)


def test_a_name_is_shown_if_nothing_is_in_it() -> None:
    assert MASKS.shows("get_weather") and not MASKS.shows(f"mail://{MAIL}")
    assert not BAD.shows("BEGIN PRIVATE KEY")


@pytest.mark.parametrize("value", [MAIL, CARD, f"to {MAIL} now", f'{{"a":"{MAIL}"}}', "nothing"])
def test_a_text_alone_becomes_what_an_argument_becomes(value: str) -> None:
    """A header that repeats an argument says the same as it."""
    raw = json.dumps(
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": "t", "arguments": {"a": value}},
        }
    ).encode()
    passed = MASKS.apply(read(raw), raw, sender=Sender.CLIENT)
    now = json.loads(passed.raw if isinstance(passed, Masked) else raw)["params"]["arguments"]["a"]
    assert MASKS.text(value) == now


def test_a_text_alone_with_what_blocks_is_nothing() -> None:
    assert BAD.text("BEGIN PRIVATE KEY") == ""


def test_nothing_is_told_by_what_it_prints() -> None:
    raw = b'{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"%b"}]}}' % MAIL.encode()
    assert MAIL not in repr(apply(raw))
    assert MAIL not in repr(apply(raw.replace(b'"text":', b'"uri":'))), "a refusal names no value"


# Anything, anywhere.

#: Without digits in a row, at-signs and capitals, so that it holds nothing by chance.
CLEAN = st.text(st.sampled_from("abc xyzäé\u200b\u2028{}[]\\\"'/:,%-_.=+\n"), max_size=12)
SECRETS = {"email": MAIL, "card": CARD, "aws-key": KEY, "staff": "E123456"}
#: How it may be written so that those who read it see it all the same.
DISGUISES = (
    lambda secret: secret,
    lambda secret: secret[:3] + "\u200b" + secret[3:],
    lambda secret: "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in secret),
    lambda secret: json.dumps({"k": [secret]}),
    lambda secret: json.dumps([f"{secret}"]).replace(secret[0], f"\\u{ord(secret[0]):04x}", 1),
)
PLANTED = st.builds(
    lambda before, name, disguise, after: (
        f"{before} {disguise(SECRETS[name])} {after}"
        if disguise in DISGUISES[:3]
        else disguise(SECRETS[name])
    ),
    CLEAN,
    st.sampled_from(sorted(SECRETS)),
    st.sampled_from(DISGUISES),
    CLEAN,
)


def _values(leaf: st.SearchStrategy[Any], name: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, max_size=20), st.dictionaries(name, inner, min_size=1, max_size=20)
        ),
        max_leaves=30,
    )


NUMBERS = st.one_of(st.integers(-999, 999), st.floats(-9, 9).map(lambda value: round(value, 3)), st.none())
TEXTS = st.one_of(CLEAN, PLANTED)
LEAVES = st.one_of(TEXTS, NUMBERS, st.just(4111111111111111), st.booleans())


def _results(text: st.SearchStrategy[str], leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    base64 = text.map(lambda value: b64encode(value.encode()).decode())
    data = _values(leaf, text)
    blocks = st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("text"), "text": text},
            optional={"_meta": st.dictionaries(text, leaf, max_size=3)},
        ),
        st.fixed_dictionaries({"type": st.just("image"), "data": base64, "mimeType": st.just("image/png")}),
        st.builds(
            lambda one: {"type": "resource", "resource": {"uri": "file:///x", **one}},
            st.one_of(st.fixed_dictionaries({"text": text}), st.fixed_dictionaries({"blob": base64})),
        ),
        st.fixed_dictionaries(
            {"type": st.just("resource_link"), "uri": st.just("file:///x"), "name": text, "description": text}
        ),
        st.fixed_dictionaries({"type": st.just("hologram"), "beam": data}),
    )
    return st.fixed_dictionaries(
        {},
        optional={
            "content": st.lists(blocks, max_size=4),
            "structuredContent": data,
            "_meta": st.dictionaries(text, data, max_size=3),
            "unheard": data,
            "task": st.fixed_dictionaries({"taskId": st.just("t"), "statusMessage": text}),
        },
    )


def spelled(value: object, data: st.DataObject) -> bytes:
    """JSON as somebody may write it: with or without escapes and white space."""
    ascii = data.draw(st.booleans())
    return json.dumps(value, ensure_ascii=ascii, indent=data.draw(st.sampled_from([None, 1]))).encode()


def seen(value: object) -> Iterator[str]:
    """All that somebody may see of a document: strings, names, numbers, what base64 holds, JSON in texts."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from seen(name)
            yield from seen(inner)
            if name in ("blob", "data") and isinstance(inner, str):
                try:
                    import base64

                    yield from seen(base64.b64decode(inner, validate=True).decode())
                except ValueError:
                    pass
    elif isinstance(value, list):
        yield "".join(
            each["text"] for each in value if isinstance(each, dict) and isinstance(each.get("text"), str)
        )
        for inner in value:
            yield from seen(inner)
    elif isinstance(value, str):
        yield value
        if value.lstrip()[:1] in ("{", "["):
            try:
                yield from seen(json.loads(value))
            except ValueError:
                pass
    else:
        yield str(value)


SHOWN = re.compile("|".join(re.escape(secret.replace(" ", "")) for secret in SECRETS.values()))
_PLAIN = str.maketrans({chr(digit + 0xFF10): str(digit) for digit in range(10)} | {"\u200b": "", " ": ""})


@given(_results(TEXTS, LEAVES), st.data())
def test_nothing_that_is_planted_is_ever_seen(result: dict[str, Any], data: st.DataObject) -> None:
    """Whatever passes holds none of it, as often as it is masked; and it is masked once."""
    raw = spelled({"jsonrpc": "2.0", "id": 1, "result": result}, data)
    if not isinstance(parse(raw), Message):
        # Names that stand there twice, or read like others.
        return
    passed = apply(raw)
    assert not isinstance(passed, Refusal), passed
    now = raw if passed is None else passed.raw
    for text in seen(json.loads(now)["result"]):
        assert not SHOWN.search(text.translate(_PLAIN)), text
    again = apply(now)
    assert again is None or (isinstance(again, Masked) and again.raw == now)


@given(_results(CLEAN, st.one_of(CLEAN, NUMBERS, st.booleans())), st.data())
def test_where_nothing_is_planted_the_bytes_are_the_same(result: dict[str, Any], data: st.DataObject) -> None:
    assert apply(spelled({"jsonrpc": "2.0", "id": 1, "result": result}, data)) is None


@given(VALUES, VALUES)
def test_bytes_beside_a_find_are_the_same(before: bytes, after: bytes) -> None:
    """Whatever stands there, and however it is spelled."""
    raw = b'{"jsonrpc":"2.0","id":1,"result":{"a":%b ,"structuredContent":{"b":%b, "c":"to %b!" ,"d":%b}}}'
    message = raw % (before, after, MAIL.encode(), before)
    if not isinstance(parse(message), Message):
        return
    passed = apply(message, Masks.compile(mask=frozenset({"email"})))
    assert isinstance(passed, Masked)
    if passed.counts == {"email": 1}:
        assert passed.raw == raw % (before, after, b"[email]", before)
