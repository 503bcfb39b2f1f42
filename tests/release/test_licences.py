"""A library that says no licence, or one that nobody has looked at, is named."""

from email.message import Message

import pytest

from tests.release.licences import closure, unfit


def told(**facts: str | list[str]) -> Message:
    """The metadata of a package, with underscores for hyphens."""
    message = Message()
    for name, value in facts.items():
        for one in value if isinstance(value, list) else [value]:
            message[name.replace("_", "-")] = one
    return message


@pytest.mark.parametrize(
    "facts",
    [
        {"License_Expression": "MIT"},
        {"License_Expression": "Apache-2.0 OR BSD-3-Clause"},
        {"Classifier": ["Topic :: Security", "License :: OSI Approved :: MIT License"]},
        {"License": "BSD"},
        {"License": "The GPL, perhaps", "License_Expression": "ZPL-2.1"},
    ],
)
def test_a_licence_that_is_known_is_found_wherever_it_is_told(facts: dict[str, str]) -> None:
    """In an expression, a classifier or words, in this order."""
    assert unfit("one", told(**facts)) == []


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, "says nothing"),
        ({"License": " "}, "says nothing"),
        ({"License_Expression": "AGPL-3.0-only"}, "'AGPL-3.0-only'"),
        ({"License_Expression": "MIT AND GPL-3.0-only"}, "not listed"),
        ({"License": "Proprietary"}, "not listed"),
    ],
)
def test_another_is_a_matter_for_a_person(facts: dict[str, str], words: str) -> None:
    """One part of an expression is enough."""
    (wrong,) = unfit("one", told(**facts))
    assert words in wrong


def test_what_is_needed_is_followed_to_its_end() -> None:
    """Through all that is needed in turn, with extras where they are wanted, and round a circle."""
    packages = {
        "a": told(Requires_Dist=["B >= 1", "c ; extra == 'more'", "d ; python_version < '3'"]),
        "B": told(Requires_Dist=["e[fast]", "a"]),
        "c": told(),
        "e": told(Requires_Dist=["f ; extra == 'fast'", "g ; extra == 'slow'"]),
        "f": told(),
    }
    assert set(closure(["a"], ["more"], packages.__getitem__)) == {"a", "b", "c", "e", "f"}
    assert set(closure(["a"], [], packages.__getitem__)) == {"a", "b", "e", "f"}
