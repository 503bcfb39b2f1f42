"""How values are written on a page: numbers, shares, times, sizes (pure).

What people elsewhere have chosen (names of tools, subjects of certificates, server names) is shown with all
that would show nothing, or change how the rest is shown, written out; L{shown} does that for every value of
every template, so that no template can forget it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from markupsafe import Markup, escape

from mcpgate.policy.definitions import visible

_NOTHING: Final = "–"

#: A time, as records have it or in Unix seconds.
Time = str | float | datetime


def shown(value: Any) -> Any:
    """A value as a template may show it: see above. What templates have made themselves stays as it is."""
    if isinstance(value, str) and not isinstance(value, Markup):
        # A text in several lines is shown as one; only controls other than these steer a page.
        return "\n".join(map(visible, value.split("\n")))
    return value


def exact(value: str) -> Markup:
    """A text that is sent back to us by a form: every character of it as it is."""
    return escape(value)


def number(value: int | str | None) -> str:
    """C{1,234,567}."""
    return _NOTHING if value is None else value if isinstance(value, str) else f"{value:,}"


def of(count: int, what: str) -> str:
    """C{1 group}, C{2 groups}."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def share(value: float | None) -> str:
    """
    C{42.3 %}. What is not all, and not nothing, is never said to be.
    """
    if value is None:
        return _NOTHING
    if value in (0, 1):
        return f"{value:.0%}".replace("%", " %")
    percent = min(max(value * 100, 0.1), 99.9)
    return f"{percent:.1f} %"


def size(value: int | None) -> str:
    """C{1.2 KiB}."""
    if value is None:
        return _NOTHING
    if value < 1024:
        return f"{value} B"
    scaled, units = value / 1024, ["TiB", "GiB", "MiB"]
    unit = "KiB"
    while scaled >= 1023.95 and units:
        scaled, unit = scaled / 1024, units.pop()
    return f"{scaled:.1f} {unit}"


def seconds(value: float | None) -> str:
    """C{12 ms}, C{3.4 s}, C{5 min 20 s}: with the digits that tell something."""
    if value is None:
        return _NOTHING
    if value < 0.01:
        return f"{value * 1000:.1f} ms"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    return left(value)


def milliseconds(value: float | None) -> str:
    """The same of milliseconds."""
    return seconds(None if value is None else value / 1000)


def left(value: float | None) -> str:
    """C{45 s}, C{5 min 20 s}, C{3 h 5 min}, C{12 d}."""
    if value is None:
        return _NOTHING
    whole = int(value)
    for (great, many), (small, one) in (
        (("d", 86400), ("h", 3600)),
        (("h", 3600), ("min", 60)),
        (("min", 60), ("s", 1)),
    ):
        if whole >= many:
            rest = whole % many // one
            return f"{whole // many} {great}" + (f" {rest} {small}" if rest and whole < 10 * many else "")
    return f"{whole} s"


def _at(value: Time) -> datetime:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, str):
        return datetime.fromisoformat(value).astimezone(UTC)
    return datetime.fromtimestamp(value, UTC)


def iso(value: Time) -> str:
    """For programs: RFC 3339, UTC."""
    return _at(value).isoformat(timespec="seconds").replace("+00:00", "Z")


def moment(value: Time | None) -> str:
    """For people: C{2026-11-26 09:30:12}; that all of them are UTC is said once on a page."""
    return _NOTHING if value is None else f"{_at(value):%Y-%m-%d %H:%M:%S}"


def clock(value: Time | None) -> str:
    """C{09:30:12}."""
    return _NOTHING if value is None else f"{_at(value):%H:%M:%S}"


#: What templates call them.
FILTERS: Mapping[str, Callable[..., str]] = {
    "exact": exact,
    "number": number,
    "of": of,
    "share": share,
    "size": size,
    "seconds": seconds,
    "milliseconds": milliseconds,
    "left": left,
    "iso": iso,
    "moment": moment,
    "clock": clock,
}
