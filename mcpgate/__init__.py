"""A gateway for the Model Context Protocol that lets nothing pass outside verified TLS.

What an embedding application needs is here: C{Gate(reactor, load_config(path))} is a service. The
names are imported on first use, so that the command line does not pay for TLS and Twisted to print
its help.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcpgate.config.load import ConfigError, load_config
    from mcpgate.gate import Gate
    from mcpgate.reasons import Reason

__all__ = ["ConfigError", "Gate", "Reason", "load_config"]

_ROOMS = {
    "ConfigError": "mcpgate.config.load",
    "Gate": "mcpgate.gate",
    "Reason": "mcpgate.reasons",
    "load_config": "mcpgate.config.load",
}


def __getattr__(name: str) -> object:
    """Import a public name from its room (PEP 562)."""
    if name not in _ROOMS:
        raise AttributeError(f"module 'mcpgate' has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(_ROOMS[name]), name)
    globals()[name] = found
    return found
