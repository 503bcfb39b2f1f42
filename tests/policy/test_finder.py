"""What a message is searched for."""

from __future__ import annotations

import pytest

from mcpgate.policy.detectors import Detectors
from mcpgate.policy.effort import Effort
from mcpgate.policy.finder import Finder, Withheld, steps_of
from mcpgate.policy.found import Found
from mcpgate.reasons import Reason

MAIL, KEY = "jo.doe@example.com", "AKIAIOSFODNN7EXAMPLE"


def finder(*, mask: str = "email", block: str = "aws-key") -> Finder:
    def detectors(name: str) -> Detectors | None:
        return Detectors.compile(frozenset({name}), {}) if name else None

    return Finder(detectors(mask), detectors(block), {block: "no-keys"}, None)


def test_what_is_masked_is_found() -> None:
    assert list(finder().found(f"to {MAIL}")) == [Found(3, 21, "email")]
    assert list(finder(mask="").found(MAIL)) == []
    assert list(finder(block="").found(KEY)) == []


def test_what_blocks_keeps_the_message_back_and_is_not_told() -> None:
    for search in (finder().found, lambda text: finder().found_among(text, 1)):
        with pytest.raises(Withheld) as withheld:
            search(f"{MAIL} {KEY}")
        assert withheld.value.refusal.reason is Reason.POLICY_CONTENT
        assert withheld.value.refusal.detail == "rule no-keys: aws-key"
        assert KEY not in repr(withheld.value)


def test_texts_that_follow_one_another() -> None:
    first, second = finder().found_across([f"to {MAIL[:8]}", f"{MAIL[8:]} now"])
    assert first and second
    assert list(finder(mask="").found_across(["a", MAIL])) == [(), ()]
    with pytest.raises(Withheld):
        finder().found_across([KEY[:10], KEY[10:]])


def test_bytes_that_are_no_text_are_believed_from_a_length_on() -> None:
    assert finder().found_among("|a@b.io|", 10) == ()
    assert finder().found_among("|a@b.io|", 1) == (Found(1, 7, "email"),)
    assert finder(mask="").found_among("|a@b.io|", 1) == ()


def test_once_the_effort_is_spent_what_is_left_is_one_find() -> None:
    text = f"{MAIL} " * 1000
    found = finder().found(text, Effort(10))
    assert len(found) <= 12 and found[-1].end >= len(text) - 1
    assert sum(map(len, finder().found_across([text, text], Effort(10)))) <= 24


def test_what_stands_in_its_place() -> None:
    assert finder().stand_in("email", MAIL) == "[email]"
    assert finder().stand_in_like("email", MAIL) == "masked@masked.invalid"
    # Of paths.
    assert finder().stand_in("ssn", "x") == finder().stand_in_like("ssn", "x") == "[ssn]"
    assert finder().clean("[email]") and not finder().clean(MAIL)


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("a", ["a"]),
        ("customer.cards[].number", ["customer", "cards", "[]", "number"]),
        ("[].a", ["[]", "a"]),
        ("a[][]", ["a", "[]", "[]"]),
        ("naïve name.b-c", ["naïve name", "b-c"]),
    ],
)
def test_paths(path: str, steps: list[str]) -> None:
    assert steps_of(path) == steps


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a[0]", "a[", "a]", "a.[]", "a[]b"])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(ValueError, match="is not a path"):
        steps_of(path)
