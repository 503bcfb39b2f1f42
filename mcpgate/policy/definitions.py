"""What an upstream says that a tool is: whether it is still the same, and what is wrong with it.

A tool that was harmless when somebody looked at it may not be the next day (a "rug pull"), and models do
what descriptions say. So the I{whole} object that a list has of a tool is compared, whatever is in it:
title, description, both schemas, annotations, icons, C{_meta}, C{execution}, and members that nobody
knows yet.

 - L{canonical}: one text for all ways to write the same object, in the manner of RFC 8785 (members
   sorted by name, no white space, one spelling of each string and number). It differs where that only
   matters to others: names are sorted by code points, and C{1} keeps apart from C{1.0} and C{1e0}, as
   integers keep all their digits, which a double would not.
 - L{differences}: what has changed, member by member, for people.
 - L{concealed}: characters that people do not see and models read.
 - L{unfit}: what makes a tool one that no client must be shown.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final
from unicodedata import category

import msgspec
from attrs import frozen

from mcpgate.wire.mirrored import valid_annotations

#: Differences that are told; who changes more has made another tool.
DIFFERENCES_MOST: Final = 50
#: Characters of a value that are told on each side, around what differs: some lines of a terminal.
SAID_MOST: Final = 240

_encode = msgspec.json.Encoder(order="sorted").encode

#: What a tool is known by to a client; anything else it may have is told as "another member".
_MEMBERS: Final = frozenset(
    "name title description inputSchema outputSchema annotations icons execution _meta".split()
)
#: Keywords by which a schema refers to another one.
_REFERS: Final = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})
_REFERENCES: Final = tuple(_encode(keyword) for keyword in sorted(_REFERS))


def canonical(definition: object) -> bytes:
    """The one text of a definition."""
    return _encode(definition)


def fingerprint(canonical: bytes) -> str:
    """What tells one definition from all others, as records have it."""
    return "sha256:" + hashlib.sha256(canonical).hexdigest()


# What has changed.


@frozen
class Difference:
    """
    One thing that is not as it was.

    @ivar path: Where, as C{inputSchema.properties.path.description}.
    @ivar old: What was there, in words for people; C{None}: nothing.
    """

    path: str
    old: str | None
    new: str | None


def differences(old: object, new: object) -> list[Difference]:
    """What has changed from one definition to another, in the order of its members, up to a bound."""
    found: list[Difference] = []
    for difference in _differences("", old, new):
        if len(found) == DIFFERENCES_MOST:
            found.append(Difference("...", None, None))
            break
        found.append(difference)
    return found


def _differences(path: str, old: object, new: object) -> Iterator[Difference]:
    if type(old) is dict and type(new) is dict:
        for name in dict.fromkeys((*old, *new)):
            inner = f"{path}.{_step(name)}" if path else _step(name)
            if name not in new:
                yield Difference(inner, _told(old[name]), None)
            elif name not in old:
                yield Difference(inner, None, _told(new[name]))
            else:
                yield from _differences(inner, old[name], new[name])
    elif type(old) is list and type(new) is list:
        for index in range(max(len(old), len(new))):
            inner = f"{path}[{index}]"
            if index >= len(new):
                yield Difference(inner, _told(old[index]), None)
            elif index >= len(old):
                yield Difference(inner, None, _told(new[index]))
            else:
                yield from _differences(inner, old[index], new[index])
    elif _encode(old) != _encode(new):
        if type(old) is str and type(new) is str:
            yield Difference(path, *_around(old, new))
        else:
            yield Difference(path, _told(old), _told(new))


def _step(name: str) -> str:
    return visible(name[:64]) if re.fullmatch(r"[\w$-]+", name) else f'"{visible(name[:64])}"'


def _told(value: object) -> str:
    text = value if type(value) is str else msgspec.json.encode(value).decode()
    quoted = f'"{visible(text[:SAID_MOST])}"' if type(value) is str else visible(text[:SAID_MOST])
    return quoted if len(text) <= SAID_MOST else f"{quoted}... ({len(text)} characters)"


def _around(old: str, new: str) -> tuple[str, str]:
    """Two texts where they differ, and a little of what is the same on both sides."""
    most = min(len(old), len(new))
    begin = next((at for at in range(most) if old[at] != new[at]), most)
    end = next((at for at in range(1, most - begin + 1) if old[-at] != new[-at]), most - begin + 1) - 1
    # A long text of which nearly all is the same is told by a part of it.
    first = max(0, begin - 20) if begin > SAID_MOST // 4 else 0
    told = []
    for text in (old, new):
        last = min(len(text), first + SAID_MOST, len(text) - end + 20 if end > SAID_MOST // 4 else len(text))
        before, behind = "..." if first else "", "..." if last < len(text) else ""
        told.append(f'"{before}{visible(text[first:last])}{behind}"')
    return told[0], told[1]


# What is not seen.

#: Characters that show nothing, or change how others are shown, by what they are called here. (Of the
#: format characters of Unicode not the signs of Arabic and Syriac that stand around numbers.)
_KINDS: Final = (
    ("bidirectional control", "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"),
    ("tag", "\U000e0000-\U000e007f"),
    ("variation selector", "\ufe00-\ufe0f\u180b-\u180d\u180f\U000e0100-\U000e01ef"),
    (
        "zero-width",
        "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200d\u2060-\u2065\u3164\ufeff\uffa0",
    ),
    ("private use", "\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd"),
    ("control character", "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"),
    (
        "format character",
        "\u206a-\u206f\ufff9-\ufffb\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a",
    ),
)
_UNSEEN: Final = re.compile("|".join(f"([{characters}])" for _, characters in _KINDS))
_EMOJI: Final = frozenset({"So", "Sm", "Sk", "Po"})

#: Characters that are looked at in one definition; who hides more has said enough.
FOUND_MOST: Final = 100
#: Sentences about one definition.
SENTENCES_MOST: Final = 4


def concealed(definition: Mapping[str, object]) -> list[str]:
    """
    What a tool's definition says without showing it: a sentence for each member and kind of character.

    Emoji are made with some of these characters, and so are words of some scripts; what is usual there
    is not told.
    """
    found: dict[tuple[str, str], dict[str, int]] = {}
    left = FOUND_MOST
    for member, value in definition.items():
        where = member if member in _MEMBERS else "another member"
        for text in (*_texts(value), *(() if member in _MEMBERS else (member,))):
            for _, kind, character in _unseen_at(text, left):
                left -= 1
                counts = found.setdefault((where, kind), {})
                counts[character] = counts.get(character, 0) + 1
    more = " or more" if left <= 0 else ""
    return [
        f"{where}: {sum(counts.values())}{more} {kind} ({_codes(counts)})"
        for (where, kind), counts in islice(found.items(), SENTENCES_MOST)
    ]


def _codes(characters: Iterable[str]) -> str:
    codes = [f"U+{ord(each):04X}" for each in sorted(characters)]
    return ", ".join(codes if len(codes) <= 8 else (*codes[:8], "..."))


def visible(text: str) -> str:
    """A text with all that shows nothing, or changes what is shown, written out: C{\\u{200b}}."""
    if text.isascii() and text.isprintable():
        return text
    odd = {at for at, _, _ in _unseen_at(text)}
    return "".join(
        f"\\u{{{ord(character):x}}}" if at in odd or _shifts(character) else character
        for at, character in enumerate(text)
    )


def _shifts(character: str) -> bool:
    return category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _texts(value: object) -> Iterator[str]:
    """Every string in a value, names of members too."""
    if type(value) is str:
        yield value
    elif type(value) is list:
        for inside in value:
            yield from _texts(inside)
    elif type(value) is dict:
        for name, inside in value.items():
            yield name
            yield from _texts(inside)


def _unseen_at(text: str, most: int | None = None) -> Iterator[tuple[int, str, str]]:
    """Where such characters stand, of which kind, and which; those that are usual there are left out."""
    for match in islice(_UNSEEN.finditer(text), most):
        at, character = match.start(), match[0]
        if not _is_usual(text, at, character):
            assert match.lastindex is not None
            yield at, _KINDS[match.lastindex - 1][0], character


def _is_usual(text: str, at: int, character: str) -> bool:
    """Whether a character stands where people write it: in an emoji, or between letters that it joins."""
    before, behind = text[at - 1 : at], text[at + 1 : at + 2]
    if not before:
        return False
    if character in "\ufe0e\ufe0f":
        # A keycap is a digit, this, and U+20E3.
        return category(before) in _EMOJI if not before.isascii() else behind == "\u20e3"
    if character not in "\u200c\u200d" or not behind:
        return False
    if _is_joined(before) and _is_joined(behind):
        return True
    emoji = before == "\ufe0f" or (not before.isascii() and category(before) in _EMOJI)
    return character == "\u200d" and emoji and not behind.isascii() and category(behind) in _EMOJI


def _is_joined(character: str) -> bool:
    """Whether it is of a script whose words need joiners: Arabic, those of India and its neighbours."""
    return 0x0600 <= ord(character) <= 0x109F or 0x1780 <= ord(character) <= 0x18AF


# What no client must be shown.


def unfit(definition: Mapping[str, object], text: bytes) -> str | None:
    """
    Why no client must be shown a tool, if so. C{text}: its L{canonical} text.

    A reference to a schema elsewhere has whoever reads the definition fetch what the upstream chose, from
    where the reader stands (MCP server/tools, "Security Considerations"). An C{x-mcp-header} that breaks
    its rules makes a tool invalid (2026-07-28, streamable HTTP), and could write other headers where a
    client does not look.
    """
    # What stands nowhere in the text need not be looked for in its parts: it spells nothing in two ways.
    if b'"x-mcp-header"' in text and valid_annotations(definition.get("inputSchema")) is None:
        return "an x-mcp-header of its schema is invalid"
    if not any(keyword in text for keyword in _REFERENCES):
        return None
    for member in ("inputSchema", "outputSchema"):
        if _refers_elsewhere(definition.get(member)):
            return f"its {member} refers to a schema elsewhere"
    return None


def _refers_elsewhere(value: object) -> bool:
    """Whether a member anywhere reads as a reference, also where a strict reader would see none."""
    if type(value) is dict:
        for name, inside in value.items():
            if name in _REFERS and type(inside) is str and not inside.startswith("#"):
                return True
            if _refers_elsewhere(inside):
                return True
    elif type(value) is list:
        return any(map(_refers_elsewhere, value))
    return False
