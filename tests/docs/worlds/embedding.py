"""What somebody has who writes an application: a certificate for C{gate.example.com} in F{tls}, and the MCP
server C{files.example.com}, whose certificate is of an authority that everybody believes."""

from __future__ import annotations

from tests.docs.place import Place
from tests.docs.worlds.gate import FILES


def build(place: Place) -> None:
    """Build it."""
    place.name("gate.example.com", "127.0.0.1")
    place.pair(["gate.example.com"], "tls/gate.crt", "tls/gate.key")
    place.mcp("files.example.com", FILES)
