"""How a key of a table is declared: by what explains it, and by how it is written."""

from __future__ import annotations

from typing import Any

from attrs import field

from mcpgate.config.forms import Form

# Where the floors of durations lie: below 100 ms a timeout only ever hits honest peers.
SHORTEST = "100ms"


def option(help: str, form: Form, *, example: str = "", **more: Any) -> Any:
    """A field of the configuration file: the sentence that explains it, and how it is written.

    C{example} is TOML, and not the default: examples show what somebody would change. C{key}: as it stands
    in the file, where that is no name of a field. C{opens}: all keys that begin so are of this form, and
    C{rest} reads what stands behind that, or raises C{ValueError}.
    """
    facts = {"help": help, "form": form, "example": example}
    facts |= {name: more.pop(name) for name in ("key", "opens", "rest") if name in more}
    return field(metadata=facts, kw_only=True, **more)


def table(help: str, cls: type, *, example: str = "", **more: Any) -> Any:
    """A field that is a table of its own."""
    return field(metadata={"help": help, "table": cls, "example": example}, kw_only=True, **more)
