"""FastMCP's own proxy, as a process of the bench: C{fastmcp_proxy.py PORT UPSTREAM CA CHAIN KEY}.

Stateless and with plain JSON answers, uvicorn with its fast parts (uvloop, httptools), TLS 1.3 on
both legs: the fastest way that it offers to do what its peers do.
"""

import ssl
import sys

import uvicorn
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.server import create_proxy


def main(port: str, upstream: str, authority: str, chain: str, key: str) -> None:
    verify = ssl.create_default_context(cafile=authority)
    verify.minimum_version = ssl.TLSVersion.TLSv1_3
    transport = StreamableHttpTransport(f"https://localhost:{upstream}/mcp", verify=verify)
    proxy = create_proxy(transport, name="bench")
    app = proxy.http_app(path="/mcp", transport="http", json_response=True, stateless_http=True)
    server = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=int(port),
        ssl_certfile=chain,
        ssl_keyfile=key,
        loop="uvloop",
        http="httptools",
        backlog=4096,
        timeout_keep_alive=600,
        access_log=False,
        log_level="warning",
    )
    server.load()
    assert server.ssl is not None
    server.ssl.minimum_version = ssl.TLSVersion.TLSv1_3
    uvicorn.Server(server).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
