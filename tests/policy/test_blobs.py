"""Base64 in messages: masked as text, believed as bytes, and not looked into where nothing can be seen."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.policy import blobs
from mcpgate.policy.masks import Masked, Masks
from mcpgate.reasons import Refusal
from mcpgate.wire.jsonrpc import Message, parse
from mcpgate.wire.mcp import Sender

KEY = "AKIAIOSFODNN7EXAMPLE"
MASKS = Masks.compile(mask=frozenset({"aws-key", "email", "short"}), custom={"short": "E[0-9]{6}"})
PNG = b"\x89PNG\r\n\x1a\n" + bytes(Random(5).randbytes(300))


def apply(blob: str, masks: Masks = MASKS) -> Masked | Refusal | None:
    """What becomes of a resource."""
    result = {"contents": [{"uri": "file:///x", "mimeType": "image/png", "blob": blob}]}
    raw = json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()
    message = parse(raw)
    assert isinstance(message, Message)
    return masks.apply(message, raw, sender=Sender.SERVER, asked="resources/read")


def passed(blob: str) -> str:
    masked = apply(blob)
    assert isinstance(masked, Masked), masked
    found: str = json.loads(masked.raw)["result"]["contents"][0]["blob"]
    return found


@given(st.binary(), st.sampled_from([b64encode, urlsafe_b64encode]), st.booleans())
def test_base64_is_opened_and_closed_as_it_was(content: bytes, encode: object, padded: bool) -> None:
    encoded: str = encode(content).decode()  # type: ignore[operator]
    if not padded:
        encoded = encoded.rstrip("=")
    assert blobs.opened(encoded) == content
    closed = blobs.closed(content, encoded)
    assert closed in (encoded, b64encode(content).decode(), encoded + "=" * (-len(encoded) % 4))


@pytest.mark.parametrize(("blob", "like"), [("a-b_", "-"), ("YWI", "YWI"), ("YWI=", "YWI=")])
def test_alphabet_and_padding_stay(blob: str, like: str) -> None:
    content = blobs.opened(blob)
    assert content is not None
    assert blobs.closed(content, blob) == blob


def test_text_is_masked_in_its_alphabet() -> None:
    text = f"ÿÿÿ key={KEY} ÿ>?"
    assert (
        passed(b64encode(text.encode()).decode())
        == b64encode(text.replace(KEY, "[aws-key]").encode()).decode()
    )
    url = urlsafe_b64encode(text.encode()).decode()
    assert passed(url) == urlsafe_b64encode(text.replace(KEY, "[aws-key]").encode()).decode()


def test_text_of_two_bytes_a_character_is_masked() -> None:
    """Without its mark it is UTF-8 full of zeros."""
    assert blobs.opened(passed(b64encode(KEY.encode("utf-16-be")).decode())) == b"\0[aws-key]"


def test_lines_of_base64_are_read_too() -> None:
    encoded = b64encode(f"{KEY}\n".encode() * 20).decode()
    lines = "\n".join(encoded[at : at + 76] for at in range(0, len(encoded), 76))
    assert blobs.opened(passed(lines)) == b"[aws-key]\n" * 20


def test_json_in_base64_is_walked() -> None:
    text = r'{"a" : "\u0041KIAIOSFODNN7EXAMPLE"}'
    assert blobs.opened(passed(b64encode(text.encode()).decode())) == b'{"a" : "XXXXXXXXXXXX0XXXXXXX"}'


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00" + KEY.encode() + b"\x00",
        KEY.encode("utf-16"),
        b"\x80 E123456 \x80",
        PNG + b"tEXtmail\x00jo.doe@example.com\x00",
    ],
)
def test_bytes_in_which_something_stands_do_not_pass(content: bytes) -> None:
    assert isinstance(apply(b64encode(content).decode()), Refusal)


@pytest.mark.parametrize(
    "content",
    [
        PNG,
        b"\xff\xd8\xff\xe0" + bytes(range(256)),
        b"RIFF\x00\x00\x00\x00WAVEfmt ",
        # As short a find comes about by chance.
        PNG + b"\x00E123456\x00 a@b.io \xff",
        b"%PDF-1.7\x80\x81\x82",
        b"",
    ],
)
def test_pictures_and_other_bytes_pass(content: bytes) -> None:
    assert apply(b64encode(content).decode()) is None


def test_a_block_is_not_put_off_by_chance() -> None:
    masks = Masks.compile(block={"aws-key": "no-keys"})
    refusal = apply(b64encode(PNG + b"\x00" + KEY.encode()).decode(), masks)
    assert isinstance(refusal, Refusal)
    assert refusal.detail == "rule no-keys: aws-key"


@pytest.mark.parametrize(
    "blob", [KEY, f"!{KEY}", "QUtJ*QUlP!U0ZPRE5ON0VYQU1QTEU=", "QUtJ=QUlPU0ZPRE5ON0VYQU1QTEU"]
)
def test_what_is_no_base64_hides_nothing_from_a_lenient_reader(blob: str) -> None:
    assert isinstance(apply(blob), Refusal)


def test_what_is_no_base64_and_holds_nothing_passes() -> None:
    assert apply("not base64!") is None


# URIs.


@pytest.mark.parametrize(
    ("link", "found"),
    [
        ("data:text/plain;base64,QUJD", (True, "QUJD")),
        ("data:,a%20b", (False, "a%20b")),
        (" DATA:text/plain;charset=utf-8;Base64,x", (True, "x")),
        ("data: this is not a URI, is it", None),
        ("https://example.com/,", None),
    ],
)
def test_data_uris(link: str, found: object) -> None:
    assert blobs.data_of(link) == found


@pytest.mark.parametrize(
    ("link", "nowhere"),
    [
        ("https://a.example/x", "https://masked.invalid/"),
        ("HTTP://a.example/x", "http://masked.invalid/"),
        ("file:///home", "file:///masked"),
        ("mailto:jo", "mailto:masked@masked.invalid"),
        ("data:,x", "data:,"),
        ("javascript:x", "about:blank"),
        ("no uri", "about:blank"),
    ],
)
def test_where_a_masked_uri_leads(link: str, nowhere: str) -> None:
    assert blobs.masked_link(link) == nowhere
    assert MASKS.shows(nowhere)
