"""A gateway for the Model Context Protocol that lets nothing pass outside verified TLS.

What an embedding application needs is here: C{Gate(reactor, load_config(path))} is a service,
C{resource(gate, route="files")} a resource of twisted.web. The string endpoint C{mcptls:} needs no import at
all. What tests of such an application need is in L{mcpgate.testing}.

The names are imported on first use, so that the command line does not pay for TLS and Twisted to print
its help.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcpgate.bodies import InMemoryRequest
    from mcpgate.config.load import ConfigError, load_config
    from mcpgate.config.schema import Config
    from mcpgate.gate import Gate, JournalError, ListenError
    from mcpgate.reasons import Reason
    from mcpgate.tls.foreign import handshake
    from mcpgate.tls.handshake import Certificate, Handshake
    from mcpgate.web import resource

__all__ = [
    "Certificate",
    "Config",
    "ConfigError",
    "Gate",
    "Handshake",
    "InMemoryRequest",
    "JournalError",
    "ListenError",
    "Reason",
    "handshake",
    "load_config",
    "resource",
]

#: Every module whose C{__all__} is public, for the reference and for the test that everything in them is
#: documented. What is not named there may change with any version.
PUBLIC_MODULES = ("mcpgate", "mcpgate.testing")

_ROOMS = {
    "Certificate": "mcpgate.tls.handshake",
    "Config": "mcpgate.config.schema",
    "ConfigError": "mcpgate.config.load",
    "Gate": "mcpgate.gate",
    "Handshake": "mcpgate.tls.handshake",
    "InMemoryRequest": "mcpgate.bodies",
    "JournalError": "mcpgate.gate",
    "ListenError": "mcpgate.gate",
    "Reason": "mcpgate.reasons",
    "handshake": "mcpgate.tls.foreign",
    "load_config": "mcpgate.config.load",
    "resource": "mcpgate.web",
}


def __getattr__(name: str) -> object:
    """Import a public name from its room (PEP 562)."""
    if name not in _ROOMS:
        raise AttributeError(f"module 'mcpgate' has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(_ROOMS[name]), name)
    globals()[name] = found
    return found
