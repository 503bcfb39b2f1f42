"""A table of the file while it is being read: the values that are sound, and where each one stands.

A bad value must not hide the next mistake, so reading goes on without it: L{Draft.get} knows nothing
of an unsound key, and a check that needs one stays silent rather than complain about a consequence.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import NOTHING, Attribute, Factory, fields_dict, frozen

from mcpgate.config.forms import Form, kind_of
from mcpgate.config.locate import Position
from mcpgate.config.problem import BARE_KEY, Problem, did_you_mean, nearest, quoted


@frozen
class Place:
    """A place in the file: in the parsed TOML, in words for a message, and as a topic to explain."""

    position: Position
    path: str
    topic: str

    def key(self, name: str) -> Place:
        """The place of a key in the table that stands here."""
        shown = name if BARE_KEY.fullmatch(name) else quoted(name)
        return Place(
            (*self.position, name),
            f"{self.path}.{shown}" if self.path else shown,
            f"{self.topic}.{name}" if self.topic else name,
        )

    def item(self, index: int) -> Place:
        """The place of an element of the list that stands here."""
        return Place((*self.position, index), f"{self.path}[{index}]", self.topic)


class Sheet:
    """The file being read: its directory, its lines, and the problems found so far."""

    def __init__(self, base: Path, found: Mapping[Position, int]) -> None:
        self.base = base
        self.problems: list[Problem] = []
        #: Kinds of tables of which some could not be read: they are neither missing nor all there is.
        self.unread: set[str] = set()
        #: The line of each key that was read, by its path.
        self.lines: dict[str, int] = {}
        self._found = found

    def line(self, place: Place) -> int | None:
        """The line of a place; for what is missing, that of the table it is missing from."""
        position = place.position
        while position:
            if position in self._found:
                return self._found[position]
            position = position[:-1]
        return None

    def report(self, place: Place, message: str, topic: str | None = None) -> None:
        """Note a problem."""
        topic = place.topic if topic is None else topic
        self.problems.append(Problem(place.path, self.line(place), message, topic))

    def note(self, place: Place) -> None:
        """Remember where a key stands, for checks that come after reading."""
        line = self.line(place)
        if line is not None:
            self.lines[place.path] = line


class Draft:
    """One table: its class, its place, and what of it is sound."""

    def __init__(self, sheet: Sheet, place: Place, cls: type) -> None:
        self.sheet = sheet
        self.place = place
        self.cls = cls
        self.values: dict[str, object] = {}
        self.unsound: set[str] = set()
        #: Tables within this one, such as C{credential}.
        self.inner: dict[str, Draft] = {}

    def get(self, name: str) -> object:
        """The value of a sound key, or its default; C{None} for an unsound one."""
        if name in self.values:
            return self.values[name]
        default = self._options()[name].default
        return None if name in self.unsound or default is NOTHING or _made(default) else default

    def sound(self, *names: str) -> bool:
        """Whether nothing was wrong with any of these keys."""
        return self.unsound.isdisjoint(names)

    def report(self, name: str, message: str) -> None:
        """Note a problem with one of this table's keys."""
        self.sheet.report(self.place.key(name), message)

    def line(self, name: str) -> int | None:
        """The line on which one of this table's keys stands."""
        return self.sheet.line(self.place.key(name))

    def build(self) -> object:
        """The finished table; only for a draft without problems."""
        return self.cls(**self.values, **{name: draft.build() for name, draft in self.inner.items()})

    def read(self, raw: Mapping[str, object]) -> Draft:
        """Take in what stands in the file, reporting whatever is not as the schema has it."""
        options = self._options()
        for key in raw:
            if key not in options:
                self._unknown(key, options)
        for name, option in options.items():
            if name in raw:
                self._take(name, option, raw[name])
            elif option.default is NOTHING and name not in self.unsound:
                self.unsound.add(name)
                self.report(name, f"is missing. {option.metadata['help']}")
        return self

    def _options(self) -> Mapping[str, Attribute[object]]:
        return fields_dict(self.cls)

    def _unknown(self, key: str, options: Mapping[str, object]) -> None:
        guess = nearest(key, options)
        if guess is not None:
            # It was meant, so it is neither missing nor left at its default.
            self.unsound.add(guess)
        # A table with more keys than a line can list is explained on a page of its own.
        hint = did_you_mean(key, options) or f"; mcpgate explain {self.place.topic} lists them"
        words = f"no key is named {quoted(key)} here{hint}"
        self.sheet.report(self.place.key(key), words, self.place.topic)

    def _take(self, name: str, option: Attribute[object], raw: object) -> None:
        place = self.place.key(name)
        self.sheet.note(place)
        before = len(self.sheet.problems)
        if "table" in option.metadata:
            if isinstance(raw, dict):
                self.inner[name] = Draft(self.sheet, place, option.metadata["table"]).read(raw)
            else:
                example = option.metadata["example"]
                self.sheet.report(place, f"is {kind_of(raw)}; want a table, such as {example}")
        else:
            form: Form = option.metadata["form"]
            value = self._many(place, form, raw) if form.many else self._one(place, form, raw)
            if len(self.sheet.problems) == before:
                self.values[name] = value
        if len(self.sheet.problems) > before:
            self.unsound.add(name)

    def _one(self, place: Place, form: Form, raw: object) -> object:
        try:
            return form.read(raw, self.sheet.base)
        except ValueError as error:
            self.sheet.report(place, str(error))
            return None

    def _many(self, place: Place, form: Form, raw: object) -> object:
        if form.lone and isinstance(raw, str):
            return (self._one(place, form, raw),)
        if not isinstance(raw, list):
            self.sheet.report(place, f"is {kind_of(raw)}; want {form.said}")
        elif not raw:
            # "nothing" and "everything" are both plausible readings of an empty list.
            self.sheet.report(place, "is an empty list; leave the key out instead")
        else:
            return tuple(self._one(place.item(index), form, item) for index, item in enumerate(raw))
        return None


def _made(default: object) -> bool:
    """Whether a default is made when the table is: it is no value that could be looked at."""
    return isinstance(default, Factory)  # type: ignore[arg-type]
