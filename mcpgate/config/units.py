"""Durations and sizes as people write them: C{"30s"}, C{"250ms"}, C{"1MiB"}; seconds and bytes inside.

A number without a unit is refused: 30 what? So are decimal sizes (kB, MB), which half of their
readers take for binary ones.
"""

from __future__ import annotations

import re

SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

# Nine digits: more is a mistake, and int() of megabytes of digits would take long.
_QUANTITY = re.compile(r"([0-9]{1,9})([A-Za-z]+)")


def read_duration(text: str) -> float:
    """C{"1h"} to seconds; C{ValueError} with a sentence when it is no duration."""
    found = _QUANTITY.fullmatch(text)
    if not found or found[2] not in SECONDS:
        raise ValueError(f"is not a duration; want a whole number and one of {_list(SECONDS)}, such as 30s")
    return int(found[1]) * SECONDS[found[2]]


def read_size(text: str) -> int:
    """C{"64KiB"} to bytes; C{ValueError} with a sentence when it is no size."""
    found = _QUANTITY.fullmatch(text)
    if not found or found[2] not in BYTES:
        raise ValueError(f"is not a size; want a whole number and one of {_list(BYTES)}, such as 64KiB")
    return int(found[1]) * BYTES[found[2]]


def write_duration(seconds: float) -> str:
    """Seconds in the largest unit that needs no fraction: what L{read_duration} reads back."""
    milliseconds = round(seconds * 1000)
    for unit in ("d", "h", "m", "s"):
        # 0s rather than 0d, and 90m rather than 1.5h.
        if milliseconds and milliseconds % (SECONDS[unit] * 1000) == 0:
            return f"{milliseconds // (SECONDS[unit] * 1000):.0f}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0s"


def write_size(count: int) -> str:
    """Bytes in the largest unit that needs no fraction: what L{read_size} reads back."""
    for unit in ("GiB", "MiB", "KiB"):
        if count and count % BYTES[unit] == 0:
            return f"{count // BYTES[unit]}{unit}"
    return f"{count}B"


def _list(units: dict[str, float] | dict[str, int]) -> str:
    return ", ".join(units)
