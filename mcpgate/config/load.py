"""The configuration file, from bytes to L{Config}: strictly, and with every problem at once.

In order: TOML (C{tomllib}), each table against its class in C{config.schema} (L{Draft}), then what
must hold between keys (C{config.judge}). Only a file without any problem becomes a L{Config}.
Whatever needs the world, such as whether a file exists, is asked later, by C{config.inspect}.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from mcpgate.config import forms, schema
from mcpgate.config.draft import Draft, Place, Sheet
from mcpgate.config.forms import kind_of
from mcpgate.config.judge import judge
from mcpgate.config.locate import locate
from mcpgate.config.problem import ConfigError, ConfigUnreadable, Problem, did_you_mean, nearest, quoted
from mcpgate.config.schema import Config

__all__ = ["Config", "ConfigError", "ConfigUnreadable", "Problem", "load_config", "parse_config"]

# A thousand routes and rules take 200 KiB; the bound is for a path that names something else.
FILE_MOST = 1 << 20


def load_config(path: Path) -> Config:
    """The configuration in a file.

    @raise ConfigUnreadable: if the file cannot be read.
    @raise ConfigError: if anything is wrong with what is in it, with every problem.
    """
    source = path.absolute()
    return parse_config(read_whole(source), source)


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


def parse_config(text: bytes, source: Path) -> Config:
    """The configuration in the bytes of a file; pure.

    @param source: the file's path: relative paths in it start from its directory.
    @raise ConfigError: if anything is wrong with it, with every problem; nothing else is raised.
    """
    try:
        if len(text) > FILE_MOST:
            raise ValueError("the file is larger than 1 MiB")
        decoded = text.decode("utf-8")
        raw = tomllib.loads(decoded)
        sheet = Sheet(source.parent, locate(decoded))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([Problem("", None, f"this is not TOML: {_plainly(error)}")], source) from None
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem("", line, "this is not UTF-8")], source) from None
    except RecursionError:
        raise ConfigError([Problem("", None, "the file is nested too deeply")], source) from None
    except ValueError as error:
        # Such as an integer of thousands of digits, which tomllib hands to int() as it is.
        raise ConfigError([Problem("", None, f"the file cannot be understood: {error}")], source) from None
    drafts = _read(sheet, raw)
    judge(sheet, {kind: drafts[kind] for kind in schema.REPEATED})
    if sheet.problems:
        in_file_order = sorted(sheet.problems, key=lambda problem: problem.line or 0)
        raise ConfigError(in_file_order, source)
    return _built(drafts, sheet, source, text)


def _plainly(error: tomllib.TOMLDecodeError) -> str:
    words = str(error)
    return words[:1].lower() + words[1:]


def _read(sheet: Sheet, raw: Mapping[str, object]) -> dict[str, list[Draft]]:
    """Every table as a draft, by kind, in the order of the file."""
    root = Place((), "", "")
    known = (*schema.SINGLE, *schema.REPEATED)
    for key in raw:
        if key not in known:
            sheet.report(root.key(key), f"no table is named {quoted(key)}{did_you_mean(key, known)}", "")
            sheet.unread.add(nearest(key, known) or key)
    drafts: dict[str, list[Draft]] = {}
    for kind, cls in schema.SINGLE.items():
        given = raw.get(kind, {})
        drafts[kind] = []
        if not isinstance(given, dict):
            sheet.report(root.key(kind), f"is {kind_of(given)}; want one table, [{kind}]")
        elif kind in raw or kind not in sheet.unread:
            drafts[kind].append(Draft(sheet, root.key(kind), cls).read(given))
    for kind, cls in schema.REPEATED.items():
        listed = raw.get(kind, [])
        if not isinstance(listed, list):
            sheet.report(root.key(kind), f"is {kind_of(listed)}; want tables that begin with [[{kind}]]")
            sheet.unread.add(kind)
            listed = []
        drafts[kind] = []
        for index, table in enumerate(listed):
            place = root.key(kind).item(index)
            if isinstance(table, dict):
                drafts[kind].append(Draft(sheet, _named(place, kind, table), cls).read(table))
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


def _built(drafts: Mapping[str, list[Draft]], sheet: Sheet, source: Path, text: bytes) -> Config:
    built = {kind: tuple(draft.build() for draft in drafts[kind]) for kind in drafts}
    return Config(
        gate=cast("schema.GateTable", built["gate"][0]),
        limits=cast("schema.LimitsTable", built["limits"][0]),
        listeners=cast("tuple[schema.ListenerTable, ...]", built["listener"]),
        upstreams=cast("tuple[schema.UpstreamTable, ...]", built["upstream"]),
        routes=cast("tuple[schema.RouteTable, ...]", built["route"]),
        rules=cast("tuple[schema.RuleTable, ...]", built["rule"]),
        budgets=cast("tuple[schema.BudgetTable, ...]", built["budget"]),
        source=source,
        text=text,
        lines=sheet.lines,
    )
