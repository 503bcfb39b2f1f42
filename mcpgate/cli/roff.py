"""Writing manual pages: text into roff, in which nothing of it is a command (pure).

Only macros of man(7) that groff and mandoc agree upon.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from textwrap import wrap

# What would be set as a hyphen, as quotes, as accents: here they are always the characters of a keyboard, as
# whatever stands in a manual may be copied into a terminal.
_KEYBOARD = {
    "\\": "\\e",
    "-": "\\-",
    "'": "\\(aq",
    "`": "\\(ga",
    "^": "\\(ha",
    "~": "\\(ti",
    '"': "\\(dq",
}

# mandoc(1) asks for it, and differences are easier to read.
WIDTH = 78

#: Words to be typed are bold, as C{`run`}; what stands for something else is italic, as C{*FILE*}.
_MARKS = re.compile(r"`(?P<bold>[^`]+)`|\*(?P<italic>[^*\s][^*]*)\*")


def text(words: str) -> str:
    """Any text, on its way into a paragraph."""
    return _escaped(" ".join(words.split()))


def bold(words: str) -> str:
    """What is to be typed just so."""
    return f"\\fB{_escaped(words)}\\fR"


def italic(words: str) -> str:
    """What stands for something else."""
    return f"\\fI{_escaped(words)}\\fR"


def marked(words: str) -> str:
    """Text with C{`typed`} and C{*other*} words in it."""
    words = " ".join(words.split())
    parts, end = [], 0
    for mark in _MARKS.finditer(words):
        parts.append(_escaped(words[end : mark.start()]))
        parts.append(bold(mark["bold"]) if mark["bold"] else italic(mark["italic"]))
        end = mark.end()
    return "".join((*parts, _escaped(words[end:])))


def title(name: str, section: int, date: str, source: str, book: str) -> str:
    """How a page begins."""
    line = f'.TH "{_escaped(name)}" "{section}" "{date}" "{_escaped(source)}" "{_escaped(book)}"\n'
    # No words are divided, and no gaps made: both would be copied with paths and options.
    return line + ".nh\n.ad l\n"


def heading(words: str) -> str:
    """A section."""
    return f'.SH "{_escaped(words)}"\n'


def subheading(words: str) -> str:
    """A part of a section."""
    return f'.SS "{_escaped(words)}"\n'


def paragraphs(several: Iterable[str]) -> str:
    """Paragraphs of text that is roff already, at the beginning of a section or of a part of it."""
    return ".PP\n".join(_lines(one) for one in several)


def entry(tag: str, several: Iterable[str]) -> str:
    """A term, and indented what it is: paragraphs of text that is roff already."""
    return f".TP\n{tag}\n" + ".IP\n".join(_lines(one) for one in several)


def _lines(line: str) -> str:
    """A sentence begins a line, and none begins as a request does."""
    sentences = re.split(r"(?<=[.?!])\s+(?=[A-Z])", line)
    wrapped = (wrap(one, WIDTH, break_long_words=False, break_on_hyphens=False) for one in sentences)
    return "".join(f"{_guarded(part)}\n" for several in wrapped for part in several)


def example(lines: str) -> str:
    """Lines that are shown as they are."""
    shown = (_guarded(_escaped(line)) for line in lines.rstrip("\n").split("\n"))
    return "\n".join((".PP", ".in +4n", ".nf", *shown, ".fi", ".in")) + "\n"


def _guarded(line: str) -> str:
    return f"\\&{line}" if line.startswith(".") else line


def _escaped(words: str) -> str:
    return "".join(_character(character) for character in words)


def _character(character: str) -> str:
    if character in _KEYBOARD:
        return _KEYBOARD[character]
    if character.isascii():
        return character if character.isprintable() else " "
    return f"\\[u{ord(character):04X}]"
