"""On which line keys stand."""

import tomllib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.config.locate import Position, locate


def walk(value: object, position: Position = ()) -> Iterator[Position]:
    """The position of everything in a parsed file."""
    if position:
        yield position
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from walk(inner, (*position, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from walk(inner, (*position, index))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a = 1\n\nb = 2", {("a",): 1, ("b",): 3}),
        ("# c\n[t] # d\na = 1", {("t",): 2, ("t", "a"): 3}),
        ("[[t]]\na = 1\n[[t]]\na = 2", {("t",): 1, ("t", 0): 1, ("t", 0, "a"): 2, ("t", 1, "a"): 4}),
        ("[[t]]\n[t.u]\na = 1\n[[t]]\n[t.u]\na = 2", {("t", 0, "u"): 2, ("t", 1, "u", "a"): 6}),
        ("[[t]]\n[[t.u]]\n[[t.u]]\na = 1", {("t", 0, "u", 1, "a"): 4}),
        ("a.b.c = 1\na.b.d = 2", {("a",): 1, ("a", "b"): 1, ("a", "b", "c"): 1, ("a", "b", "d"): 2}),
        ("a = [\n  1, # ]\n  2,\n\n  [3,\n 4]]", {("a", 0): 2, ("a", 1): 3, ("a", 2): 5, ("a", 2, 1): 6}),
        ("a = { b = 1, c = { d = [2] } }\ne = 1", {("a", "c", "d", 0): 1, ("e",): 2}),
        ("a = 1.5\nb = 1979-05-27 07:32:00\nc = true", {("b",): 2, ("c",): 3}),
        ('"a.b" = 1\n\'c d\' = 2\n"\\u0065" = 3', {("a.b",): 1, ("c d",): 2, ("e",): 3}),
        ("a = \"[x] = {\"\nb = '#'", {("a",): 1, ("b",): 2}),
        ('a = """\nb = 1\n\\""""""\nc = 2', {("a",): 1, ("c",): 4}),
        ("a = '''\nb = 1''''\nc = 2", {("a",): 1, ("c",): 3}),
        ("a = 1\r\nb = 2\r\n", {("a",): 1, ("b",): 2}),
        ("[ t . 'u' ]\na = 1", {("t",): 1, ("t", "u"): 1, ("t", "u", "a"): 2}),
        ("", {}),
    ],
)
def test_each_key_has_its_line(text: str, lines: dict[Position, int]) -> None:
    """In every way that TOML has of writing tables, lists and strings."""
    found = locate(text)
    assert set(found) == set(walk(tomllib.loads(text)))
    assert {position: found[position] for position in lines} == lines


KEYS = st.sampled_from(["a", "b", "name", '"x.y"', "'z z'", '"\\t"', "1"])
SCALARS = st.sampled_from(
    ["1", "1.5", "-inf", "true", "07:32:00", '""', '"]"', "'{'", '"\\""', '"""\n a = [\n"""', "'''\n''\n'''"]
)
GAPS = st.sampled_from(["", " ", "\n", " # [c\n", "\n\n\t"])


@st.composite
def values(draw: st.DrawFn, depth: int = 0) -> str:
    """A TOML value, laid out in some way."""
    shape = draw(st.integers(0, 5 if depth < 3 else 3))
    if shape == 4:
        inner = draw(st.lists(values(depth + 1), max_size=3))
        return "[" + ",".join(draw(GAPS) + item + draw(GAPS) for item in inner) + draw(GAPS) + "]"
    if shape == 5:
        keys = draw(st.lists(KEYS, max_size=3, unique=True))
        return "{" + ", ".join(f"{key} = {draw(values(depth + 1))}" for key in keys) + "}"
    return draw(SCALARS)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A text that looks like TOML and mostly is."""
    lines = []
    for _ in range(draw(st.integers(0, 8))):
        key = ".".join(draw(st.lists(KEYS, min_size=1, max_size=3)))
        shape = draw(st.sampled_from([f"[{key}]", f"[[{key}]]", f"{key} = "]))
        lines.append(shape + (draw(values()) if shape.endswith("= ") else "") + draw(GAPS))
    return "\n".join(lines)


@given(documents())
def test_nothing_is_missed_or_made_up(text: str) -> None:
    """The places found are exactly those of the values that tomllib finds."""
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    found = locate(text)
    assert set(found) == set(walk(parsed))
    assert all(1 <= line <= text.count("\n") + 1 for line in found.values())


@given(st.text(alphabet="[]{}=,.#'\"\\ \na1"))
def test_any_text_comes_to_an_end(text: str) -> None:
    """Even on text that is not TOML the scan stops, without an error."""
    try:
        locate(text)
    except tomllib.TOMLDecodeError:
        pass
