"""Real OpenID providers, C{oidc-provider} and C{oauth2-mock-server}, in the shapes of the well-known ones.

    with Providers(directory) as providers:
        github = providers["github-actions"]
        token = github.mint({"aud": url, "repository": "acme/deploy"})

Each has its real name (C{token.actions.githubusercontent.com}), a TLS port of its own on this machine and a
certificate of its own CA. A gate reaches it by C{address} (L{Provider.table}); a client that knows nothing of
this by the environment of L{Providers.env}: a proxy, as companies have one, and the CAs to trust.

What they look like is in C{servers/providers/shapes.mjs}.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, Self

from joserfc.jwk import ECKey

from mcpgate.testing import LocalCA, certificate_pem, write_pair
from tests.e2e.lab import SERVERS, Table
from tests.e2e.node import PACKAGES, node

PROGRAM = SERVERS / "providers" / "main.mjs"

#: Clients that the genuine ones know: with a secret, one whose tokens are bound to its certificate, and one
#: whose tokens are opaque.
CI = {"client_id": "ci", "client_secret": "a-secret-of-the-ci-that-nobody-else-knows"}
BOUND = {"client_id": "bound", "client_secret": "another-secret-of-one-with-a-certificate"}
OPAQUE = {"client_id": "opaque", "client_secret": "the-secret-of-one-whose-tokens-say-nothing"}
#: And one that signs, with the key in C{signing.key}.
SIGNING = "signing"
#: A page on which people log in, and where they are sent back to.
DASHBOARD = {"client_id": "dashboard", "client_secret": "the-secret-of-a-page-where-people-log-in"}
DASHBOARD_URL = "https://dashboard.example.com"

#: Entra's: ours, one that we work with, somebody else's, and the application.
TENANT = "9f4f1c5e-0d1b-4d0e-9a41-6f3f7f0f7a01"
PARTNER_TENANT = "4c1f9e77-3b2a-4d5c-8e6f-7a8b9c0d1e03"
OTHER_TENANT = "0b7d2c88-5a6e-4f43-8f55-1d9c3a9b6e02"
APPLICATION = "5c6e0f3a-7d2b-4c15-9e0a-2f8b1a6d4c03"

#: The names that have to have a certificate before the process says which there are.
HOSTS: Mapping[str, Sequence[str]] = {
    "standard": ("id.example.com",),
    "okta": ("acme.okta.com",),
    "entra-v2": ("login.microsoftonline.com",),
    "entra-common": ("login.microsoftonline.com",),
    "entra-v1": ("sts.windows.net", "login.microsoftonline.com"),
    "google": ("accounts.google.com", "www.googleapis.com", "oauth2.googleapis.com"),
    "github-actions": ("token.actions.githubusercontent.com",),
    "gitlab": ("gitlab.com",),
    "foreign": ("foreign.example.com",),
}


class Provider:
    """One of them, by its name in C{shapes.mjs}."""

    def __init__(self, providers: Providers, name: str, issuer: str, port: int) -> None:
        self._providers = providers
        self.name = name
        self.issuer = issuer
        self.port = port

    @property
    def ca_file(self) -> Path:
        """The certificate of its own CA."""
        return self._providers.directory / f"{self.name}.ca"

    def table(self, **more: object) -> Table:
        """An C{[[issuer]]} for it, without preset; C{None} takes a key away."""
        usual = {
            "name": self.name,
            "issuer": self.issuer,
            "address": f"127.0.0.1:{self.port}",
            "trust": str(self.ca_file),
        }
        return {key: value for key, value in {**usual, **more}.items() if value is not None}

    def mint(
        self,
        claims: Mapping[str, Any] | None = None,
        *,
        header: Mapping[str, Any] | None = None,
        lifetime: int | None = None,
    ) -> str:
        """A token as it usually issues them, with these claims and header keys changed (C{None}: gone)."""
        more = {} if lifetime is None else {"lifetime": lifetime}
        text = self._tell("mint", claims=claims or {}, header=header or {}, **more)
        assert isinstance(text, str)
        return text

    def rotate(self, *, keep: bool = True) -> str:
        """Sign with a new key from now on, and publish the old ones, too, if they are to be kept; its kid."""
        kid = self._tell("rotate", keep=keep)
        assert isinstance(kid, str)
        return kid

    def publish(self, keys: bytes) -> None:
        """Publish these as its keys, whatever they are; what signs is then somebody else's to have. Only
        C{oauth2-mock-server} does so."""
        self._tell("publish", text=keys.decode())

    def off(self) -> None:
        """Be gone: connections are dropped, and nobody listens any more."""
        self._tell("off")

    def on(self) -> None:
        """Be back, on the same port."""
        self._tell("on")

    def slow(self, milliseconds: int) -> None:
        """Take so long for each answer."""
        self._tell("slow", milliseconds=milliseconds)

    def asked(self) -> Mapping[str, int]:
        """How often it was asked for each path."""
        counts: Mapping[str, int] = self._tell("asked")
        return counts

    def _tell(self, command: str, **given: object) -> Any:
        return self._providers.tell(command, self.name, **given)


class Providers:
    """The process with all of them, from C{with} until its end."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._lock = Lock()
        self._log = directory / "providers.log"
        now = datetime.now(UTC)
        for name, hosts in HOSTS.items():
            ca = LocalCA.create(f"the CA of {name}", now)
            (directory / f"{name}.ca").write_bytes(certificate_pem(ca.certificate))
            write_pair(ca.server(hosts, now), directory / f"{name}.crt", directory / f"{name}.key")
        client = {
            "grant_types": ["client_credentials"],
            "redirect_uris": [],
            "response_types": [],
            "token_endpoint_auth_method": "client_secret_basic",
        }
        clients = [{**client, **CI}, {**client, **BOUND, "tls_client_certificate_bound_access_tokens": True}]
        key = ECKey.generate_key("P-256")
        (directory / f"{SIGNING}.key").write_bytes(key.as_pem(private=True))
        (directory / f"{SIGNING}.key").chmod(0o600)
        signing = {
            "client_id": SIGNING,
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_signing_alg": "ES256",
            "jwks": {"keys": [key.as_dict(private=False)]},
        }
        page = {
            **DASHBOARD,
            "grant_types": ["authorization_code"],
            "redirect_uris": [f"{DASHBOARD_URL}/login/callback"],
            "response_types": ["code"],
        }
        clients += [{**client, **OPAQUE}, {**client, **signing}, {**client, **page}]
        (directory / "clients.json").write_text(json.dumps(clients), encoding="utf-8")

    def __getitem__(self, name: str) -> Provider:
        return self._all[name]

    @property
    def proxy(self) -> str:
        """The URL of the proxy by which clients find them."""
        return f"http://127.0.0.1:{self._proxy}"

    def env(self, *more: Path) -> dict[str, str]:
        """The environment by which an official client finds them, and trusts them and C{more}."""
        bundle = self.directory / "trusted.pem"
        files = [provider.ca_file for provider in self._all.values()] + list(more)
        bundle.write_bytes(b"".join(path.read_bytes() for path in files))
        ours = "localhost,127.0.0.1"
        return {
            "SSL_CERT_FILE": str(bundle),
            "NODE_EXTRA_CA_CERTS": str(bundle),
            "NODE_USE_ENV_PROXY": "1",
            **{name: self.proxy for name in ("HTTPS_PROXY", "https_proxy")},
            **{name: ours for name in ("NO_PROXY", "no_proxy")},
        }

    def log(self) -> str:
        """What the process complained of."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def tell(self, command: str, of: str, **given: object) -> Any:
        """One command, and its answer."""
        with self._lock:
            self._write({"command": command, "of": of, **given})
            answer = self._read()
        assert "failed" not in answer, answer
        return answer["answer"]

    def _write(self, line: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line).encode() + b"\n")
        self._process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the providers have ended: {self.log()}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [node(), str(PROGRAM), str(self.directory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={"NODE_PACKAGES": str(PACKAGES), "NO_COLOR": "1"},
            )
        try:
            ready = self._read()
        except BaseException:
            self.__exit__()
            raise
        self._proxy = ready["proxy"]
        self._all = {
            name: Provider(self, name, one["issuer"], one["port"]) for name, one in ready["providers"].items()
        }
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
