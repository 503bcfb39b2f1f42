"""C{[[budget]]} and C{[[detector]]}: what rules are not, but policy is."""

from __future__ import annotations

from attrs import Factory, frozen

from mcpgate.config import forms
from mcpgate.config.tables.option import option, table
from mcpgate.config.tables.rule import OnTable, WhoTable


@frozen
class BudgetTable:
    """C{[[budget]]}: how much may be used, by all workers of a host together."""

    name: str = option("The budget's name in records.", forms.name(), example='"searches"')
    who: WhoTable = table(
        "Which callers it is about; left out, all.",
        WhoTable,
        default=Factory(WhoTable),
        example='{ group = "developers" }',
    )
    on: OnTable = table(
        "Which messages it is about; without methods, all that name a tool, prompt or resource, and "
        "those of methods that the gate does not know.",
        OnTable,
        default=Factory(OnTable),
        example='{ route = "github", method = "tools/call", name = "search_*" }',
    )
    per: tuple[str, ...] = option(
        "What has a count of its own: each principal, route or tool (or prompt, or resource), or each "
        "combination of several; left out, all that it is about is counted together.",
        forms.many(forms.word("thing to count by", ("principal", "route", "tool")), lone=True),
        default=(),
        example='["principal", "tool"]',
    )
    # A minute: people think of rates in it, and whoever has used it up waits no longer than for a tool.
    # Not beyond a day: what is counted does not outlive the machine.
    window: float = option(
        "The time that calls and bytes are counted over.",
        forms.duration("1s", "1d"),
        default=60.0,
        example='"1h"',
    )
    calls: int | None = option(
        "Most calls in any window.", forms.count(1, 1_000_000_000), default=None, example="100"
    )
    bytes: int | None = option(
        "Most bytes of bodies in any window, of requests and answers; the call that goes beyond is finished.",
        forms.size("1KiB", "1024GiB"),
        default=None,
        example='"10MiB"',
    )
    concurrent: int | None = option(
        "Most calls that run at once.", forms.count(1, 65535), default=None, example="5"
    )
    result_size: int | None = option(
        "Largest answer to one call.", forms.size("1B", "1GiB"), default=None, example='"1MiB"'
    )
    shadow: bool = option(
        "Only record what it would refuse.", forms.switch(), default=False, example="true"
    )


@frozen
class DetectorTable:
    """C{[[detector]]}: what else rules can mask or block by, beside the detectors that are built in."""

    name: str = option("The detector's name in rules and records.", forms.name(), example='"employee-id"')
    regex: str | None = option(
        "What it looks for in texts.", forms.expression(), default=None, example='"E[0-9]{6}"'
    )
    path: str | None = option(
        "Which member of structured content, of arguments, or of text that is JSON, it finds whole.",
        forms.member(),
        default=None,
        example='"customer.ssn"',
    )
