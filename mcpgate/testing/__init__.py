"""What a test, or a demonstration, needs around a gate. All of it is public.

    ca = LocalCA.create("my tests", datetime.now(UTC))
    with FakeUpstream(ca, {"add": lambda a, b: a + b}) as upstream:
        ...  # a gate before it, and a call through the gate
    assert upstream.called("add") == [{"a": 1, "b": 2}]

 - L{LocalCA} issues certificates; L{write_pair} and L{certificate_pem} make files of them.
 - L{FakeUpstream} is an MCP server whose tools are functions, and remembers what came.
 - L{Evidence} has what a gate recorded, by C{gate.on_evidence(evidence)} or off its state directory.
 - L{tls_pair} lets two ends shake hands in memory: what does a profile agree on with another?
 - L{TLSServer} calls a function for every connection; L{TLSFront} passes bytes to and from a unix socket, so
   that a server which knows no TLS (or no post-quantum groups, as Python's C{ssl}) stands behind ours.

Servers bind loopback only, run in threads, need no reactor and scale to dozens of connections, not more:
they are for trying a gate out, not for serving.
"""

from __future__ import annotations

from mcpgate.testing.evidence import Evidence, RecordedExchange
from mcpgate.testing.pair import TLSPair, tls_pair
from mcpgate.testing.servers import TLSFront, TLSPeer, TLSServer
from mcpgate.testing.upstream import FakeUpstream, Received
from mcpgate.tls.localca import LocalCA, certificate_pem, write_pair

__all__ = [
    "Evidence",
    "FakeUpstream",
    "LocalCA",
    "Received",
    "RecordedExchange",
    "TLSFront",
    "TLSPair",
    "TLSPeer",
    "TLSServer",
    "certificate_pem",
    "tls_pair",
    "write_pair",
]
