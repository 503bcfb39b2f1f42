"""Texts that are read together are looked at together."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpgate.policy.detectors import NAMES, Detectors
from mcpgate.policy.found import Found
from mcpgate.policy.texts import Rest, find_across
from tests.policy.samples import AWS, AWS_SECRET, GITHUB, JWT, NOTHING, PEM, SLACK, WHOLE

ALL = Detectors.compile(NAMES | {"employee"}, {"employee": r"E[0-9]{6}"})

#: How much of a secret may be left where it was found before it was whole: what goes on after an address
#: or a number that is one already, and what stands before the part that is one by itself.
LEFT_MOST = 4


def shown(texts: list[str], found: list[list[Found]]) -> list[str]:
    """What is left of each text."""
    return [
        "".join(sign for at, sign in enumerate(text) if not any(one.start <= at < one.end for one in finds))
        for text, finds in zip(texts, found, strict=True)
    ]


EACH = [
    text
    for texts in WHOLE.values()
    for text in [*texts, "E123456"]
    if not text.startswith(("-----BEGIN", "http", "+", "jörg", "имя", "eyJlbm"))
]


@pytest.mark.parametrize("secret", EACH)
def test_a_secret_split_at_any_place_is_found(secret: str) -> None:
    """Over two texts; and what the texts say before and after it is left alone, word for word."""
    for at in range(1, len(secret)):
        for before, after in (("", ""), ("It is: ", ", yes"), ("\n", "\n")):
            texts = ["Hello", before + secret[:at], secret[at:] + after, "Next"]
            left = shown(texts, find_across(texts, ALL))
            assert (left[0], left[3]) == ("Hello", "Next")
            assert left[1].startswith(before) and left[2].endswith(after)
            rest = left[1][len(before) :] + left[2][: len(left[2]) - len(after)]
            # Of an address there may be some of the name, or of the domain.
            assert len(rest) <= LEFT_MOST or ("@" in secret and "@" not in rest), (texts, left)


@pytest.mark.parametrize("secret", ["4111111111111111", "4111 1111 1111 1111", AWS, GITHUB])
def test_a_secret_in_many_pieces_is_found(secret: str) -> None:
    """One character in each text, or a few, and empty texts between."""
    for size in (1, 2, 3, 5):
        texts = [secret[at : at + size] for at in range(0, len(secret), size)]
        assert "".join(shown(texts, find_across(texts, ALL))) == ""
        texts = [text for one in texts for text in ("", one)]
        assert "".join(shown(texts, find_across(texts, ALL))) == ""


def test_whole_secrets_do_not_grow() -> None:
    """Words that begin the next text are not part of an address that ends this one."""
    texts = ["a@example.com", "Next", "4111111111111111", "2024", "123-45-6789", "1", f"key {GITHUB}", "Done"]
    assert shown(texts, find_across(texts, ALL)) == ["", "Next", "", "2024", "", "1", "key ", "Done"]


def test_a_find_of_another_kind_hides_nothing() -> None:
    """An operator's expression may match in the middle of an account number."""
    texts = ["D", "E89370400440532013000"]
    assert shown(texts, find_across(texts, ALL)) == ["", ""]


def test_a_key_is_found_line_by_line() -> None:
    """Its first line says what the others are, until the last; other lines pass."""
    texts = ["Reading", *PEM.split("\n"), "Done", "A" * 40]
    assert shown(texts, find_across(texts, ALL)) == ["Reading"] + [""] * 5 + ["Done", "A" * 40]
    for at in range(1, len(PEM)):
        texts = [PEM[:at], PEM[at:], "Done"]
        left = "".join(shown(texts, find_across(texts, ALL))).strip()
        # Of the last line, which is none of the key, some may be left.
        assert left.startswith(("Done", "-")) and left.endswith("Done"), (at, left)
        assert not any(line in left for line in PEM.split("\n")[1:-1])


def test_a_key_without_an_end_does_not_take_everything() -> None:
    """Prose ends it, or passes; lines like a key's do not for a while."""
    texts = [PEM[:100], "and then nothing", "B" * 64, "ok"]
    assert shown(texts, find_across(texts, ALL))[1] == "and then nothing"
    rest = Rest(NAMES)
    rest.hear(PEM[:100], [Found(0, 100, "private-key")])
    found: list[Found] = []
    for _ in range(3000):
        found = []
        rest.hear("Q" * 64, found)
    assert found == []


@pytest.mark.parametrize("token", [SLACK, JWT, GITHUB + "x" * 20])
def test_the_rest_of_a_token_is_found(token: str) -> None:
    """Half of it looks whole already; a word after it does not look like the rest."""
    name = ALL.find(token)[0].detector
    rest = Rest(NAMES)
    found = ALL.find(token)
    rest.hear(token, found)
    found = []
    rest.hear("-abc1/def", found)
    assert found == [Found(0, 9, name)]
    found = []
    rest.hear("Next word", found)
    assert found == []


def test_the_rest_of_a_token_is_found_whatever_else_its_middle_is() -> None:
    """Here that is nineteen digits of which the last is a check digit."""
    texts = [SLACK[:8], SLACK[8:28], SLACK[28:] + " ok"]
    assert ALL.find(texts[1])[0].detector == "card"
    assert shown(texts, find_across(texts, ALL)) == ["", "", " ok"]


def test_a_name_and_its_secret_may_be_two_texts() -> None:
    """As they are where a table is written cell by cell."""
    texts = ["aws_secret_access_key = ", AWS_SECRET]
    assert shown(texts, find_across(texts, ALL)) == [texts[0], ""]


def test_one_text_has_no_neighbours() -> None:
    """And none has none."""
    assert find_across([], ALL) == []
    assert find_across(["foo@example.com"], ALL) == [[Found(0, 15, "email")]]


def test_unseen_characters_do_not_help() -> None:
    """In either text, at the joint or elsewhere."""
    texts = ["AK\u200bIAIOSF\u200d", "\u2060ODNN7EX\u00adAMPLE."]
    assert shown(texts, find_across(texts, ALL)) == ["", "."]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*NOTHING, "words", "12", "\n"]), max_size=6), st.integers(0, 2**32))
def test_what_is_nothing_stays_nothing(texts: list[str], seed: int) -> None:
    """Texts with a word between them are not read as one."""
    between = [text for one in texts for text in (one, "; and ")]
    assert not any(find_across(between, ALL)) or any(ALL.find("; and ".join(texts)))
    random.Random(seed).shuffle(between)
    for text, finds in zip(between, find_across(between, ALL), strict=True):
        assert all(0 <= one.start < one.end <= len(text) for one in finds)


@pytest.mark.parametrize("at", range(8, len("+1 212 555 0123")))
def test_a_number_with_more_behind_it_is_found_over_the_end_of_a_text_too(at: int) -> None:
    said = "+1 212 555 0123-44."
    texts = [said[:at], said[at:]]
    assert ALL.find(said)
    assert not ALL.find("".join(shown(texts, find_across(texts, ALL))))
