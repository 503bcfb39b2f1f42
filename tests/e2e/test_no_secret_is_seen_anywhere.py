"""Fifty secrets through every path: none is seen by a client, in the journal, in the log, by the command
line, in error messages or in files that it does not belong into.

Callers show good proofs and bad ones; upstreams, a token endpoint and an issuer show everything again that
they were shown, and worse; files with secrets are broken, a worker is killed and a bug is made. What came of
it all is kept, and each secret is looked for in it, in plain text and in usual encodings.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, quote, urlencode
from uuid import uuid4

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.logger import eventAsText, globalLogPublisher

from mcpgate.cli import cli
from mcpgate.identity.issued import TokenFile
from mcpgate.testing import LocalCA, TLSPeer
from mcpgate.wire.oauth import SAML_GRANT
from tests.e2e.canaries import Canaries
from tests.e2e.lab import RUN, GateProcess, Lab, free_port
from tests.e2e.recording import Received, RecordingUpstream, answer
from tests.identity.minting import Minter, ec_key
from tests.identity.saml.provider import assertion, metadata, signer
from tests.running import Loop, call, started
from tests.waiting import PATIENCE, eventually

#: How each upstream is shown who the gate is. All are one server, on a route of the same name.
WAYS = ("static", "keyed", "basic", "mapped", "granted", "signed", "exchanged")
#: And some that no token is granted for, or none that can be used.
REFUSED = ("refused", "unfit", "garbled")
#: In how many ways that server shows what it was shown.
TRICKS = ("text", "error", "page", "stream", "header", "challenge", "redirect", "garbage", "silence", "list")


class Scene:
    """Everybody, and what each of them has seen: C{seen}, by where."""

    def __init__(self, directory: Path, ca: LocalCA) -> None:
        self.canaries = Canaries()
        self.seen: dict[str, bytes] = {}
        self.lab = Lab(directory, ca)
        self.port = free_port()
        self.url = f"https://localhost:{self.port}"
        new = self.canaries.new
        self.issued = TokenFile(self.lab.state / "tokens.json")
        self.good = new("an issued token", self.lab.token("ci"))
        pair = ca.server(["localhost"], self.lab.now)
        self.provider = RecordingUpstream(pair, self.provide)
        self.upstream = RecordingUpstream(pair, self.echo)
        self.gate: GateProcess
        self.minter = Minter()
        self.opaque = new("an opaque token")
        self.granted = [new(f"a token that was granted, {number}") for number in range(6)]
        self.given = 0
        for name in ("refresh token", "id token", "session id of the upstream", "cookie of the upstream"):
            new(name)
        for name in ("a challenge of the upstream", "a token that is unfit", "a token in garbage"):
            new(name)

    def see(self, where: str, what: bytes | str) -> bytes:
        raw = what if isinstance(what, bytes) else what.encode("utf-8", "replace")
        self.seen[where] = self.seen.get(where, b"") + b"\n" + raw
        return raw

    def text(self, name: str) -> str:
        return self.canaries.texts[name]

    def file(self, name: str, text: str, mode: int = 0o600) -> str:
        """A secret in a file, by reference."""
        path = self.lab.directory / name
        path.write_text(text)
        path.chmod(mode)
        return f"file:{path}"

    # The others.

    def provide(self, peer: TLSPeer, request: Received) -> None:
        """An issuer and token endpoint that says everything again, where anything can be said."""
        path = request.head.split(b" ")[1]
        said = (request.head + request.body).decode("latin-1")
        body: Mapping[str, Any]
        if path == b"/keys":
            return peer.send(answer(self.minter.jwks()))
        form = dict(parse_qsl(request.body.decode()))
        if path == b"/introspect":
            active = form["token"] == self.opaque
            body = {"active": active, "sub": "ada", "iss": f"{self.provider_url}/opaque", "said": said}
            body = {**body, "aud": self.route("static"), "exp": int(time.time()) + 300}
            return peer.send(answer(json.dumps(body).encode()))
        if path == b"/unfit":
            body = {"access_token": f"{self.text('a token that is unfit')}\u2028\n", "token_type": "Bearer"}
            return peer.send(answer(json.dumps(body).encode()))
        if path == b"/garbled":
            return peer.send(answer(f'{{"access_token": "{self.text("a token in garbage")}'.encode()))
        if path == b"/refused":
            body = {"error": "invalid_client", "error_description": said}
            return peer.send(answer(json.dumps(body).encode(), status=f"400 {quote(form['client_secret'])}"))
        token = self.granted[self.given % len(self.granted)]
        self.given += 1
        body = {"access_token": token, "token_type": "Bearer", "expires_in": 3600, "said": said}
        body = {**body, "refresh_token": self.text("refresh token"), "id_token": self.text("id token")}
        peer.send(answer(json.dumps(body).encode()))

    @property
    def provider_url(self) -> str:
        return f"https://localhost:{self.provider.port}"

    def route(self, name: str) -> str:
        return f"{self.url}/{name}"

    def echo(self, peer: TLSPeer, request: Received) -> None:
        """An upstream that shows what it was shown, in the way that it is asked for."""
        message = json.loads(request.body or b"{}")
        head = request.head.decode("latin-1")
        shown = "".join(
            line.partition(":")[2].strip()
            for line in head.split("\r\n")
            if line.partition(":")[0].lower() in ("authorization", "x-key")
        )
        secret = shown.partition(" ")[2] or shown
        spelled = (head, b64encode(head.encode()).decode(), quote(secret, safe=""), secret.encode().hex())
        spelled += ("".join(f"%{ord(one):02x}" for one in secret), json.dumps(json.dumps(shown)))
        spelled += ("".join(f"\\u{ord(one):04x}" for one in secret),)
        spelled += (b64encode(f"x{secret}".encode()).decode(),)
        text = "\n".join(spelled)
        lines = (f"mcp-session-id: {self.text('session id of the upstream')}",)
        lines += (f"set-cookie: a={self.text('cookie of the upstream')}",)
        trick = message.get("params", {}).get("name", message.get("method"))
        result: dict[str, Any] = {
            "content": [{"type": "text", "text": text}],
            "structuredContent": {"head": head, secret: [shown]},
        }
        if trick == "get_list" or trick == "tools/list":
            tool = {"name": "get_list", "description": text, "inputSchema": {"type": "object"}}
            result = {"tools": [tool, {**tool, "name": f"get_{secret}"[:120]}], "nextCursor": secret}
        known = {"jsonrpc": "2.0", "id": message.get("id")}
        body = json.dumps({**known, "result": result}).encode()
        if trick == "get_error":
            error = {"code": -32000, "message": text, "data": {"head": head, "shown": [shown]}}
            return peer.send(answer(json.dumps({**known, "error": error}).encode(), *lines))
        if trick == "get_page":
            return peer.send(answer(f"<pre>{text}</pre>".encode(), *lines, status="500 Oops"))
        if trick == "get_stream":
            half = len(secret) // 2
            progress = [text, secret[:half], secret[half:]]
            news = [{"progressToken": 1, "progress": n, "message": said} for n, said in enumerate(progress)]
            said = [{"jsonrpc": "2.0", "method": "notifications/progress", "params": one} for one in news]
            events = f": {secret}\n\nid: {secret}\n".encode()
            events += b"".join(b"data: %b\n\n" % json.dumps(one).encode() for one in said)
            events += b"event: %b\ndata: %b\n\n" % (secret.encode(), body) + b"data: %b\n\n" % body
            opening = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            return peer.send(f"{opening}content-length: {len(events)}\r\n\r\n".encode() + events)
        if trick == "get_header":
            return peer.send(answer(body, f"x-debug: {shown}", f"x-{secret[:8]}: {secret}", *lines))
        if trick == "get_challenge":
            lines += (f'www-authenticate: Bearer error="{shown} {self.text("a challenge of the upstream")}"',)
            return peer.send(answer(text.encode(), *lines, status=f"401 {secret}"))
        if trick == "get_redirect":
            return peer.send(answer(b"", f"location: https://localhost/{secret}", status="302 Found"))
        if trick == "get_garbage":
            garbage = f"HTTP/1.1 200 {secret}\r\nbad header {secret}\r\n{secret}: {secret}\r\n\r\n"
            return peer.send(garbage.encode())
        if trick == "get_silence":
            raise ConnectionError
        peer.send(answer(body, *lines))

    # The gate.

    def configure(self, **broken: Any) -> Path:
        """C{broken}: the table of the upstream named C{static}, as some mistake has it."""
        new, lab = self.canaries.new, self.lab
        if not broken:
            for name in ("static", "basic", "mapped", "client secret", "actor"):
                new(name)
            new("a secret of systemd's")
            new("a secret of the environment")
            key = ec_key(7)
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
            self.file("assertion.key", pem)
            new("a private key", pem.splitlines()[1])
            new("the gate's private key", (lab.certificates / "gate.key").read_text().splitlines()[1])
            self.file("actor", self.text("actor"))
            self.file("mapped", self.text("mapped"))
            pair = b64encode(f"gate:{self.text('basic')}".encode()).decode()
            self.file("pair", f"Basic {pair}")
            new("a pair in Base64", pair)
            (lab.directory / "corp.xml").write_bytes(metadata(signer()))
        place = lab.directory
        trust = str(lab.ca_file)
        static = broken.get("credential") or {"bearer": self.file("static", self.text("static"))}
        credentials: dict[str, Any] = {
            "static": static,
            "keyed": {"header": "X-Key", "value": "env:KEYED"},
            "basic": {"header": "Authorization", "value": f"file:{place}/pair"},
        }
        upstreams = [
            {"name": name, "port": self.upstream.port, "credential": credentials.get(name)}
            for name in (*WAYS, *REFUSED)
        ]
        token = f"{self.provider_url}/token"
        secret = self.file("client", self.text("client secret"))
        mapped = [
            {"name": "mapped", "upstream": "mapped", "bearer": f"file:{place}/mapped"},
            {"name": "granted", "grant": "client_credentials", "client_secret": secret},
            {"name": "signed", "grant": "client_credentials", "assertion_key": f"{place}/assertion.key"},
            {"name": "exchanged", "grant": "token_exchange", "client_secret": secret},
            *({"name": name, "grant": "client_credentials", "client_secret": secret} for name in REFUSED),
        ]
        mapped[3]["actor"] = f"file:{place}/actor"
        mapped[4]["client_secret_in"] = "form"
        mapped = [
            {"upstream": one["name"], **one}
            | ({"token_url": token, "client_id": "gate", "trust": trust} if "grant" in one else {})
            for one in mapped
        ]
        for table in mapped[4:]:
            table["token_url"] = f"{self.provider_url}/{table['name']}"
        issuers = [
            {
                "name": "login",
                "issuer": self.provider_url,
                "jwks": f"{self.provider_url}/keys",
                "trust": trust,
            },
            {
                "name": "opaque",
                "issuer": f"{self.provider_url}/opaque",
                "jwks": f"{self.provider_url}/keys",
                "trust": trust,
                "introspection": f"{self.provider_url}/introspect",
                "client_id": "gate",
                "client_secret": "credential:introspection",
            },
        ]
        return lab.config(
            upstream=upstreams,
            listener={"listen": f"tcp:{self.port}:interface=127.0.0.1", "public_url": self.url},
            route=[{"path": f"/{name}", "name": name, "upstream": name} for name in (*WAYS, *REFUSED)],
            rules=[
                {"name": "all", "verdict": "allow"},
                {"name": "never", "on": {"name": "delete_*"}, "verdict": "block"},
            ],
            gate={"workers": 2},
            limits={"failures": 65535},
            more={
                "credential": mapped,
                "issuer": issuers,
                "saml": [{"name": "corp", "metadata": str(place / "corp.xml")}],
            },
        )

    def start(self) -> None:
        systemd = self.lab.directory / "systemd"
        systemd.mkdir()
        config = self.configure()
        (systemd / "introspection").write_text(self.text("a secret of systemd's"))
        (systemd / "introspection").chmod(0o600)
        env = {"CREDENTIALS_DIRECTORY": str(systemd), "KEYED": self.text("a secret of the environment")}
        self.env = env
        self.gate = self.lab.gate(config, env=env, program=(*RUN, "--log-level", "debug"))
        self.gate.token = self.good
        self.minter = Minter(issuer=self.provider_url, resource=self.route("static"))
        self.gate.start()

    # The callers.

    def talk(self, raw: bytes, *, where: str, clear: bool = False) -> bytes:
        """Send bytes, and keep all that comes of it until the gate closes the connection."""
        context = ssl.create_default_context(cafile=str(self.lab.ca_file))
        got = b""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as plain:
            sock = plain if clear else context.wrap_socket(plain, server_hostname="localhost")
            try:
                sock.sendall(raw)
                while more := sock.recv(65536):
                    got += more
            except (ConnectionError, ssl.SSLError):
                pass
            sock.close()
        return self.see(where, got)

    def post(
        self,
        path: str,
        body: bytes | Mapping[str, Any],
        *lines: str,
        token: str = "",
        where: str = "",
        kind: str = "application/json",
    ) -> bytes:
        """One request on a connection of its own."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Type: {kind}", *lines]
        head += [f"Authorization: Bearer {token}"] if token else []
        head += ["MCP-Protocol-Version: 2025-11-25", f"Content-Length: {len(raw)}"]
        head += ["Connection: close", "", ""]
        return self.talk("\r\n".join(head).encode("latin-1") + raw, where=where or f"the answer to {path}")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, ca: LocalCA, loop: Loop) -> Iterator[Scene]:
    """All of it has happened."""
    scene = Scene(tmp_path_factory.mktemp("canaries"), ca)
    with scene.provider, scene.upstream:
        scene.start()
        try:
            for happens in (proofs_good_and_bad, upstreams_that_show_it, assertions, mistakes, verbs, crash):
                happens(scene)
        finally:
            code = scene.gate.terminate()
        assert code == 0
    bug(scene, loop, tmp_path_factory.mktemp("bug"))
    scene.see("the log", scene.gate.log())
    for path in sorted(scene.lab.state.rglob("*")):
        if path.is_file():
            keys = "keys" in path.name
            scene.see("files of the state directory" if not keys else "its own file", path.read_bytes())
    keys = json.loads((scene.lab.state / "session-keys.json").read_bytes())["keys"]
    for number, key in enumerate(keys):
        longest = max((one for one in key.values() if isinstance(one, str)), key=len)
        scene.canaries.new(f"session key {number}", longest)
    yield scene


def proofs_good_and_bad(scene: Scene) -> None:
    """What callers show: taken, refused, or in a place where it is not looked at."""
    new, post = scene.canaries.new, scene.post
    static = "/static"
    now = time.time()
    assert b" 200 " in post(static, call("get_text"), token=scene.good)
    old = new("an expired token", scene.issued.issue("old", 60, now - 3600)[1])
    gone, revoked = scene.issued.issue("gone", 3600, now)
    new("a revoked token", revoked)
    scene.issued.revoke(gone.id, now)
    mint = scene.minter.mint

    def jwt(name: str, **said: Any) -> str:
        token = mint(**{"now": now, **said}).decode()
        new(name, token.rpartition(".")[2] or said["canary"])
        return token

    tokens = {
        "old": old,
        "revoked": revoked,
        "forged": new("a forged token", f"mcpgate_0a1b2c3d4e5f_{token_urlsafe(32)}"),
        "sealed": new("a forged sealed token", f"mcpgate_s_{token_urlsafe(60)}"),
        "unknown": new("something that is no token"),
        "oversized": new("an oversized token", token_urlsafe(7000)),
        "opaque": scene.opaque,
        "inactive": new("an inactive token"),
        "jwt": jwt("a good JWT"),
        "expired": jwt("an expired JWT", now=now - 7200),
        "early": jwt("a JWT of tomorrow", now=now + 86400),
        "audience": jwt("a JWT for somebody else", aud="https://other.example"),
        "issuer": jwt("a JWT of a stranger", iss="https://evil.example"),
        "long": jwt("a JWT for ten years", exp=int(now) + 315_360_000),
        "kid": jwt("a JWT of an unknown key", header={"kid": "nobody's"}),
        "key": jwt("a JWT of another key", kid="k1", alg="ES256", key=ec_key(9)),
        "bound": jwt("a bound JWT", cnf={"x5t#S256": "A" * 43}),
        "typ": jwt("an id token", header={"typ": "JWT"}, nonce="n", at_hash="x"),
        "claims": jwt("a JWT with a secret claim", secret=new("a secret claim")),
    }
    unsigned = new("a claim of an unsigned JWT")
    parts = mint(now=now, secret=unsigned).decode().split(".")
    tokens["none"] = ".".join((urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode(), parts[1], ""))
    for token in tokens.values():
        post(static, call("get_text"), token=token)
    exchangeable = mint(now=now, aud=scene.route("exchanged"), jti=uuid4().hex).decode()
    post("/exchanged", call("get_text"), token=exchangeable)
    # Elsewhere than where a proof belongs.
    message = call("get_text")
    post(f"{static}?access_token={new('a token in a URL')}", message)
    post(static, message, f"Authorization: Basic {new('a basic pair')}")
    post(static, message, f"Authorization: {new('a scheme of its own')}")
    post(static, message, f"Authorization: Bearer {new('one of two')}", token=scene.good)
    post(static, message, f"Cookie: session={new('a cookie')}", token=scene.good)
    post(static, message, f"Proxy-Authorization: Basic {new('a pair for a proxy')}", token=scene.good)
    post(static, message, f"Mcp-Session-Id: {new('a session of somebody else')}", token=scene.good)
    post(static, message, f"Bad Header {new('a bad header')}", token=scene.good)
    post(static, b'{"jsonrpc": "2.0", "id": "%b' % new("a broken body").encode(), token=scene.good)
    post(static, call("delete_all", secret=new("an argument of a blocked call")), token=scene.good)
    clear = f"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {new('a token in clear text')}"
    scene.talk(f"{clear}\r\n\r\n".encode(), where="the answer to clear text", clear=True)


def upstreams_that_show_it(scene: Scene) -> None:
    """Each upstream, in each way that it has."""
    for name in REFUSED:
        assert b"upstream.credential" in scene.post(f"/{name}", call("get_text"), token=scene.good)
    exchanged = scene.minter.mint(now=time.time(), aud=scene.route("exchanged"), x=uuid4().hex).decode()
    for name in WAYS:
        token = exchanged if name == "exchanged" else scene.good
        for trick in TRICKS:
            message: dict[str, Any] = call(f"get_{trick}")
            if trick == "list":
                message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            got = scene.post(f"/{name}", message, token=token)
            assert got.startswith(b"HTTP/1.1 "), (name, trick, got)
        who = {"name": "x", "version": "1"}
        opening = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": who}
        message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": opening}
        scene.post(f"/{name}", message, token=token)


def assertions(scene: Scene) -> None:
    """Of SAML: a good one, the same again, and others; what is granted is for its caller alone."""
    place = f"{scene.url}/token"
    told = {"recipient": place, "audience": place}

    def ask(name: str, raw: bytes, where: str = "") -> bytes:
        text = urlsafe_b64encode(raw).rstrip(b"=").decode()
        mark = raw.partition(b"SignatureValue>")[2][:64].decode()
        scene.canaries.new(name, mark)
        form = urlencode({"grant_type": SAML_GRANT, "assertion": text}).encode()
        return scene.post("/token", form, kind="application/x-www-form-urlencoded", where=where)

    raw = assertion(None, **{**told, "id": f"_{uuid4().hex}", "now": time.time()})
    got = ask("an assertion", raw, where="what its caller was granted")
    granted = json.loads(got.partition(b"\r\n\r\n")[2])["access_token"]
    scene.canaries.new("a granted token", granted)
    scene.post("/static", call("get_text"), token=granted)
    form = {"grant_type": SAML_GRANT, "assertion": urlsafe_b64encode(raw).decode()}
    kind = "application/x-www-form-urlencoded"
    scene.post("/token", urlencode(form).encode(), kind=kind)
    late = {**told, "id": f"_{uuid4().hex}", "now": time.time() - 9000}
    ask("an expired assertion", assertion(None, **late))
    strange = {**told, "id": f"_{uuid4().hex}", "now": time.time()}
    ask("an assertion of a stranger", assertion(signer("evil"), **strange))
    for form in (
        {"grant_type": "password", "username": "x", "password": scene.canaries.new("a password")},
        {"grant_type": SAML_GRANT, "assertion": scene.canaries.new("what is no assertion")},
    ):
        scene.post("/token", urlencode(form).encode(), kind=kind)


def mistakes(scene: Scene) -> None:
    """Secrets that were put where they cannot be, at a reload and for C{check}."""
    new, gate = scene.canaries.new, scene.gate
    file, path = scene.file, scene.lab.directory / "broken"
    for number, credential in enumerate((
        {"bearer": file("broken1", new("a secret that everybody may read"), 0o644)},
        {"bearer": file("broken2", new("a secret of two lines") + "\nX: y")},
        {"bearer": file("broken3", new("a secret that is too long", token_urlsafe(15000)))},
        {"bearer": new("a secret instead of a reference")},
        {"bearer": f"vault:{new('a reference of an unknown kind')}"},
        {"header": "X-Key", "value": new("a value instead of a reference")},
        {"header": "Host", "value": "env:KEYED"},
        {"bearer": f"file:{path}", "beerer": new("a misspelled key")},
    )):  # fmt: skip
        config = scene.configure(credential=credential)
        told = CliRunner(env=scene.env).invoke(cli, ["check", "--config", str(config)])
        assert told.exit_code != 0, (credential, told.output)
        scene.see("what check says", told.output + repr(told.exception))
        if number in (0, 3):
            gate.hangup()
            eventually(lambda: gate.status()["problem"], "the problem is shown")
            scene.see("what status says", json.dumps(gate.status()))
            good = scene.configure(credential={"bearer": file("static", scene.text("static"))})
            gate.hangup()
            eventually(lambda: not gate.status()["problem"], f"{good} is good")
    scene.configure(credential={"bearer": file("static", scene.text("static"))})


def verbs(scene: Scene) -> None:
    """What people ask on the command line."""
    config, state = str(scene.gate.config), str(scene.lab.state)
    journal = str(scene.lab.state / "journal")
    exchange = scene.gate.journal("echo")[0]["exchange"]
    for words in (
        ["policy", "explain", exchange, "--journal", journal, "--config", config],
        ["token", "revoke", "--config", config, "--issuer", "login", "--subject", "ada"],
        ["check", "--config", config],
        ["check", "--online", "--config", config],
        ["status", "--config", config],
        ["status", "--config", config, "--format", "json"],
        ["token", "list", "--state", state],
        ["session", "rotate", "--config", config],
        ["policy", "explain", "--config", config, "--as", "token:ci", "--route", "static", "--name", "x"],
        ["policy", "replay", journal, "--config", config],
        ["policy", "definitions", "--config", config],
        ["policy", "held", "--config", config],
        ["probe", scene.provider_url, "--trust", str(scene.lab.ca_file)],
        ["explain", "upstream.echo"],
        ["token", "revoke", "ci", "--state", state],
        ["token", "revoke", scene.good, "--state", state],
    ):
        told = CliRunner(env=scene.env).invoke(cli, words)
        scene.see(f"mcpgate {words[0]}", told.output + repr(told.exception))
    scene.see("what status says", json.dumps(scene.gate.status()))


def crash(scene: Scene) -> None:
    """A worker is killed while it is busy, and its successor serves."""
    worker = scene.gate.workers()[0]
    os.kill(worker["process"], signal.SIGKILL)
    def replaced() -> bool:
        workers = scene.gate.workers()
        serve = all(one["state"] == "serves" for one in workers)
        return serve and worker["process"] not in [one["process"] for one in workers]

    eventually(replaced, "another serves")
    scene.post("/static", call("get_text"), token=scene.good)


def bug(scene: Scene, loop: Loop, directory: Path) -> None:
    """A gate with a fault, before a request is forwarded and while its answer is judged."""
    told: list[str] = []

    def listen(event: Any) -> None:
        told.append(eventAsText(event))

    secret = directory / "secret"
    secret.write_text(scene.canaries.new("shown by a gate with a bug"))
    secret.chmod(0o600)
    globalLogPublisher.addObserver(listen)
    try:
        with started(loop, directory, upstream=f'credential = {{ bearer = "file:{secret}" }}') as world:
            scene.canaries.new("a token of a gate with a bug", world.token)
            for place in ("mcpgate.relay.exchange.ask", "mcpgate.relay.exchange.parse"):
                with patch(place, side_effect=RuntimeError("a bug")), world.caller() as caller:
                    caller.post(call("get_x"))
                    try:
                        scene.see("the answer of a gate with a bug", repr(caller.answer()))
                    except (EOFError, OSError):
                        pass
            scene.see("the journal of a gate with a bug", json.dumps(world.records()))
            assert any("a bug" in one for one in told)
    finally:
        globalLogPublisher.removeObserver(listen)
    scene.see("the log of a gate with a bug", "\n".join(told))


def test_there_are_fifty_of_them_and_they_were_in_use(scene: Scene) -> None:
    """Positive controls: upstreams and providers were shown theirs, and what is sought can be found."""
    assert len(scene.canaries.texts) >= 50
    shown = b"".join(request.head + request.body for request in scene.upstream.requests)
    asked = b"".join(request.head + request.body for request in scene.provider.requests)
    assert {"static", "basic", "mapped", "a secret of the environment", "a token that was granted, 0"} <= set(
        scene.canaries.found(shown)
    )
    assert {"client secret", "actor", "a secret of systemd's", "an opaque token"} <= set(
        scene.canaries.found(asked)
    )
    assert "session key 0" in scene.canaries.found(scene.seen["its own file"])
    assert "a granted token" in scene.canaries.found(scene.seen["what its caller was granted"])
    kinds = {record["type"] for record in scene.gate.journal()}
    assert {"open", "close", "handshake", "echo"} <= kinds
    wheres = {record["where"] for record in scene.gate.journal("echo")}
    assert wheres >= {"a message", "headers", "a body that is no message", "what stands around messages"}
    assert b"shows the credential" in scene.seen["the log"]


def test_upstreams_never_see_a_callers_proof(scene: Scene) -> None:
    shown = b"".join(request.head + request.body for request in scene.upstream.requests)
    theirs = {"static", "basic", "mapped", "a secret of the environment", "a pair in Base64"}
    theirs |= {name for name in scene.canaries.texts if name.startswith("a token that was granted")}
    assert set(scene.canaries.found(shown)) <= theirs


def test_nobody_sees_any_of_them(scene: Scene) -> None:
    """In none of all that clients, the command line, logs, the journal and other files have shown."""
    allowed = {
        "its own file": {"session key 0", "session key 1"},
        "what its caller was granted": {"a granted token"},
    }
    found = {
        where: set(scene.canaries.found(seen)) - allowed.get(where, set())
        for where, seen in scene.seen.items()
    }
    assert {where: names for where, names in found.items() if names} == {}
    assert len(scene.seen) > 15
