"""What is wrong with a configuration, told to the person who has to mend it.

Nothing is reported one at a time: whoever judges collects L{Problem} values, and L{ConfigError}
carries them all. A message never quotes what might be a secret.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from pathlib import Path

from attrs import frozen

BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")

# A quoted word is there to be recognised; more would push the reason off the line.
QUOTE_MOST = 60

# The same for words to choose from: more than eight are no hint but a page, and C{mcpgate explain}
# prints that better.
LIST_MOST = 8


@frozen
class Problem:
    """One thing wrong. C{path} is where, such as C{listener.public.profile}; "" is the whole file.

    C{topic} is what C{mcpgate explain} knows about it, such as C{listener.profile}. C{file} is the included
    file that it stands in; "" is the configuration file itself.
    """

    path: str
    line: int | None
    message: str
    topic: str = ""
    file: str = ""

    def __str__(self) -> str:
        where = self.path
        if self.line is not None:
            where = f"{where} (line {self.line})" if where else f"line {self.line}"
        if self.file:
            where = f"{self.file}, {where}" if where else self.file
        return f"{where}: {self.message}" if where else self.message


class ConfigError(Exception):
    """A configuration that cannot be used, with every problem that was found in it."""

    def __init__(self, problems: Iterable[Problem], source: Path | None) -> None:
        #: All of them.
        self.problems = tuple(problems)
        #: The file; C{None}: it was made in memory.
        self.source = source
        super().__init__(self.problems, source)

    def told(self, consequence: str) -> str:
        """All problems, and what they led to: nothing started, or the old configuration kept.

        Without our name before it: whoever prints it to a person adds that, and a log has it already.
        """
        count = len(self.problems)
        # A configuration that was made in memory has no file to name.
        what = self.source or "the configuration"
        lines = [f"{what} cannot be used ({count} problem{'s' if count != 1 else ''})"]
        lines += [f"  {problem}" for problem in self.problems]
        topic = next((problem.topic for problem in self.problems if problem.topic), None)
        lines.append(f"{consequence}  More: mcpgate explain {topic}" if topic else consequence)
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.told("Nothing was started.")


class ConfigUnreadable(ConfigError):
    """The file itself cannot be read (C{EX_NOINPUT} rather than C{EX_CONFIG} for a process)."""


def quoted(word: str) -> str:
    """A word of the file for a message: on one line, without control characters, not too long."""
    shown = word if len(word) <= QUOTE_MOST else word[:QUOTE_MOST] + "…"
    return json.dumps(shown, ensure_ascii=not shown.isprintable())


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The word that was probably meant."""
    # difflib is quadratic; nobody mistypes a word of our own into something this long.
    close = difflib.get_close_matches(word.lower(), words, 1, 0.6) if len(word) <= QUOTE_MOST else []
    return close[0] if close else None


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """C{'; did you mean "modern"?'}, or the words there are when none is near."""
    words = tuple(words)
    guess = nearest(word, words)
    if guess is not None:
        return f"; did you mean {quoted(guess)}?"
    if not words or len(words) > LIST_MOST:
        return ""
    return f"; there is only {words[0]}" if len(words) == 1 else f"; there are {', '.join(words)}"
