"""A site with pages of its own, and a route of a gate among them.

    twist gated-site --config gate.toml --listen mcptls:modern:tcp:8443:certificates=tls
    python gated_site.py gate.toml mcptls:modern:tcp:8443:certificates=tls
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from twisted.application.service import IService, MultiService
from twisted.python import usage


class Options(usage.Options):
    """What it is told on the command line of twist."""

    optParameters = [
        ["config", "c", "gate.toml", "The configuration of the gate."],
        ["listen", "l", "mcptls:modern:tcp:8443:certificates=tls", "Where to listen."],
    ]


def makeService(options: Mapping[str, str]) -> IService:
    """The gate, and the site that it is part of."""
    from twisted.application.internet import StreamServerEndpointService
    from twisted.internet import reactor
    from twisted.internet.endpoints import serverFromString
    from twisted.web.resource import Resource
    from twisted.web.server import Site
    from twisted.web.static import Data

    from mcpgate import Gate, InMemoryRequest, load_config, resource

    gate = Gate(reactor, load_config(Path(options["config"])))
    root = Resource()
    root.putChild(b"", Data(b"a page of my own\n", "text/plain"))
    root.putChild(b"files", resource(gate, route="files"))
    # Where clients look for how to get a token of an issuer.
    root.putChild(b".well-known", resource(gate))
    site = Site(root, requestFactory=InMemoryRequest)
    endpoint = serverFromString(reactor, options["listen"])
    both = MultiService()
    gate.setServiceParent(both)
    StreamServerEndpointService(endpoint, site).setServiceParent(both)
    return both


if __name__ == "__main__":
    from twisted.internet import reactor
    from twisted.python.log import startLogging

    startLogging(sys.stdout)
    service = makeService({"config": sys.argv[1], "listen": sys.argv[2]})
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()
