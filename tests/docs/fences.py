"""The fences of a page of Markdown, and what comments above them say (pure).

What a fence is, is CommonMark's to say; a fence in a list is indented like its list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from attrs import field, frozen

#: Whoever puts another word into such a comment has misspelt one of these.
WORDS = ("world", "checked", "into")

_OPENING = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,}|~{3,})(?P<info>[^`]*)$")
_COMMENT = re.compile(r"^ *<!-- *(?P<word>[a-z]+) *: *(?P<value>.*?) *-->$")
_NAMED = re.compile(r"^# ?(?P<path>(?!/$)[\w./-]*\w\.[a-z]{2,8})(?: - .*)?$")
#: In a quotation, behind a list's mark or a tab, as a page's own HTML; or a command that is only indented.
_UNSEEN = re.compile(
    r"^[ \t]*(?:[>*+-]|\d+[.)])[ \t>]*(?:`{3}|~{3})|^ *\t[ \t]*(?:`{3}|~{3}|\$ )|^ {4,}\$ |<pre\b"
)
#: Within a fence of three ticks: it was not closed.
_SWALLOWED = re.compile(r"^ *(?:```|~~~)\w", re.MULTILINE)
#: A word that begins a comment of ours, in any other spelling.
_MISSPELT = re.compile(r"^ *<!--\s*(?:world|checked|into)\b", re.IGNORECASE)
#: Languages of which a fence may be a file.
FILES = frozenset({"toml", "yaml", "json", "python", "ini"})


@frozen
class Fence:
    """One fence. C{line} is that of its first line of text; C{said}: what comments above it say."""

    language: str
    text: str
    line: int
    said: Mapping[str, str] = field(factory=dict)

    @property
    def path(self) -> str | None:
        """The file that it is, if its first line says so."""
        match = _NAMED.match(self.text.partition("\n")[0]) if self.language in FILES else None
        return match["path"] if match else None

    @property
    def content(self) -> str:
        """What is to be in that file: JSON has no comments."""
        return self.text.partition("\n")[2] if self.language == "json" and self.path else self.text

    @property
    def directive(self) -> bool:
        """Whether it is Sphinx's to read."""
        return self.language.startswith("{")


@frozen
class Page:
    """A page's world and its fences; C{unknown}: comments, by their lines, whose word nobody knows."""

    world: str | None
    fences: tuple[Fence, ...]
    unknown: Mapping[int, str]
    #: Lines that a reader takes for a fence, or the beginning of one, and that nobody would run.
    unseen: tuple[int, ...] = ()


def read_page(text: str) -> Page:
    """Take a page apart."""
    world: str | None = None
    fences = []
    unknown = {}
    unseen = []
    said: dict[str, str] = {}
    for number, line, fence in _pieces(text):
        if fence is not None:
            language = line.split(None, 1)[0] if line.strip() else ""
            if _SWALLOWED.search(fence):
                unseen.append(number)
            fences.append(Fence(language, fence, number, said))
            said = {}
        elif match := _COMMENT.match(line):
            word, value = match["word"], match["value"]
            if word not in WORDS:
                unknown[number] = word
            elif word == "world":
                world = value
            else:
                said = {**said, word: value}
        elif line.strip():
            said = {}
            if _UNSEEN.search(line) or _MISSPELT.match(line):
                unseen.append(number)
    return Page(world, tuple(fences), unknown, tuple(unseen))


def _pieces(text: str) -> Iterator[tuple[int, str, str | None]]:
    """Each line outside of fences, and each fence as its info string and text."""
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        opening = _OPENING.match(lines[at])
        if opening is None:
            yield at + 1, lines[at], None
            at += 1
            continue
        ticks, indent = opening["ticks"], len(opening["indent"])
        closing = re.compile(rf"^ *{re.escape(ticks[0])}{{{len(ticks)},}} *$")
        start = at = at + 1
        while at < len(lines) and not closing.match(lines[at]):
            at += 1
        inside = [line[min(indent, len(line) - len(line.lstrip(" "))) :] for line in lines[start:at]]
        yield start + 1, opening["info"].strip(), "".join(f"{line}\n" for line in inside)
        at += 1
