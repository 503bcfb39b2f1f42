"""A gate with all that issue of evidence has in it, and secrets in every place where one can stand.

Callers, upstreams, a provider, the receiver of alerts and the people at the dashboard each have theirs; some
are in certificates and files. What came of it is collected by C{tests.e2e.surfaces}.
"""

from __future__ import annotations

import base64
import json
import socket
import ssl
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from mcpgate.testing import LocalCA, TLSPeer, write_pair
from mcpgate.tls.material import Pair
from tests.e2e.canaries import Canaries
from tests.e2e.lab import RUN, GateProcess, Lab, free_port
from tests.e2e.leaking import NAMES, leak
from tests.e2e.marked import marked
from tests.e2e.recording import Received, RecordingUpstream, answer
from tests.waiting import PATIENCE

LEGACY = "2025-11-25"

BOTH = ["request", "answer"]


class Planted:
    """The gate, those around it, and what is to be seen nowhere (C{secrets}) or is on record on purpose
    (C{shown}); C{heard} is what the gate's answers were, by what was asked."""

    def __init__(self, directory: Path, ca: LocalCA) -> None:
        self.secrets = Canaries()
        self.shown = Canaries()
        self.lab = Lab(directory, ca)
        self.port = free_port()
        self.admin_port = free_port()
        self.tmp = directory / "tmp"
        self.tmp.mkdir()
        self.copies = directory / "copies"
        self.copies.mkdir()
        self.heard: dict[str, bytes] = {}
        self.alerts: list[bytes] = []
        self.datagrams: list[bytes] = []
        self._stack = ExitStack()
        self.log = self._stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.log.bind(("127.0.0.1", 0))
        self.log.setblocking(False)
        server = self.pair("upstream", ["localhost"])
        self.upstream = self._stack.enter_context(RecordingUpstream(server, self.reply))
        self.provider = self._stack.enter_context(RecordingUpstream(server, self.provide))
        self.hook = self._stack.enter_context(RecordingUpstream(server, self.alerted))
        self.auditor = directory.parent / f"{directory.name}-auditor.key"
        done = self.lab.command("evidence", "auditor", "new", "--out", self.auditor)
        assert done.returncode == 0, done.stderr
        public = self.auditor.with_name(f"{self.auditor.name}.pub.pem")
        (directory / "auditor.pem").write_bytes(public.read_bytes())
        self.secrets.new("the auditor's private key", self.auditor.read_text().splitlines()[1])
        self.gate: GateProcess

    def close(self) -> None:
        self._stack.close()

    def new(self, name: str) -> str:
        return self.secrets.new(name)

    def file(self, name: str, text: str) -> str:
        """A secret in a file, by reference."""
        path = self.lab.directory / name
        path.touch(mode=0o600)
        path.write_text(text)
        return f"file:{path}"

    def pair(self, name: str, hosts: list[str], *, client: bool = False) -> Pair:
        """A pair with secrets in its extensions."""
        return marked(self.lab, name, hosts, self.secrets, self.shown, client=client)

    def written(
        self, name: str, hosts: list[str], directory: Path, *, client: bool = False
    ) -> tuple[Path, Path]:
        """A pair in files that somebody has commented, as C{openssl pkcs12} does."""
        place = directory / f"{name}.crt", directory / f"{name}.key"
        write_pair(self.pair(name, hosts, client=client), *place)
        for path in place:
            text = path.read_text()
            path.write_text(
                f"Bag Attributes\n    friendlyName: {self.new(f'in the text of {path.name}')}\n{text}"
            )
        self.secrets.new(f"the private key of {name}", place[1].read_text().splitlines()[4])
        return place

    # The others.

    def reply(self, peer: TLSPeer, request: Received) -> None:
        """The upstream."""
        leak(self.secrets.texts, peer, request)

    def provide(self, peer: TLSPeer, request: Received) -> None:
        """The provider by which people log in; it says what it was told."""
        path, here = request.head.split(b" ")[1], f"https://localhost:{self.provider.port}"
        if path.startswith(b"/token"):
            said = (request.head + request.body).decode("latin-1")
            error = {"error": said[:200], "error_description": said}
            return peer.send(answer(json.dumps(error).encode(), status="400 Bad"))
        places = {"authorization_endpoint": f"{here}/login", "token_endpoint": f"{here}/token"}
        document = {"issuer": here, "jwks_uri": f"{here}/keys", **places}
        document |= {"response_types_supported": ["code"], "id_token_signing_alg_values_supported": ["ES256"]}
        document |= {"subject_types_supported": ["public"]}
        peer.send(answer(json.dumps({"keys": []} if path == b"/keys" else document).encode()))

    def alerted(self, peer: TLSPeer, request: Received) -> None:
        """Whoever is told; once it fails, and says what it was told."""
        self.alerts.append(request.body)
        if len(self.alerts) == 1:
            said = request.head.decode("latin-1")
            place = said.split(" ")[1]
            return peer.send(answer(said.encode(), f"x-said: {place}", status=f"500 {place}"))
        peer.send(answer(b"", status="204 No Content"))

    # The gate.

    def configure(self, *, index: str = "sqlite", **gate: Any) -> Path:
        """Its configuration."""
        lab, here = self.lab, f"https://localhost:{self.provider.port}"
        local = "127.0.0.1"
        rules = [
            {"name": "all", "verdict": "allow"},
            {"name": "never", "on": {"name": "delete_*"}, "verdict": "block"},
            {
                "name": "four-eyes",
                "on": {"name": ["hold_*", "https://shown.example/held*"]},
                "verdict": "hold",
                "wait": "60s",
            },
            {
                "name": "no-mail",
                "on": {"method": "tools/call", "direction": BOTH},
                "mask": ["email", "masked"],
            },
            {"name": "no-keys", "on": {"direction": BOTH}, "block": ["stopped"]},
            {
                "name": "paths",
                "on": {"name": "path_*"},
                "where": {"arguments.path": "/tmp/*"},
                "verdict": "block",
            },
            {"name": "kept", "on": {"method": "tools/call", "name": "get_*"}, "record": "masked"},
        ]
        more = {
            "detector": [
                {"name": "masked", "regex": "Cnry-[A-Za-z0-9_-]+Mask"},
                {"name": "stopped", "regex": "Cnry-[A-Za-z0-9_-]+Stop"},
            ],
            "issuer": [
                {"name": "login", "issuer": here, "trust": str(lab.ca_file), "max_lifetime": "1h"},
            ],
            "alert": [
                {
                    "name": "ops",
                    "webhook": f"file:{lab.directory / 'hook'}",
                    "secret": f"file:{lab.directory / 'hook-secret'}",
                    "secret_as": "signature",
                    "trust": str(lab.ca_file),
                },
                {"name": "siem", "syslog": f"{local}:{self.log.getsockname()[1]}"},
            ],
        }
        upstream = {
            "name": self.shown.texts["an upstream"],
            "port": self.upstream.port,
            "credential": {"bearer": f"file:{lab.directory / 'credential'}"},
            "client_certificate": str(lab.directory / "shown.crt"),
            "client_key": str(lab.directory / "shown.key"),
            "trust": str(lab.directory / "trusted.pem"),
        }
        return lab.config(
            upstream=upstream,
            route={"upstream": self.shown.texts["an upstream"]},
            listener={
                "listen": f"tcp:{self.port}:interface={local}",
                "public_url": f"https://localhost:{self.port}",
                "client_certificates": "optional",
                "client_ca": str(lab.directory / "trusted.pem"),
                "issuers": ["none"],
            },
            rules=rules,
            gate={"workers": 1, **gate},
            limits={"failures": 65535},
            admin={
                "listen": f"tcp:{self.admin_port}:interface={local}",
                "certificates": str(lab.certificates),
                "public_url": f"https://localhost:{self.admin_port}",
                "metrics_token": f"file:{lab.directory / 'metrics'}",
                "issuer": "login",
                "client_id": "dashboard",
                "client_secret": f"file:{lab.directory / 'oidc'}",
                "approvers": ["nobody.example.com"],
            },
            evidence={
                "auditor": str(lab.directory / "auditor.pem"),
                "segment_size": "64KiB",
                "checkpoint_every": "1s",
                "copies": [str(self.copies), f"syslog:{local}:{self.log.getsockname()[1]}"],
                "index": index,
            },
            more=more,
        )

    def start(self) -> None:
        """Begin, with debugging."""
        lab, new = self.lab, self.new
        self.shown.new("an upstream", f"shown-upstream-{id(self):x}")
        for path in lab.certificates.iterdir():
            path.unlink()
        self.written("gate", ["localhost"], lab.certificates)
        self.written("shown", ["gate.example"], lab.directory, client=True)
        self.client = self.written("caller", ["caller.example"], lab.directory, client=True)
        trusted = f"# {new('in the text of the authorities')}\n{lab.ca_file.read_text()}"
        (lab.directory / "trusted.pem").write_text(trusted)
        self.file("credential", new("the upstream's credential"))
        self.file("hook", f"https://localhost:{self.hook.port}/services/{new('in the address of a webhook')}")
        key = base64.b64encode(new("the secret of a webhook").encode()).decode()
        self.file("hook-secret", f"whsec_{key}")
        self.file("metrics", new("the token of the metrics"))
        self.file("oidc", new("the secret at the provider"))
        for name in NAMES:
            new(name)
        for name in ("what is masked in an answer", "what is masked in a request"):
            self.secrets.new(name, f"Cnry-{name.encode().hex()[-12:]}-{id(self):x}Mask")
        self.secrets.new("an address", f"cnry.{id(self):x}.address")
        self.env = {"TMPDIR": str(self.tmp)}
        config = self.configure()
        self.gate = lab.gate(config, env=self.env, program=(*RUN, "--log-level", "debug"))
        self.token = self.secrets.new(
            "a caller's token", lab.token(self.shown.new("a principal", "shown-principal"))
        )
        self.gate.token = self.token
        self.gate.start()
        key = json.loads((lab.state / "evidence-key.json").read_bytes())
        self.shown.new("the name of the gate", key["gate"])
        self.secrets.new("the key of evidence", key["key"])

    # The callers.

    def ask(
        self, body: object, *lines: str, path: str = "/mcp", method: str = "POST", token: str = ""
    ) -> bytes:
        """One request on a connection of its own."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = [f"{method} {path} HTTP/1.1", f"Authorization: Bearer {token or self.token}"]
        usual = {"Host": "localhost", "Content-Type": "application/json"}
        usual |= {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": LEGACY}
        given = {line.partition(":")[0].lower() for line in lines}
        head += [f"{name}: {value}" for name, value in usual.items() if name.lower() not in given]
        head += [*lines, f"Content-Length: {len(raw)}", "Connection: close", "", ""]
        return self.talk("\r\n".join(head).encode("latin-1") + raw)

    def talk(self, raw: bytes, *, clear: bool = False) -> bytes:
        """Send bytes; what comes of it until the gate ends the connection."""
        context = ssl.create_default_context(cafile=str(self.lab.ca_file))
        context.load_cert_chain(*self.client)
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
        return got

    def listen(self) -> None:
        """What has come to the syslog."""
        while True:
            try:
                self.datagrams.append(self.log.recv(65536))
            except BlockingIOError:
                return
