"""Whether the packages are there that assertions are verified with: those of the extra C{saml}."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version

#: Before it, signxml did not take a certificate for the container of a key, which it is in metadata. The
#: same stands in setup.cfg.
SIGNXML = (5, 2)

# Not a command: the name alone would have pip install another project from PyPI.
_EXTRA = "mcpgate's extra [saml] brings them"


def lacking() -> str | None:
    """What is not there, in words, with what to do; nothing, if all is."""
    try:
        import_module("lxml")
        import_module("signxml")
        found = version("signxml")
    except ImportError:  # of which PackageNotFoundError is one
        return f"needs signxml and lxml, which are not installed: {_EXTRA}"
    parts = found.split(".")[: len(SIGNXML)]
    if not all(part.isdecimal() for part in parts) or tuple(map(int, parts)) < SIGNXML:
        wanted = ".".join(map(str, SIGNXML))
        return f"needs signxml {wanted}, and {found} is installed: {_EXTRA}"
    return None
