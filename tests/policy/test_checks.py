"""Check digits, prefixes and lengths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.policy import checks
from mcpgate.policy.checks import Check, key_goes_on, key_lines, luhn
from tests.policy.samples import PEM

NOWHERE: frozenset[int] = frozenset()


def sought(check: Check, text: str, *joints: int) -> list[str]:
    """What of a whole match is what is sought."""
    raw = text.encode()
    return [raw[start:end].decode() for start, end in check(raw, 0, len(raw), frozenset(joints))]


@given(st.integers(0, 10**18))
def test_one_digit_in_ten_is_the_check_digit(number: int) -> None:
    """Of the ten that may end a number, just one does."""
    assert sum(luhn(b"%d%d" % (number, last)) for last in range(10)) == 1


def test_a_card_is_looked_for_in_whole_groups() -> None:
    """In groups as cards have them anywhere; in others where nothing else is there."""
    card = "4111 1111 1111 1111"
    assert sought(checks.cards, f"2024 {card} 07 99") == [card]
    assert sought(checks.cards, f"{card} {card} 4111111111111111") == [card, card, "4111111111111111"]
    assert sought(checks.cards, "41 1111 11111111 11") == ["41 1111 11111111 11"]
    assert sought(checks.cards, "41 1111 11111111 11 2024 2024 2024 2024 2024 2024") == []
    assert sought(checks.cards, "1" * 25 + " 4111111111111111") == ["4111111111111111"]
    assert sought(checks.cards, "1" * 9 + "4111111111111111") == []


def test_a_card_may_begin_and_end_where_texts_meet() -> None:
    """There, digits that touch are not always one number."""
    assert sought(checks.cards, "7" + "4111111111111111" + "8") == []
    assert sought(checks.cards, "7" + "4111111111111111" + "8", 1, 17) == ["4111111111111111"]
    assert sought(checks.cards, "4111111111111111", 3, 9) == ["4111111111111111"]
    assert sought(checks.cards, "7 4111111111111111 8", 3) == ["4111111111111111"]
    assert sought(checks.cards, "41 111111 11111111 8", 18) == ["41 111111 11111111"]


@pytest.mark.parametrize(
    ("number", "found"),
    [
        ("4222222222222", True),
        ("42222222222223", False),
        ("378282246310005", True),
        ("9411111111111117", False),
        ("1000000000000008", False),
        ("2720990000000007", True),
        ("2721000000000004", False),
    ],
)
def test_a_card_has_an_issuer(number: str, found: bool) -> None:
    """And as many digits as its cards have; a check digit alone is one in ten."""
    assert luhn(number.encode()) or number == "42222222222223"
    assert sought(checks.cards, number) == ([number] if found else [])


def test_an_account_ends_where_its_country_says() -> None:
    """What follows it is not part of it, and must not touch it."""
    iban = "DE89 3704 0044 0532 0130 00"
    assert sought(checks.ibans, iban + " and") == [iban]
    assert sought(checks.ibans, iban + "a") == []
    assert sought(checks.ibans, iban + "a", len(iban)) == [iban]
    assert sought(checks.ibans, iban.replace("89", "98")) == []
    assert sought(checks.ibans, "XX89 3704 0044 0532 0130 00") == []
    assert sought(checks.ibans, iban[:-1]) == []


def test_numbers_of_phones_have_codes_that_exist() -> None:
    """And after +1 just ten digits, which may be followed by others."""
    assert sought(checks.international, "+1 415 555 2671 2024") == ["+1 415 555 2671"]
    assert sought(checks.international, "+1 415 555 26712") == []
    assert sought(checks.international, "+1 415 555 26712", 15) == ["+1 415 555 2671"]
    assert sought(checks.international, "+1 415 555 267") == []
    assert sought(checks.international, "+49 30 901820") == ["+49 30 901820"]
    assert sought(checks.international, "+83 123 45678") == []
    assert sought(checks.north_american, "1-415-555-2671") == ["1-415-555-2671"]
    assert sought(checks.north_american, "411-555-2671") == []
    assert sought(checks.north_american, "415-911-2671") == []


def test_numbers_that_were_never_assigned_are_none() -> None:
    """Zeros, 666 and what begins with 9."""
    assert sought(checks.social_security, "123-45-6789") == ["123-45-6789"]
    for text in ("000-45-6789", "666-45-6789", "987-65-4321", "123-00-6789", "123-45-0000"):
        assert sought(checks.social_security, text) == []


def test_an_address_is_not_a_file() -> None:
    """Nor what a repository is cloned from, nor what we write ourselves."""
    assert sought(checks.addresses, "foo@example.com") == ["foo@example.com"]
    assert sought(checks.addresses, "icon@2x.PNG") == []
    assert sought(checks.addresses, "masked@masked.invalid") == []
    git = b"git@github.com:o/r"
    assert checks.addresses(git, 0, 14, NOWHERE) == []
    assert checks.addresses(git.replace(b":", b" "), 0, 14, NOWHERE) == [(0, 14)]


def test_an_address_does_not_take_its_neighbours_words() -> None:
    """Where texts meet, as much of them as makes it whole."""
    assert sought(checks.addresses, "Hellofoo@example.comNext", 5, 12, 20) == ["foo@example.com"]
    assert sought(checks.addresses, "foo@example.com", 9) == ["foo@example.com"]
    assert sought(checks.addresses, "foo@example.com", 3) == ["foo@example.com"]


def test_a_key_ends_with_its_last_line() -> None:
    """Or where it stops looking like one, or where another begins; never further than a key is long."""
    start = PEM.index("\n")
    rest = "\nand more"
    for text, end in [
        (PEM + rest, len(PEM)),
        (PEM.replace("END", "end") + rest, PEM.index("\n-----END")),
        (PEM[:start] + " begins a key", start),
        (PEM[:start] + "\n" + "A" * checks.KEY_MOST * 2, start + checks.KEY_MOST),
        (PEM[:start] + "\n" + "A" * checks.KEY_MOST + PEM[-30:], start + checks.KEY_MOST),
        (PEM[:start] + "\nDEK-Info: AES-256-CBC,00\n\n" + "A" * 64, start + 27 + 64),
    ]:
        ((begin, found),) = checks.private_keys(text.encode(), 0, start, NOWHERE)
        assert (begin, found) == (0, end), text[:80]


def test_the_lines_of_a_key_go_on_in_the_next_text() -> None:
    """Line by line, until the last one; prose is none of them."""
    lines = PEM.split("\n")
    assert [key_goes_on(line.encode()) for line in lines[1:-1]] == [
        (len(line), False) for line in lines[1:-1]
    ]
    last = "\n".join(lines[-2:])
    assert key_goes_on(f"{last} x".encode()) == (len(last), True)
    assert key_goes_on(lines[-1].encode()) == (len(lines[-1]), True)
    for prose in ("Done", "all is well", "", "x" * 15, "loading module 3"):
        assert key_goes_on(prose.encode())[0] in (0, len(prose)) and key_lines(b" then words") == 0
        assert prose == "" or key_goes_on(prose.encode()) == (0, False)
