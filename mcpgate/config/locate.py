"""On which line each key of a TOML file stands: tomllib reads the values and forgets the places.

This is no second parser to be trusted with values. It runs only over text that tomllib has accepted,
so it may assume that brackets close and strings end, and it looks at nothing but keys, brackets and
commas. Should it ever be wrong, a message names a wrong line.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping

#: Where something stands in the parsed file: keys, and indices into lists.
Position = tuple[str | int, ...]

# The end of a multi-line string is its first three quotes and up to two more (TOML 1.0, String).
_TOKEN = re.compile(
    r'''
      (?P<string> """ (?: [^\\] | \\. )*? "{3,5} | \'\'\' .*? '{3,5} | "(?: [^"\\\n] | \\. )*" | '[^'\n]*' )
    | (?P<comment> \#[^\n]* )
    | (?P<newline> \n )
    | (?P<mark> [][{}=,.] )
    | (?P<bare> [^][{}=,.\s\#"']+ )
    ''',
    re.VERBOSE | re.DOTALL,
)


def locate(text: str) -> Mapping[Position, int]:
    """The line, from 1, of each key, table and list element of a valid TOML text."""
    return _Scan(text).whole()


class _Scan:
    """One pass over the tokens. C{kind} and C{word} are the current one's; "" at the end."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._found: dict[Position, int] = {}
        # How many tables each array of tables has so far; a header below it means the last one.
        self._tables: dict[Position, int] = {}
        self._next()

    def whole(self) -> Mapping[Position, int]:
        table: Position = ()
        while self.kind:
            if self.kind in ("newline", "comment"):
                self._next()
            elif self.word == "[":
                table = self._header()
            else:
                self._pair(table)
        return self._found

    def _next(self) -> None:
        self.kind, self.word, self.line = next(self._tokens, ("", "", 0))

    def _note(self, position: Position, line: int) -> None:
        self._found.setdefault(position, line)

    def _header(self) -> Position:
        line = self.line
        self._next()
        repeated = self.word == "["
        if repeated:
            self._next()
        position: Position = ()
        keys = self._key("]")
        for place, key in enumerate(keys):
            position += (key,)
            self._note(position, line)
            if repeated and place == len(keys) - 1:
                self._tables[position] = self._tables.get(position, 0) + 1
            if position in self._tables:
                position += (self._tables[position] - 1,)
                self._note(position, line)
        while self.kind and self.word == "]":
            self._next()
        return position

    def _key(self, end: str) -> list[str]:
        """The parts of a dotted key, up to (not including) the mark that ends it."""
        parts = []
        while self.kind and self.word != end:
            if self.kind == "string":
                parts.append(tomllib.loads(f"key = {self.word}")["key"])
            elif self.kind == "bare":
                parts.append(self.word)
            self._next()
        return parts

    def _pair(self, table: Position) -> None:
        line = self.line
        position = table
        for key in self._key("="):
            position += (key,)
            self._note(position, line)
        self._next()
        self._value(position)

    def _value(self, position: Position) -> None:
        if self.word == "[":
            self._list(position)
        elif self.word == "{":
            self._inline(position)
        else:
            # A scalar: one token, or several for such as 1.5 and dates with a space.
            self._next()
            while self.kind and self.kind not in ("newline", "comment") and self.word not in (",", "]", "}"):
                self._next()

    def _list(self, position: Position) -> None:
        index = 0
        self._next()
        while self.kind and self.word != "]":
            if self.kind in ("newline", "comment"):
                self._next()
            elif self.word == ",":
                index += 1
                self._next()
            else:
                self._note((*position, index), self.line)
                self._value((*position, index))
        self._next()

    def _inline(self, position: Position) -> None:
        self._next()
        while self.kind and self.word != "}":
            if self.kind in ("newline", "comment") or self.word == ",":
                self._next()
            else:
                self._pair(position)
        self._next()


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    line, reached = 1, 0
    for token in _TOKEN.finditer(text):
        line += text.count("\n", reached, token.start())
        reached = token.start()
        yield token.lastgroup or "", token.group(), line
