"""The official Python client needs the gate's URL and no more: a small authorization server does the rest.

Real providers, and tokens that are verified, are in C{test_official_clients_get_their_tokens_by_themselves};
here it is seen what the client asks for, and in which order: an authorization server of a few lines notes it,
and a token is the text of its scopes.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from mcpgate.testing import write_pair
from tests.e2e.lab import free_port
from tests.relay.foreign import accept_others, issuer
from tests.running import Request, World, answer_json, whole
from tests.waiting import PATIENCE

CLIENT = Path(__file__).with_name("clients") / "obtains.py"
RULES = """
[[rule]]
name = "writes"
verdict = "allow"
on = { method = "tools/call", name = "put_x" }
require = { scope = "tools:write" }
"""


class Server:
    """An authorization server (RFC 8414, RFC 6749 section 4.4) that gives whoever asks what it asks for."""

    def __init__(self, world: World) -> None:
        self.requests: list[dict[str, list[str]]] = []
        pair = world.ca.server(["localhost"], datetime.now(UTC))
        write_pair(pair, world.directory / "server.crt", world.directory / "server.key")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(world.directory / "server.crt", world.directory / "server.key")
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                known = self.path == "/.well-known/oauth-authorization-server"
                self._answer(200 if known else 404, outer.metadata())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                asked = parse_qs(body)
                outer.requests.append(asked)
                (scope,) = asked["scope"]
                token = scope.replace(" ", "+").replace(":", ".")
                self._answer(200, {"access_token": token, "token_type": "Bearer", "scope": scope})

            def _answer(self, status: int, said: object) -> None:
                raw = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self.url = f"https://localhost:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def metadata(self) -> dict[str, Any]:
        """What it says of itself."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "response_types_supported": ["code"],
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def close(self) -> None:
        """Serve no more."""
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server(world: World) -> Iterator[Server]:
    running = Server(world)
    yield running
    running.close()


def weather(sock: ssl.SSLSocket, request: Request) -> None:
    """An MCP server of 2026-07-28 with two tools."""
    message = json.loads(request.body or b"{}")
    shared = {"resultType": "complete"}
    results: dict[str, dict[str, Any]] = {
        "server/discover": {
            "supportedVersions": ["2026-07-28"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "weather", "version": "1"},
            "ttlMs": 0,
            "cacheScope": "private",
        },
        "tools/list": {
            "tools": [
                {"name": name, "inputSchema": {"type": "object"}} for name in ("get_x", "put_x", "drop_x")
            ],
            "ttlMs": 0,
            "cacheScope": "private",
        },
        "tools/call": {"content": [{"type": "text", "text": "done"}]},
    }
    found = results.get(message.get("method"))
    if found is None:
        return answer_json(sock, request)
    body = {"jsonrpc": "2.0", "id": message["id"], "result": {**found, **shared}}
    sock.sendall(whole(json.dumps(body).encode()))


def test_a_client_asks_for_what_the_challenges_name_and_for_no_more(world: World, server: Server) -> None:
    """First for the route's scopes, for the route's URL; then once for all that the tool needs."""
    port = free_port()
    public = f'public_url = "https://localhost:{port}"'
    config = world.config(listener=public, more=RULES + issuer(server.url))
    config = config.replace('"tcp:0:', f'"tcp:{port}:')
    config = config.replace('path = "/mcp"', 'path = "/mcp"\nscopes = "mcp"')
    world.upstream.behave = weather
    world.start(config)
    accepted = accept_others(world)
    calls = [["get_x", {}], ["put_x", {}]]
    done = subprocess.run(
        [sys.executable, str(CLIENT)],
        env={
            **os.environ,
            "SSL_CERT_FILE": str(world.authority),
            "GATE_URL": f"https://localhost:{port}/mcp",
            "ERA": "2026-07-28",
            "ISSUER": server.url,
            "CLIENT_ID": "ci",
            "CLIENT_SECRET": "secret",
            "CALLS": json.dumps(calls),
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said == {
        "tools": ["get_x", "put_x"],
        "answers": ["done", "done"],
        "scopes": ["mcp", "mcp tools:write"],
    }
    assert [request["resource"] for request in server.requests] == [[f"https://localhost:{port}/mcp"]] * 2
    assert set(accepted.resources) == {f"https://localhost:{port}/mcp"}
    closes = world.records("close")
    assert [close["status"] for close in closes if close.get("reason")] == [401, 403]
    assert [record["route"] for record in world.records("open") if "own" in record] == ["server"]
