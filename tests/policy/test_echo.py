"""A secret is found in each form in which an upstream may say it again, and nothing else is touched."""

from __future__ import annotations

import base64
import html
import json
import string
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mcpgate.policy.echo import ESCAPES_MOST, LARGE, SECRET_LEAST, Secrets, parts_of
from mcpgate.policy.finder import MASKED_MOST
from mcpgate.policy.masks import Masked
from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.jsonrpc import Message, parse

SECRET = b"ghp_16C7e42F292c6912E7710c838347Ae178B4a"
SECRETS = Secrets([SECRET])
TEXT = SECRET.decode()


def mixed(secret: bytes, choose: Callable[[list[str]], str]) -> str:
    """Each character in one of the ways that there are."""
    return "".join(
        choose([chr(c), f"%{c:02x}", f"%{c:02X}", f"\\u{c:04x}", f"&#{c};", f"&#x{c:x};", f"%25{c:02X}"])
        for c in secret
    )


FORMS: dict[str, Callable[[bytes], str]] = {
    "raw": lambda s: s.decode(),
    "base64": lambda s: base64.b64encode(s).decode(),
    "base64 behind one": lambda s: base64.b64encode(b"x" + s + b"yy").decode(),
    "base64 behind two": lambda s: base64.b64encode(b"xx" + s + b"y").decode(),
    "base64 of a head": lambda s: base64.b64encode(b"Authorization: Bearer " + s + b"\r\nHost: x").decode(),
    "base64url": lambda s: base64.urlsafe_b64encode(b"??" + s).decode().rstrip("="),
    "base64 in lines": lambda s: base64.encodebytes(b"x" * 50 + s + b"x" * 50).decode(),
    "base64 in a URL": lambda s: urllib.parse.quote(base64.b64encode(b"~~" + s).decode(), safe=""),
    "hex": lambda s: s.hex(),
    "HEX": lambda s: s.hex().upper(),
    "percent": lambda s: "".join(f"%{c:02x}" for c in s),
    "PERCENT": lambda s: "".join(f"%{c:02X}" for c in s),
    "quoted": lambda s: urllib.parse.quote(s, safe=""),
    "quoted twice": lambda s: urllib.parse.quote(urllib.parse.quote(s, safe=""), safe=""),
    "JSON": lambda s: json.dumps(s.decode()),
    "JSON in JSON": lambda s: json.dumps(json.dumps({"a": s.decode()})),
    "JSON escapes": lambda s: "".join(f"\\u{c:04x}" for c in s),
    "JSON escapes, escaped": lambda s: json.dumps("".join(f"\\u{c:04X}" for c in s)),
    "HTML": lambda s: html.escape(s.decode()),
    "HTML entities": lambda s: "".join(f"&#{c};" for c in s),
    "HTML hexadecimal entities": lambda s: "".join(f"&#x{c:x};" for c in s),
}

_ANY = st.text([chr(c) for c in range(0x21, 0x7F)], min_size=SECRET_LEAST, max_size=80)
_TOKEN = st.text(string.ascii_letters + string.digits + "._~+/-", min_size=12, max_size=200)
_SECRET = st.one_of(_TOKEN, _ANY).map(str.encode)
#: What stands around it, and is no part of any form.
_AROUND = st.text(" ,;:\u00fc\n", max_size=5)


ODD = (b"p@ss/w+rd=&<x>\"y\\z\"", b"a%41b\\ncdefgh", b"12345678", b"eyJhbGciOi." + b"Zq9_-" * 300)
PAIRS = (b"Z2F0ZTpjb3JyZWN0IGhvcnNl", b"Z2F0ZS1uYW1lOnB3")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", [SECRET, *ODD])
def test_each_form_is_found(form: str, secret: bytes) -> None:
    secrets = Secrets([secret])
    said = FORMS[form](secret)
    text = f"50% of \u00fc \\n {said} & more"
    assert not secrets.clear(json.dumps(text).encode())
    found = secrets.find(text)
    assert found, said
    assert not secrets.holds("".join([text[: found[0].start], text[found[-1].end :]]).encode())
    # Nothing but that: the words around it are as they were.
    assert text[: found[0].start].startswith("50% of ") and text[found[-1].end :].endswith(" & more")


@settings(max_examples=300, deadline=None)
@given(_SECRET, st.sampled_from(sorted(FORMS)), _AROUND, _AROUND)
def test_any_secret_is_found_in_any_form(secret: bytes, form: str, before: str, behind: str) -> None:
    secrets = Secrets([secret])
    text = before + FORMS[form](secret) + behind
    assert secrets.find(text)
    # However the text is written in a document.
    assert not secrets.clear(json.dumps({"text": text}).encode())
    assert not secrets.clear(json.dumps({"text": text}, ensure_ascii=False).encode())


@settings(max_examples=300, deadline=None)
@given(_SECRET.filter(lambda secret: b"\\" not in secret), st.data())
def test_any_mix_of_escapes_is_seen_through(secret: bytes, data: st.DataObject) -> None:
    """Backslashes of its own are another matter: nobody can tell to what they belong, in such a mix."""
    secrets = Secrets([secret])
    text = mixed(secret, lambda ways: data.draw(st.sampled_from(ways)))
    found = secrets.find(f"({text})")
    assert not secrets.clear(json.dumps(f"({text})").encode())
    assert found[0].start <= 1 and found[-1].end >= len(text)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200), _TOKEN.filter(lambda token: len(token) >= 20).map(str.encode))
def test_what_does_not_hold_it_is_clear(text: str, secret: bytes) -> None:
    assume(secret.decode()[4:-4] not in text)
    assert Secrets([secret]).clear(json.dumps(text).encode())
    assert Secrets([secret]).find(text) == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", [SECRET, *ODD])
def test_each_form_of_one_of_many_is_found(form: str, secret: bytes) -> None:
    """Of an upstream that is shown many, all are looked for at once."""
    many = Secrets([secret, *(f"another-secret-{number}-of-many".encode() for number in range(20))])
    text = f"50% of \u00fc \\n {FORMS[form](secret)} & more"
    assert not many.clear(json.dumps(text).encode()) and many.find(text)
    assert many.clear(json.dumps("50% of \u00fc \\n & more").encode())
    assert many.clear(b"nothing of it")


def test_a_secret_that_is_almost_whole_counts() -> None:
    assert [TEXT[4:-3]] == [f"x{TEXT[4:-3]}x"[a:b] for a, b, _ in SECRETS.find(f"x{TEXT[4:-3]}x")]
    assert SECRETS.find(TEXT[8:]) == []


def test_a_short_secret_is_not_looked_for() -> None:
    assert Secrets.of([(b"x-key", b"seven77")]) is None
    assert Secrets.of([(b"authorization", b"Bearer test")]) is None
    assert Secrets.of([]) is None


@pytest.mark.parametrize(
    ("name", "value", "parts"),
    [
        (b"authorization", b"Bearer " + SECRET, (SECRET,)),
        (b"Authorization", b"bearer  " + SECRET, (SECRET,)),
        (b"authorization", b"AWS4 " + SECRET, (SECRET,)),
        (b"x-api-key", SECRET, (SECRET,)),
        (b"x-api-key", b"token " + SECRET, (SECRET,)),
        (b"x-api-key", b"open sesame now", (b"open sesame now",)),
        (b"authorization", b"Basic " + PAIRS[0], (b"correct horse", PAIRS[0])),
        (b"authorization", b"Basic " + PAIRS[1], (b"gate-name:pw", PAIRS[1])),
        (b"authorization", b"Basic not-base64", (b"not-base64",)),
    ],
)
def test_what_is_secret_of_a_line(name: bytes, value: bytes, parts: tuple[bytes, ...]) -> None:
    assert parts_of(name, value) == parts
    secrets = Secrets.of([(name, value)])
    assert secrets is not None
    assert not secrets.clear(b"the request was " + name + b": " + value)
    assert not secrets.clear(base64.b64encode(name + b": " + value))


def test_it_shows_nothing_of_itself() -> None:
    parts = (SECRETS, SECRETS.detectors, SECRETS.masks, vars(SECRETS).get("_forms", SECRETS._forms))
    for shown in (*map(repr, parts), str(SECRETS)):
        assert TEXT[4:12] not in shown


# In messages.


def answer(result: object) -> tuple[Message, bytes]:
    raw = json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()
    message = parse(raw)
    assert isinstance(message, Message)
    return message, raw


def masked(result: object, asked: str = "tools/call") -> Any:
    """What passes of a result."""
    message, raw = answer(result)
    assert not SECRETS.clear(raw)
    found = SECRETS.without(message, raw, asked=asked)
    assert isinstance(found, Masked), found
    assert not SECRETS.holds(found.raw)
    return json.loads(found.raw)["result"]


def test_it_is_masked_in_its_place() -> None:
    text = f"you sent Bearer {TEXT} and {base64.b64encode(SECRET).decode()}."
    result = {"content": [{"type": "text", "text": text}], "structuredContent": {"n": 1, TEXT: [TEXT, "x"]}}
    got = masked(result)
    assert got["content"][0]["text"] == "you sent Bearer [credential] and [credential]==."
    assert got["structuredContent"]["n"] == 1 and "[credential]" in got["structuredContent"]


def test_it_is_masked_within_base64_of_the_protocol() -> None:
    blob = base64.b64encode(b"Authorization: Bearer " + SECRET).decode()
    got = masked({"contents": [{"uri": "file:///x", "blob": blob}]}, "resources/read")
    assert base64.b64decode(got["contents"][0]["blob"]) == b"Authorization: Bearer [credential]"


def test_a_tool_with_it_in_its_name_goes_and_a_description_is_masked() -> None:
    tools = [
        {"name": "good", "description": f"try {TEXT}", "inputSchema": {"type": "object"}},
        {"name": f"bad_{TEXT}", "inputSchema": {"type": "object"}},
    ]
    got = masked({"tools": tools}, "tools/list")
    assert [(one["name"], one["description"]) for one in got["tools"]] == [("good", "try [credential]")]


@pytest.mark.parametrize("member", ["nextCursor", "requestState"])
def test_where_nothing_may_be_changed_it_is_withheld(member: str) -> None:
    message, raw = answer({"tools": [], member: TEXT, "content": []})
    found = SECRETS.without(message, raw, asked="tools/list")
    assert isinstance(found, Refusal) and found.reason is Reason.UPSTREAM_ECHO
    assert TEXT not in str(found)


def test_what_goes_on_in_the_next_text_is_masked() -> None:
    content = [{"type": "text", "text": TEXT[:4]}, {"type": "text", "text": TEXT[4:] + " end"}]
    got = masked({"content": content})
    assert [one["text"] for one in got["content"]] == ["ghp_", "[credential] end"]


def test_an_error_page_is_masked_and_stays_what_it_was() -> None:
    page = f"<p>bad token {html.escape(TEXT)}</p>".encode() + b"<i>\xff</i>"
    found = SECRETS.page_without(page)
    assert isinstance(found, Masked)
    assert found.raw == b"<p>bad token [credential]</p><i>\xff</i>" and found.counts == {"credential": 1}
    assert SECRETS.page_without(b"<p>\xff</p>") is None


def test_too_many_escapes_to_look_behind_do_not_pass() -> None:
    raw = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"a": "%41" * (ESCAPES_MOST + 1)}}).encode()
    message = parse(raw)
    assert isinstance(message, Message) and not SECRETS.clear(raw)
    found = SECRETS.without(message, raw, asked="tools/call")
    assert isinstance(found, Refusal) and found.reason is Reason.UPSTREAM_ECHO


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_it_is_found_in_what_is_large(form: str, place: int) -> None:
    """At the beginning, in the middle, at the end; only what is near escapes is looked at closely there."""
    words = ["The quick brown fox, \n %41 by %41. " * (LARGE // 40), "It jumps over the lazy dog. " * 9000]
    said = FORMS[form](SECRET)
    words.insert(place, said)
    text = "".join(words)
    raw = json.dumps(text).encode()
    assert len(raw) > 2 * LARGE and not SECRETS.clear(raw)
    assert SECRETS.clear(json.dumps(text.replace(said, "")).encode())
    found = SECRETS.find(text)
    assert found and len(found) <= 2 and text.index(said) - 1 <= found[0].start


def test_more_of_them_than_can_be_masked_do_not_pass() -> None:
    message, raw = answer({"content": [{"type": "text", "text": f"{TEXT} " * (MASKED_MOST + 1)}]})
    found = SECRETS.without(message, raw, asked="tools/call")
    assert isinstance(found, Refusal) and found.reason is Reason.UPSTREAM_ECHO


@pytest.mark.parametrize("secret", [b"c0rrect horse (battery) st[ap]le", b'a"b\\c/d+e=f.g*h?i{j}k|l^m$'])
def test_any_character_may_be_in_it_also_in_what_is_large(secret: bytes) -> None:
    secrets = Secrets([secret])
    words = "The quick brown fox. " * (LARGE // 10)
    for said in (secret.decode(), base64.b64encode(b"xy" + secret).decode(), secret.hex().upper()):
        assert not secrets.clear(json.dumps(words + said).encode())
        assert len(secrets.find(words + said)) == 1
    assert secrets.clear(json.dumps(words).encode())


def test_nothing_is_found_where_nothing_is_looked_for() -> None:
    """A token that is too short, say."""
    nothing = Secrets([b"T1"])
    assert not nothing and nothing.clear(b"%41" * LARGE) and nothing.find("T1 %41") == []
    assert nothing.begins("T1") is None


def test_what_repeats_itself_is_masked_whole() -> None:
    secrets = Secrets([b"0" * 20])
    assert [(one.start, one.end) for one in secrets.find(f"x{'0' * 20}x{'0' * 17}x")] == [(1, 21), (22, 39)]


def test_the_beginning_of_one_is_waited_for() -> None:
    doubts = SECRETS.detectors.doubts
    assert doubts(["so: ", TEXT[:3], TEXT[3:22]]) == [(4, "credential")]
    assert doubts([TEXT[:25] + "x"]) == []
    assert doubts([f"hex {SECRET.hex()[:44]}"]) == [(4, "credential")]


@pytest.mark.parametrize(
    ("secret", "least"),
    [
        (SECRET, 4 + 18),
        (b"xoxb-123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx", 32 + 12),
        (b"twelve-and-4", 12),
        (b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ." + b"x" * 43, 40 + 22),
        (SECRET + b".v2", 4 + 20),
        (b"a-name-that-is-known:" + b"0123456789abcdefghij", 21 + 12),
        (base64.b64encode(b"a-name-that-is-known:0123456789abcdefghijklmn"), 28 + 16),
        (base64.b64encode(b"a-name-that-is-known:pa55word"), 28 + 12),
    ],
)
def test_nothing_waits_by_which_one_could_be_guessed(secret: bytes, least: int) -> None:
    """A caller knows how tokens begin, may have a server say the next character in all ways that there are,
    and sees which way waits. Of a JWT it may know all but the signature."""
    secrets, text = Secrets([secret]), secret.decode()
    waiting = [size for size in range(len(text)) if secrets.begins(f"so: {text[:size]}") is not None]
    assert waiting == list(range(least, len(text)))


def test_a_message_full_of_it_does_not_pass() -> None:
    """Nor does it take long: each of its texts was once compared with each joint between two of them."""
    message, raw = answer({"content": [{"type": "text", "text": TEXT}] * 10_000})
    assert isinstance(SECRETS.without(message, raw, asked="tools/call"), Refusal)


def test_the_beginning_of_a_long_one_is_found() -> None:
    """Without a look at each end of a text, of which there are thousands."""
    token = "".join(map(str, range(3_000)))
    secrets = Secrets([token.encode()])
    assert secrets.begins("so: " + token[:6_000]) == 4
    assert secrets.begins("so: " + token[:6_000] + "x") is None
