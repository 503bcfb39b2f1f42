"""A report as one HTML page that needs nothing else: no script, no foreign file, no network.

Whatever a peer may have chosen (names of tools and servers, subjects, addresses) stands in it as text:
jinja2 escapes all values, and what cannot be seen, or turns the direction of what is read, is written as
its number.
"""

from __future__ import annotations

import unicodedata
from importlib.resources import files

from jinja2 import BaseLoader, Environment, StrictUndefined

from mcpgate.evidence.findings import counted
from mcpgate.report.checks.answer import percent
from mcpgate.report.profiles import SHOWS, SHOWS_NOT
from mcpgate.report.report import Report

TEMPLATE = "report.html"
#: Longest text from outside in a cell, in characters.
TEXT_MOST = 300

#: Categories of Unicode that cannot be seen, or move what is around them.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

_LEGS = {"inbound": "listener", "outbound": "upstream", "provider": "provider"}
_ROLES = {
    "own": "our own (listener)",
    "shown": "our own, as a client",
    "upstream": "upstream's",
    "provider": "provider's",
    "client": "client's",
    "client_ca": "CA of clients",
    "trust": "trusted CA",
    "saml": "identity provider's",
}


def seen(value: object) -> str:
    """A value as text in which everything can be seen."""
    text = str(value)
    if len(text) > TEXT_MOST:
        text = f"{text[:TEXT_MOST]}... ({len(text)} characters)"
    return "".join(
        char if unicodedata.category(char) not in _HIDDEN else f"\\u{{{ord(char):x}}}" for char in text
    )


def moment(time: str | None) -> str:
    """A time of the record to the second; times are UTC, as the page says at its top."""
    return "-" if not time else seen(f"{time[:10]} {time[11:19]}".strip())


def page(report: Report) -> str:
    """The whole page."""
    environment = Environment(
        loader=BaseLoader(), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"seen": seen, "moment": moment, "number": lambda count: f"{count:,}"}
    source = files("mcpgate").joinpath("data", TEMPLATE).read_text(encoding="utf-8")
    return environment.from_string(source).render(
        report=report,
        summary=report.summary,
        traffic=report.summary.traffic,
        verified=report.verified,
        framework=report.framework,
        percent=percent,
        counted_as=counted,
        legs=_LEGS,
        roles=_ROLES,
        shows=SHOWS,
        shows_not=(*SHOWS_NOT, *report.framework.beyond),
    )
