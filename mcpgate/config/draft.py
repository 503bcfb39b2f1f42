"""A table of the file while it is being read: the values that are sound, and where each one stands.

A bad value must not hide the next mistake, so reading goes on without it: L{Draft.get} knows nothing
of an unsound key, and a check that needs one stays silent rather than complain about a consequence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from attrs import NOTHING, Attribute, Factory, evolve, fields_dict, frozen

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
    """
    The file being read: its directory, its lines, and the problems found so far.

    C{file} is its name where another one includes it, and "" otherwise.
    """

    def __init__(self, base: Path, found: Mapping[Position, int], file: str = "") -> None:
        self.base = base
        self.file = file
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
        self.problems.append(Problem(place.path, self.line(place), message, topic, self.file))

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
        option = self._options().get(name)
        name = key_of(option) if option is not None else name
        self.sheet.report(self.place.key(name), message)

    def line(self, name: str) -> str:
        """Where one of this table's keys stands, in words: "line 5", or "line 5 of b.toml"; perhaps ""."""
        line = self.sheet.line(self.place.key(name))
        if line is None:
            return self.sheet.file
        return f"line {line} of {self.sheet.file}" if self.sheet.file else f"line {line}"

    def build(self) -> object:
        """The finished table; only for a draft without problems."""
        return self.cls(**self.values, **{name: draft.build() for name, draft in self.inner.items()})

    def read(self, raw: Mapping[str, object]) -> Draft:
        """Take in what stands in the file, reporting whatever is not as the schema has it."""
        options = self._options()
        keys = {key_of(option): name for name, option in options.items()}
        opens = {option.metadata["opens"]: name for name, option in options.items() if is_open(option)}
        open_to: dict[str, dict[str, object]] = {}
        for key in raw:
            begin = next((begin for begin in opens if key.startswith(begin) and key != begin), None)
            if key in keys and not is_open(options[keys[key]]):
                continue
            if begin is not None:
                open_to.setdefault(opens[begin], {})[key] = raw[key]
            elif not self._divided(key, raw[key], [*keys, *opens]):
                self._unknown(key, keys)
        for name, option in options.items():
            key = key_of(option)
            if is_open(option):
                self._take_open(name, option, open_to.get(name, {}))
            elif key in raw:
                self._take(name, option, raw[key])
            elif option.default is NOTHING and name not in self.unsound:
                self.unsound.add(name)
                self.report(name, f"is missing. {option.metadata['help']}")
        return self

    def _options(self) -> Mapping[str, Attribute[object]]:
        return fields_dict(self.cls)

    def _divided(self, key: str, raw: object, keys: Iterable[str]) -> bool:
        """Whether a key with a dot in it stands here without its quotes, so that TOML made two of it."""
        if not isinstance(raw, dict) or not any(each.startswith(f"{key}.") for each in keys):
            return False
        inner = next(iter(raw), "NAME")
        self.report(key, f"is a table; a key with a dot stands in quotes here: {quoted(f'{key}.{inner}')}")
        return True

    def _unknown(self, key: str, keys: Mapping[str, str]) -> None:
        guess = nearest(key, keys)
        if guess is not None:
            # It was meant, so it is neither missing nor left at its default.
            self.unsound.add(keys[guess])
        # A table with more keys than a line can list is explained on a page of its own.
        hint = did_you_mean(key, keys) or f"; mcpgate explain {self.place.topic} lists them"
        words = f"no key is named {quoted(key)} here{hint}"
        self.sheet.report(self.place.key(key), words, self.place.topic)

    def _take_open(self, name: str, option: Attribute[object], raw: Mapping[str, object]) -> None:
        """The keys of which only the beginning is known, each with what stands behind that."""
        if not raw:
            return
        begin, form = option.metadata["opens"], option.metadata["form"]
        before = len(self.sheet.problems)
        found = []
        for key, value in raw.items():
            # What people chose, so no page explains it by that.
            place = evolve(self.place.key(key), topic=f"{self.place.topic}.{key_of(option)}")
            self.sheet.note(place)
            try:
                option.metadata["rest"](key[len(begin) :])
            except ValueError as error:
                self.sheet.report(place, str(error))
                continue
            read = self._many(place, form, value) if form.many else self._one(place, form, value)
            found.append((key[len(begin) :], read))
        if len(self.sheet.problems) == before:
            self.values[name] = tuple(found)
        else:
            self.unsound.add(name)

    def _take(self, name: str, option: Attribute[object], raw: object) -> None:
        place = self.place.key(key_of(option))
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


def key_of(option: Attribute[object]) -> str:
    """A key as it stands in the file, which may hold dots; of open ones, with a word for their rest."""
    return str(option.metadata.get("key", option.name))


def is_open(option: Attribute[object]) -> bool:
    """Whether an option is for all keys that begin in one way."""
    return "opens" in option.metadata


def _made(default: object) -> bool:
    """Whether a default is made when the table is: it is no value that could be looked at."""
    return isinstance(default, Factory)  # type: ignore[arg-type]
