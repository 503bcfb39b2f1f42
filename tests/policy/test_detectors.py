"""Detectors find what they are for, wherever it stands, and say in one look when there is nothing."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpgate.policy.detectors import NAMES, Detectors
from mcpgate.policy.effort import Effort
from mcpgate.policy.found import Found
from mcpgate.policy.texts import find_across
from tests.policy.samples import AWS, AWS_SECRET, NOTHING, PEM, WHOLE

ALL = Detectors.compile(NAMES, {})
OWN = Detectors.compile(
    NAMES | {"employee", "badge"}, {"employee": r"\bE[0-9]{6}\b", "badge": r"^badge (?P<n>[a-f]+\n?/?)+$"}
)

EACH = [(name, text) for name, texts in WHOLE.items() for text in texts]
#: What may stand before and after a secret, and is none of it.
BESIDE = ["", " ", '"', ": ", "\n", "\\n", "(", ",", "|", "\u65e5", "%3D", "\t", "\\u00e9", "='"]
AFTER = ["", " ", '"', ", ", "\n", "\\n", ")", ";", "|", "'", ". Yes", "\\"]


@pytest.mark.parametrize(("name", "text"), EACH)
def test_each_is_found_whole(name: str, text: str) -> None:
    """By the detector that is meant, from its first character to its last."""
    assert ALL.find(text) == [Found(0, len(text), name)]


@pytest.mark.parametrize(("name", "text"), EACH)
def test_each_is_found_within_other_text(name: str, text: str) -> None:
    """What stands beside it does not hide it, and is left alone."""
    for before in BESIDE:
        for after in AFTER:
            whole = before + text + after
            found = ALL.find(whole)
            assert [one.detector for one in found] == [name], whole
            seen = whole[found[0].start : found[0].end]
            # An open key goes on over line ends.
            assert seen.strip("\\n \"'|,;") == text.strip("\\n \"'|,;") or name == "private-key", whole


@pytest.mark.parametrize("text", NOTHING)
def test_nothing_is_found_in_what_is_nothing(text: str) -> None:
    """Times, versions, identifiers and file names pass."""
    assert ALL.find(text) == []


def test_several_are_found_in_order() -> None:
    """Finds do not overlap, and each has its own name."""
    text = f"foo@example.com, 4111 1111 1111 1111 4111111111111111; 123-45-6789 {AWS} x"
    assert [(text[start:end], name) for start, end, name in ALL.find(text)] == [
        ("foo@example.com", "email"),
        ("4111 1111 1111 1111", "card"),
        ("4111111111111111", "card"),
        ("123-45-6789", "ssn"),
        (AWS, "aws-key"),
    ]


def test_a_secret_access_key_is_known_by_what_stands_before_it() -> None:
    """It has no shape of its own, so only the key itself is found, beside its name."""
    for before, after in [
        ("aws_secret_access_key = ", "\n"),
        ('{"SecretAccessKey": "', '"}'),
        ("AWS_SECRET_ACCESS_KEY='", "'"),
        ('\\"secretAccessKey\\":\\"', '\\"'),
    ]:
        text = before + AWS_SECRET + after
        assert ALL.find(text) == [Found(len(before), len(before) + len(AWS_SECRET), "aws-key")]


def test_a_number_of_json_is_found_by_its_text() -> None:
    """Whoever asks passes what stands in the document."""
    assert ALL.find("4111111111111111") and ALL.find("4111111111111111.0")


def test_only_detectors_that_are_named_look() -> None:
    """Each is a choice of the operator."""
    cards = Detectors.compile(frozenset({"card"}), {})
    assert cards.find(f"foo@example.com {AWS} 4111111111111111") == [Found(37, 53, "card")]
    assert not cards.suspicious(b'["foo@example.com"]')


def test_an_operators_expression_is_looked_for_too() -> None:
    """In the text as it is, and as it is seen; under its own name, which may be one of ours."""
    assert OWN.find("by E123456.") == [Found(3, 10, "employee")]
    assert OWN.find("by E123\u200b456.") == [Found(3, 11, "employee")]
    assert OWN.find("badge abcdef") == [Found(0, 12, "badge")]
    assert OWN.find("a badge abcdef") == []
    own = Detectors.compile(frozenset({"email"}), {"email": "foo"})
    assert own.find("foo@example.com") == [Found(0, 3, "email")]


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("(", "missing"),
        (r"(a)\1", "invalid escape"),
        ("(?=a)b", "invalid"),
        ("x*", "empty"),
        ("(?:x{1000}){1000}", "repetition"),
        (r"\pL{900}", "too large"),
    ],
)
def test_an_expression_that_cannot_be_used_is_refused(expression: str, why: str) -> None:
    """With the name of its detector, before anything is judged by it."""
    with pytest.raises(ValueError, match=f"own.*{why}"):
        Detectors.compile(frozenset({"own"}), {"own": expression})


def test_a_name_that_means_nothing_is_refused() -> None:
    """A mask with a slip in it would mask nothing."""
    with pytest.raises(ValueError, match="'mail'"):
        Detectors.compile(frozenset({"mail"}), {})


def test_an_expression_of_doom_ends() -> None:
    """What takes others ages takes RE2 no longer than anything else."""
    doom = Detectors.compile(frozenset({"doom"}), {"doom": "(a+)+b|(x|xx|a?)*c{2}y"})
    assert doom.find("a" * 100_000) == []
    assert not doom.suspicious(b'"' + b"a" * 100_000 + b'"')


def test_when_the_effort_is_spent_the_rest_is_found() -> None:
    """A text that is made to cost looks costs so many, and does not pass."""
    text = "000-45-6789 " * 50 + "fine"
    assert ALL.find(text) == []
    spent = Effort(20)
    assert ALL.find(text, spent)[-1].end == len(text)
    assert spent.left < 0
    assert ALL.find("nothing at all", spent) == []


@pytest.mark.parametrize("name", sorted(NAMES))
def test_what_stands_in_is_not_found_again(name: str) -> None:
    """Neither by the detector that it stands for nor by another."""
    assert ALL.stand_in(name) == f"[{name}]"
    assert ALL.find(f"x {ALL.stand_in(name)} y") == []
    for text in WHOLE[name]:
        alike = ALL.stand_in_like(name, text)
        assert ALL.find(alike) == [] and alike != text
        assert name == "email" or len(alike) == len(text)


def test_what_stands_in_keeps_its_form() -> None:
    """Digits for digits, letters for letters, an address for an address."""
    assert ALL.stand_in_like("card", "4111 1111-1111 1111") == "0000 0000-0000 0000"
    assert ALL.stand_in_like("iban", "DE89 3704") == "XX00 0000"
    assert ALL.stand_in_like("email", "foo@example.com") == "masked@masked.invalid"


def test_what_stands_in_evades_an_operators_expression_where_it_can() -> None:
    """An expression that matches what we would write gets something else."""
    own = Detectors.compile(frozenset({"own", "all"}), {"own": r"\[own\]|[0-9]", "all": r"(?s).+"})
    assert own.stand_in("own") == "\u2588"
    assert Detectors.compile(frozenset({"own"}), {"own": r"\[own\]"}).stand_in("own") == "[masked]"
    assert Detectors.compile(frozenset({"own"}), {"own": r"0+"}).stand_in_like("own", "123") == "xxx"


SECRETS = [text for texts in WHOLE.values() for text in texts] + [f"secret_key: {AWS_SECRET}", "E123456"]


def documents(value: Any) -> list[bytes]:
    """A value as various writers write it."""
    written = [
        json.dumps(value),
        json.dumps(value, ensure_ascii=False),
        json.dumps(value, indent=1, ensure_ascii=False),
        json.dumps(value, separators=(",", ":")).replace("/", "\\/").replace("\x7f", "\\u007f"),
        json.dumps(value).replace("4", "\\u0034") if '\\u' not in json.dumps(value) else json.dumps(value),
    ]
    return [text.encode() for text in written if _encodes(text)]


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@pytest.mark.parametrize("secret", SECRETS)
def test_a_document_with_a_secret_is_suspicious(secret: str) -> None:
    """Wherever it stands and however it is written."""
    within = {"a": {"b": ["\n", f"x\n{secret}\t"]}}
    for value in ([secret], {"text": f"so: {secret}, yes"}, {secret: 1}, within):
        for raw in documents(value):
            assert OWN.suspicious(raw), raw


def test_a_clean_document_is_not() -> None:
    """Text, times, numbers, escapes and other scripts pass with one look."""
    text = "It's 12:30 on 2026-11-26.\n\u65e5\u672c\u8a9e 'x' caf\u00e9 \U0001f600"
    clean = {
        "content": [{"type": "text", "text": text}],
        "structuredContent": {"time": 1732590000000, "ratio": 0.4111111111111111, "to": "@all"},
        "isError": False,
    }
    for raw in documents(clean)[:4]:
        assert not ALL.suspicious(raw), raw


def test_letters_in_escapes_are_suspicious() -> None:
    """Nobody writes them so, save to hide something; what honest writers escape is no reason."""
    assert ALL.suspicious(rb'"\u0041"')
    assert not ALL.suspicious(rb'"\u003c\u00e9\u0026 it\u0027s \ud83d\ude00"')


words = st.text(st.sampled_from("ab 41-@.+\\n\n\"/E\u200b\u00e9\u0301\x7f\uff11\U0001f600{}:,"), max_size=12)
near = st.sampled_from([*SECRETS, "4111", "E12", "foo@", "AKIA", "DE89 3704", "+1 (415) 5"])


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Texts with whole secrets, with parts of them, and with what is like them."""
    halves = near.map(lambda text: text[: len(text) // 2])
    return "".join(draw(st.lists(st.one_of(words, near, halves), max_size=3)))


values = st.recursive(
    st.one_of(texts(), st.integers(), st.sampled_from([4111111111111111, 1732590000000, 2.5, None, True])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(texts(), inner, max_size=3),
        st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": texts()}), max_size=4),
    ),
    max_leaves=8,
)


def leaves(value: Any) -> list[str]:
    """The strings, names and numbers of a value."""
    if isinstance(value, dict):
        return [*value, *(leaf for one in value.values() for leaf in leaves(one))]
    if isinstance(value, list):
        return [leaf for one in value for leaf in leaves(one)]
    return [value if isinstance(value, str) else json.dumps(value)]


def arrays_of_texts(value: Any) -> list[list[str]]:
    """The texts of each array of text items."""
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    found = [own for one in inner for own in arrays_of_texts(one)]
    if isinstance(value, list):
        items = [one["text"] for one in value if isinstance(one, dict) and isinstance(one.get("text"), str)]
        if len(items) == len(value):
            found.append(items)
    return found


@settings(max_examples=600, deadline=None)
@given(values)
def test_where_anything_is_found_the_document_is_suspicious(value: Any) -> None:
    """The one look is never wrong in the direction that matters."""
    found = any(OWN.find(leaf) for leaf in leaves(value)) or any(
        any(find_across(items, OWN)) for items in arrays_of_texts(value)
    )
    if found:
        for raw in documents(value):
            assert OWN.suspicious(raw), raw


@settings(max_examples=300, deadline=None)
@given(texts(), near, texts())
def test_finds_are_in_order_and_within_the_text(before: str, secret: str, after: str) -> None:
    """Whatever the text."""
    text = before + secret + after
    found = OWN.find(text)
    at = 0
    for start, end, name in found:
        assert at <= start < end <= len(text) and name in OWN.names
        at = end


def test_half_a_surrogate_pair_does_not_matter() -> None:
    """Such a text cannot be written, but it can be asked about."""
    assert ALL.find("\ud800 foo@example.com") == [Found(2, 17, "email")]


def test_time_is_linear() -> None:
    """A text eight times as long makes no more matches, looks or passes than eight times as many."""
    rng = random.Random(5)
    parts = ["4111 ", "foo@", "eyJaaaaaaaaa.", PEM[:31], "000-45-6789 ", "DE89 ", "+1 ", "'", "\n"]
    spent = []
    for size in (500, 4000):
        effort = Effort()
        ALL.find("".join(rng.choices(parts, k=size)), effort)
        spent.append(Effort().left - effort.left)
    assert spent[1] < 12 * spent[0]


def test_an_open_key_takes_no_prose() -> None:
    """What follows a first line alone is read as text unless it looks like a key."""
    text = "-----BEGIN PRIVATE KEY----- is how such a file begins"
    assert ALL.find(text) == [Found(0, 27, "private-key")]
    assert ALL.find(f"x {PEM}\nand more") == [Found(2, 2 + len(PEM), "private-key")]
