"""A small OpenID provider on TLS: keys that can be exchanged, tokens, and counts of what it was asked."""

from __future__ import annotations

import json
import ssl
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from tests.identity.minting import Minter, rsa_key
from tests.running import Request, ScriptedUpstream

DISCOVERY = "/.well-known/openid-configuration"


def answer(status: int, body: bytes, *lines: str) -> bytes:
    """An answer with that body."""
    head = [f"HTTP/1.1 {status} Whatever", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, *lines]).encode() + b"\r\n\r\n" + body


class Issuing:
    """
    The provider. Everything about it can be changed while it runs.

    @ivar asked: how often each path was asked for.
    @ivar broken: what it answers to everything, instead of what it should.
    @ivar tokens: opaque tokens that it knows, and what it says of them.
    """

    def __init__(
        self, certificate: Path, key: Path, *, host: str, resource: str = "", clients: Path | None = None
    ) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if clients is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(clients)
        self.server = ScriptedUpstream(certificate, key, self._behave, context=context)
        self.host = host
        self.minter = Minter(issuer=f"https://{host}", resource=resource, keys={"k1": rsa_key()})
        self.asked: dict[str, int] = {}
        self.broken: bytes | None = None
        self.cache = "max-age=3600"
        self.keys = "/keys"
        self.wait = 0.0
        self.document: dict[str, Any] = {
            "issuer": self.minter.issuer,
            "jwks_uri": f"https://{host}/keys",
            "token_endpoint": f"https://{host}/token",
        }
        self.tokens: dict[str, dict[str, Any]] = {}
        self.proofs: list[dict[str, Any]] = []
        self.kid = "k1"

    @property
    def port(self) -> int:
        """Where it listens on loopback."""
        return self.server.port

    def rotate(self, number: int, *, keep: bool = False) -> None:
        """Sign with another key from now on, and publish the old one no more, or still."""
        kid = f"k{number}"
        old = dict(self.minter.keys) if keep else {}
        keys = {**old, kid: rsa_key(number)}
        self.minter = Minter(issuer=self.minter.issuer, resource=self.minter.resource, keys=keys)
        self.kid = kid

    def token(self, **named: Any) -> str:
        """A good token, unless it is told otherwise."""
        named.setdefault("now", time.time())
        return self.minter.mint(named.pop("kid", self.kid), **named).decode()

    def close(self) -> None:
        """Answer nobody any more."""
        self.server.close()

    def _behave(self, sock: ssl.SSLSocket, request: Request) -> None:
        path = request.line.split(b" ")[1].decode()
        self.asked[path] = self.asked.get(path, 0) + 1
        time.sleep(self.wait)
        if self.broken is not None:
            sock.sendall(self.broken)
        elif path == DISCOVERY:
            sock.sendall(answer(200, json.dumps(self.document).encode()))
        elif path == self.keys:
            sock.sendall(answer(200, self.minter.jwks(), f"Cache-Control: {self.cache}"))
        elif path == "/introspect":
            form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
            self.proofs.append({**form, "authorization": request.headers.get(b"authorization")})
            said = self.tokens.get(form["token"], {"active": False})
            sock.sendall(answer(200, json.dumps(said).encode()))
        else:
            sock.sendall(answer(404, b"{}"))
