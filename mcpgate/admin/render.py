"""Templates and static files, as they are in the package.

Beside its own values a template has:

  - C{person} (C{roles.Person}; C{None} where nobody is logged in) and C{csrf}, which each form must have in a
    hidden field of that name;
  - C{menu}: the pages in it, as (path, title); C{path} and C{title} of this one;
  - C{problem}: what the gate complains of, or why it does not answer; C{None} where all is well;
  - C{static(name)}: the path of a static file, which changes with the file;
  - C{version}; and the filters of C{wording}, by which every value goes, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from jinja2 import Environment, PackageLoader, StrictUndefined

from mcpgate._version import __version__
from mcpgate.admin.wording import FILTERS, shown

#: What static files are, by their endings; others are not served.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}

_environment = Environment(
    loader=PackageLoader("mcpgate.admin"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    finalize=shown,
)


def render(template: str, values: Mapping[str, object]) -> bytes:
    """A page."""
    return _environment.get_template(template).render(values).encode()


def static(name: str) -> str:
    """The path of a static file; another one for another content, so that browsers may keep it."""
    return f"/static/{name}?{_tag(name)}"


def read_static(name: str) -> tuple[bytes, str] | None:
    """A static file and its type; C{None} where there is none of that name."""
    return _static().get(name)


@cache
def _static() -> Mapping[str, tuple[bytes, str]]:
    """All of them: there are few, and a name that somebody asks for leads nowhere but into this."""
    return dict(_below(files("mcpgate.admin").joinpath("static"), ""))


def _below(place: Traversable, path: str) -> Iterator[tuple[str, tuple[bytes, str]]]:
    for each in place.iterdir():
        kind = next((kind for ending, kind in TYPES.items() if each.name.endswith(ending)), None)
        if each.is_dir():
            yield from _below(each, f"{path}{each.name}/")
        elif kind is not None:
            yield f"{path}{each.name}", (each.read_bytes(), kind)


@cache
def _tag(name: str) -> str:
    found = read_static(name)
    assert found is not None, f"there is no static file {name}"
    return sha256(found[0]).hexdigest()[:12]


_environment.filters.update(FILTERS)
_environment.globals.update(static=static, version=__version__)
