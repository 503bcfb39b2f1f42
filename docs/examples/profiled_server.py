"""A small MCP server on Twisted, behind a profile of mcpgate's and without a gate.

    twist profiled-server --listen mcptls:modern:tcp:9000:certificates=tls
    python profiled_server.py mcptls:modern:tcp:9000:certificates=tls

It imports nothing of mcpgate for its TLS: the description of the endpoint is enough. That C{handshake} is
asked what a caller has negotiated is only to show that it can be.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from twisted.application.service import IService
from twisted.python import usage
from twisted.web.resource import Resource


class Options(usage.Options):
    """What it is told on the command line of twist."""

    optParameters = [["listen", "l", "mcptls:modern:tcp:9000:certificates=tls", "Where to listen."]]


class Server(Resource):
    """MCP with one tool, which tells a caller what was negotiated with it."""

    isLeaf = True

    def render_POST(self, request: Any) -> bytes:
        """One message, one answer."""
        message = json.loads(request.content.read())
        if "id" not in message:
            request.setResponseCode(202)
            return b""
        request.setHeader(b"content-type", b"application/json")
        answer = self.answer(message["method"], message.get("params", {}), request)
        return json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}).encode()

    def answer(self, method: str, params: dict[str, Any], request: Any) -> dict[str, Any]:
        """The result of a method, or its error."""
        if method == "initialize":
            info = {"name": "negotiated", "version": "1"}
            version = params["protocolVersion"]
            return {
                "result": {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
            }
        if method == "tools/list":
            return {"result": {"tools": [{"name": "negotiated", "inputSchema": {"type": "object"}}]}}
        if method == "tools/call":
            from mcpgate import handshake

            seen = handshake(request.channel.transport)
            text = f"{seen.version} {seen.cipher} {seen.group}" if seen is not None else "nothing"
            return {"result": {"content": [{"type": "text", "text": text}]}}
        return {"error": {"code": -32601, "message": "Method not found"}}


def makeService(options: Mapping[str, str]) -> IService:
    """The server, where it listens."""
    from twisted.application.internet import StreamServerEndpointService
    from twisted.internet import reactor
    from twisted.internet.endpoints import serverFromString
    from twisted.web.server import Site

    endpoint = serverFromString(reactor, options["listen"])
    return StreamServerEndpointService(endpoint, Site(Server(), parsePOSTFormSubmission=False))


if __name__ == "__main__":
    from twisted.internet import reactor
    from twisted.python.log import startLogging

    startLogging(sys.stdout)
    service = makeService({"listen": sys.argv[1]})
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()
