"""The configuration file, from bytes to L{Config}: strictly, and with every problem at once.

In order: TOML (C{tomllib}) of the file and of those that it includes (C{config.include}), each table
against its class in C{config.schema} (L{Draft}), then what must hold between keys (C{config.judge}). Only
files without any problem become a L{Config}. Whatever needs the world, such as whether a file exists, is
asked later, by C{config.inspect}.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from attrs import fields, frozen

from mcpgate.config import forms, schema
from mcpgate.config.draft import Draft, Place, Sheet, key_of
from mcpgate.config.forms import kind_of
from mcpgate.config.include import Included, read_included
from mcpgate.config.judge import judge
from mcpgate.config.judge_admin import judge_admin
from mcpgate.config.judge_evidence import judge_evidence
from mcpgate.config.locate import locate
from mcpgate.config.problem import ConfigError, ConfigUnreadable, Problem, did_you_mean, nearest, quoted
from mcpgate.config.schema import Config
from mcpgate.config.tables.gate import RootTable
from mcpgate.config.tables.policy import DetectorTable
from mcpgate.config.tables.rule import RuleTable

__all__ = [
    "Config",
    "ConfigError",
    "ConfigUnreadable",
    "Problem",
    "load_config",
    "load_policy",
    "parse_config",
]

# A thousand routes and rules take 200 KiB; the bound is for a path that names something else.
FILE_MOST = 1 << 20


@frozen
class PolicyFile:
    """What is in a file of rules alone."""

    rules: tuple[RuleTable, ...]
    detectors: tuple[DetectorTable, ...]


def load_config(path: Path) -> Config:
    """The configuration in a file.

    @raise ConfigUnreadable: if the file cannot be read.
    @raise ConfigError: if anything is wrong with what is in it, with every problem.
    """
    source = path.absolute()
    text = read_whole(source)
    return parse_config(text, source, read_included(text, source))


def load_policy(path: Path) -> PolicyFile:
    """The rules in a file that a configuration includes, without the configuration. Routes that it names
    may be any.

    @raise ConfigUnreadable: if the file cannot be read.
    @raise ConfigError: if anything is wrong with what is in it, with every problem.
    """
    source = path.absolute()
    sheet, raw = _opened(read_whole(source), source)
    drafts: dict[str, list[Draft]] = {kind: [] for kind in schema.REPEATED} | _read_included(sheet, raw)
    # What may stand elsewhere is not missing.
    sheet.unread |= schema.REPEATED.keys() - schema.INCLUDED
    judge(sheet, drafts)
    if sheet.problems:
        raise ConfigError(sorted(sheet.problems, key=lambda problem: problem.line or 0), source)
    built = {kind: tuple(draft.build() for draft in drafts[kind]) for kind in ("rule", "detector")}
    return PolicyFile(
        rules=cast("tuple[RuleTable, ...]", built["rule"]),
        detectors=cast("tuple[DetectorTable, ...]", built["detector"]),
    )


def read_whole(source: Path) -> bytes:
    """The bytes of a configuration file; of one that is too large, enough to see that.

    @raise ConfigUnreadable: if there are none to be had.
    """
    try:
        with source.open("rb") as file:
            return file.read(FILE_MOST + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise ConfigUnreadable([Problem("", None, f"the file cannot be read: {reason}")], source) from None


def parse_config(text: bytes, source: Path, included: Included | None = None) -> Config:
    """The configuration in the bytes of a file; pure.

    @param source: the file's path: relative paths in it start from its directory.
    @param included: what it includes; C{None} where that was not read, so that it may include nothing.
    @raise ConfigError: if anything is wrong with it, with every problem; nothing else is raised.
    """
    sheet, raw = _opened(text, source)
    drafts = _read(sheet, raw)
    sheets = [sheet]
    (root,) = drafts[""]
    if included is None and root.get("include"):
        root.report("include", "is for a file that is read together with what it includes")
    for pattern, problem in included.problems.items() if included is not None else ():
        root.report("include", f"{quoted(pattern)} {problem}")
    for shown, part in included.files.items() if included is not None else ():
        try:
            inner, raw = _opened(part, source, shown)
        except ConfigError as error:
            sheet.problems += error.problems
            sheet.unread |= schema.INCLUDED
            continue
        sheets.append(inner)
        for kind, found in _read_included(inner, raw).items():
            drafts[kind] += found
        sheet.unread |= inner.unread
    judge(sheet, {kind: drafts[kind] for kind in schema.REPEATED})
    judge_admin(sheet, drafts)
    judge_evidence(drafts)
    problems = [
        problem for each in sheets for problem in sorted(each.problems, key=lambda problem: problem.line or 0)
    ]
    if problems:
        raise ConfigError(problems, source)
    return _built(drafts, sheets, source, text, included)


def _opened(text: bytes, source: Path, file: str = "") -> tuple[Sheet, dict[str, object]]:
    """One file as TOML. C{file}: its name, where it is included.

    @raise ConfigError: it is none.
    """
    try:
        if len(text) > FILE_MOST:
            raise ValueError("the file is larger than 1 MiB")
        decoded = text.decode("utf-8")
        # In this order: locate wants valid TOML.
        raw = tomllib.loads(decoded)
        return Sheet(source.parent, locate(decoded), file), raw
    except tomllib.TOMLDecodeError as error:
        problem = Problem("", None, f"this is not TOML: {_plainly(error)}", file=file)
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        problem = Problem("", line, "this is not UTF-8", file=file)
    except RecursionError:
        problem = Problem("", None, "the file is nested too deeply", file=file)
    except ValueError as error:
        # Such as an integer of thousands of digits, which tomllib hands to int() as it is.
        problem = Problem("", None, f"the file cannot be understood: {error}", file=file)
    raise ConfigError([problem], source) from None


def _plainly(error: tomllib.TOMLDecodeError) -> str:
    words = str(error)
    return words[:1].lower() + words[1:]


def _read(sheet: Sheet, raw: Mapping[str, object]) -> dict[str, list[Draft]]:
    """Every table as a draft, by kind, in the order of the file; those of the file itself by ""."""
    root = Place((), "", "")
    tables = (*schema.SINGLE, *schema.REPEATED)
    top = [key_of(option) for option in fields(RootTable)]
    for key in raw:
        if key not in tables and key not in top:
            sheet.report(root.key(key), f"no table is named {quoted(key)}{did_you_mean(key, tables)}", "")
            sheet.unread.add(nearest(key, tables) or key)
    own = {key: raw[key] for key in raw if key in top}
    drafts = {"": [Draft(sheet, root, RootTable).read(own)]}
    for kind, cls in schema.SINGLE.items():
        given = raw.get(kind, {})
        drafts[kind] = []
        if not isinstance(given, dict):
            sheet.report(root.key(kind), f"is {kind_of(given)}; want one table, [{kind}]")
        elif kind in raw or kind not in sheet.unread:
            drafts[kind].append(Draft(sheet, root.key(kind), cls).read(given))
    for kind in schema.REPEATED:
        drafts[kind] = _repeated(sheet, kind, raw.get(kind, []))
    return drafts


def _read_included(sheet: Sheet, raw: Mapping[str, object]) -> dict[str, list[Draft]]:
    """The same of an included file, which may hold policy only."""
    root = Place((), "", "")
    known = [kind for kind in schema.REPEATED if kind in schema.INCLUDED]
    for key in raw:
        if key not in known:
            elsewhere = key in (*schema.SINGLE, *schema.REPEATED, "include")
            hint = "" if elsewhere else did_you_mean(key, known)
            what = "does not stand in an included file, which holds rules, detectors and budgets only"
            sheet.report(root.key(key), f"{what}{hint}", key if elsewhere else "")
            sheet.unread.add(nearest(key, known) or key)
    return {kind: _repeated(sheet, kind, raw[kind]) for kind in known if kind in raw}


def _repeated(sheet: Sheet, kind: str, listed: object) -> list[Draft]:
    """The tables of one kind."""
    root = Place((), "", "")
    drafts: list[Draft] = []
    if not isinstance(listed, list):
        sheet.report(root.key(kind), f"is {kind_of(listed)}; want tables that begin with [[{kind}]]")
        sheet.unread.add(kind)
        return drafts
    for index, table in enumerate(listed):
        place = root.key(kind).item(index)
        if isinstance(table, dict):
            drafts.append(Draft(sheet, _named(place, kind, table), schema.REPEATED[kind]).read(table))
        else:
            sheet.report(place, f"is {kind_of(table)}; want a table")
            sheet.unread.add(kind)
    return drafts


def _named(place: Place, kind: str, table: Mapping[str, object]) -> Place:
    """The place by the table's name where it has a good one, as people know it by that."""
    for key in ("name", "upstream") if kind == "route" else ("name",):
        if key in table:
            try:
                name = forms.name().read(table[key], Path())
            except ValueError:
                break
            return Place(place.position, f"{kind}.{name}", kind)
    return place


def _built(
    drafts: Mapping[str, list[Draft]],
    sheets: Sequence[Sheet],
    source: Path,
    text: bytes,
    included: Included | None,
) -> Config:
    built = {kind: tuple(draft.build() for draft in drafts[kind]) for kind in drafts}
    lines: dict[str, int] = {}
    for sheet in sheets:
        lines |= sheet.lines
    repeated = [draft for kind in schema.REPEATED for draft in drafts[kind] if draft.sheet.file]
    tables = {kind: built[kind][0] for kind in schema.SINGLE}
    lists = {schema.field_of(kind): built[kind] for kind in schema.REPEATED}
    # Each was built as the class that these tables name.
    return Config(
        **cast(Any, tables | lists),
        source=source,
        text=text,
        included=included.files if included is not None else {},
        lines=lines,
        files={draft.place.path: draft.sheet.file for draft in repeated},
    )
