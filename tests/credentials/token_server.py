"""A login on TLS: a token endpoint that is as good or as bad as a test needs, and an issuer of tokens."""

from __future__ import annotations

import json
import ssl
import threading
import time
from base64 import b64decode
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from joserfc import jwt
from joserfc.jwk import ECKey

from tests.running import Behaviour, Request, ScriptedUpstream
from tests.waiting import PATIENCE

SECRET = "s3cret of+the:gate%"


def answered(status: int, body: bytes, *lines: str) -> bytes:
    """A whole answer; its connection ends with it."""
    head = [f"HTTP/1.1 {status} X", "Content-Type: application/json", "Connection: close", *lines]
    head.append(f"Content-Length: {len(body)}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def says(status: int, answer: object, *lines: str) -> Behaviour:
    """A server that says this to everybody."""
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return lambda sock, request: sock.sendall(answered(status, body, *lines))


class TokenServer:
    """
    Gives out tokens T1, T2 and so on (C{prefix}), each for C{lifetime} seconds; C{members} are added to its
    answers.

    What it was asked is in C{forms}. While it is held it answers nobody.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self.lifetime: Any = 3600
        self.prefix = "T"
        self.members: dict[str, Any] = {}
        self.key = ECKey.generate_key("P-256", {"kid": "1", "use": "sig", "alg": "ES256"})
        self.issued: dict[str, str] = {}
        self.open = threading.Event()
        self.open.set()
        self._lock = threading.Lock()
        self._given = 0
        self._server = ScriptedUpstream(certificate, key, self.grant)
        self.port = self._server.port

    @property
    def issuer(self) -> str:
        """What it calls itself in tokens."""
        return f"https://localhost:{self.port}"

    def token_of(self, subject: str, **claims: Any) -> str:
        """The token that it has issued to somebody, for the gate."""
        if subject not in self.issued:
            now = int(time.time())
            found = {"iss": self.issuer, "sub": subject, "aud": "api://gate", "iat": now, "exp": now + 600}
            header = {"alg": "ES256", "kid": "1"}
            self.issued[subject] = jwt.encode(header, found | claims, self.key, algorithms=["ES256"])
        return self.issued[subject]

    @property
    def url(self) -> str:
        """Where tokens are asked for."""
        return f"https://localhost:{self.port}/oauth/token"

    @property
    def requests(self) -> list[Request]:
        """All that was asked of its token endpoint."""
        return [request for request in self._server.requests if request.line.startswith(b"POST")]

    @property
    def forms(self) -> list[dict[str, str]]:
        """What was asked."""
        return [dict(parse_qsl(request.body.decode(), strict_parsing=True)) for request in self.requests]

    def behave(self, behaviour: Behaviour | None) -> None:
        """Be another server, or this one again."""
        self._server.behave = behaviour or self.grant

    def close(self) -> None:
        """Accept no more."""
        self.open.set()
        self._server.close()

    def grant(self, sock: ssl.SSLSocket, request: Request) -> None:
        """What a token endpoint does, and what an issuer says of itself."""
        if request.line.startswith(b"GET /jwks "):
            keys = {"keys": [self.key.as_dict(private=False)]}
            return sock.sendall(answered(200, json.dumps(keys).encode()))
        if request.line.startswith(b"GET"):
            places = {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/jwks", "token_endpoint": self.url}
            return sock.sendall(answered(200, json.dumps(places).encode()))
        self.open.wait(PATIENCE)
        with self._lock:
            self._given += 1
            token = f"{self.prefix}{self._given}"
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": self.lifetime, **self.members}
        sock.sendall(answered(200, json.dumps(answer).encode()))


def client_of(request: Request) -> tuple[str, str]:
    """Who a request says that it is, by its header (RFC 6749 section 2.3.1)."""
    kind, _, value = request.headers[b"authorization"].partition(b" ")
    assert kind == b"Basic"
    id, _, secret = b64decode(value).decode().partition(":")
    return unquote_plus(id), unquote_plus(secret)
