"""A house that speaks only SAML: its identity provider (C{servers/saml.mjs}), and what its jobs do to call.

    with IdentityProvider(directory, ca) as provider:
        metadata = provider.metadata("old")
        assertion = provider.assertion("old", user="alice@example.org", recipient=url)
"""

from __future__ import annotations

import html
import re
import ssl
import subprocess
from base64 import b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from http.client import HTTPResponse
from pathlib import Path
from typing import Self
from urllib.parse import urlencode
from urllib.request import urlopen

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree

from mcpgate.testing import LocalCA, write_pair
from mcpgate.wire.oauth import SAML_GRANT
from tests.e2e.lab import HOSTS, SERVERS
from tests.e2e.node import PACKAGES, node
from tests.identity.saml.provider import signer

ENTITY = "https://idp.example.org/saml"
MAIL = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"
GROUPS = "http://schemas.xmlsoap.org/claims/Group"
_ASSERTION = "{urn:oasis:names:tc:SAML:2.0:assertion}Assertion"


class IdentityProvider:
    """The process, from C{with} to its end; it may sign with the keys C{old} and C{new}."""

    def __init__(self, directory: Path, ca: LocalCA) -> None:
        self.directory = directory
        write_pair(ca.server(HOSTS, datetime.now(UTC)), directory / "tls.crt", directory / "tls.key")
        for name in ("old", "new"):
            one = signer(f"of a house, {name}")
            (directory / f"{name}.crt").write_bytes(one.certificate.public_bytes(Encoding.PEM))
            key = one.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            (directory / f"{name}.key").write_bytes(key)
        ca.save(directory / "ca.pem", directory / "ca.key")
        self._context = ssl.create_default_context(cafile=directory / "ca.pem")

    def metadata(self, key: str) -> bytes:
        """What it publishes of itself."""
        return self._get("/metadata", key=key)

    def assertion(
        self, key: str, *, user: str, recipient: str, audience: str = "", groups: str = ""
    ) -> bytes:
        """Log in, and take the assertion out of the page that would carry it on, as such clients do."""
        asked = {"key": key, "user": user, "recipient": recipient, "audience": audience or recipient}
        page = self._get("/sso", groups=groups, **asked).decode()
        found = re.search(r'name="SAMLResponse"\s+value="([^"]+)"', page)
        assert found is not None, page
        response = etree.fromstring(b64decode(html.unescape(found[1])))
        return etree.tostring(response.find(_ASSERTION))

    def _get(self, path: str, **query: str) -> bytes:
        url = f"https://localhost:{self._port}{path}?{urlencode(query)}"
        with urlopen(url, context=self._context, timeout=20) as response:
            assert isinstance(response, HTTPResponse)
            return response.read()

    def __enter__(self) -> Self:
        with (self.directory / "saml.log").open("wb") as log:
            self._process = subprocess.Popen(
                [node(), str(SERVERS / "saml.mjs"), str(self.directory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={"NODE_PACKAGES": str(PACKAGES), "NO_COLOR": "1"},
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.__exit__()
            raise AssertionError((self.directory / "saml.log").read_text())
        self._port = int(line)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def form(assertion: bytes) -> bytes:
    """The request for a token (RFC 7522 section 2.1)."""
    encoded = urlsafe_b64encode(assertion).rstrip(b"=").decode()
    return urlencode({"grant_type": SAML_GRANT, "assertion": encoded}).encode()
