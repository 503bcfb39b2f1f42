"""A browser without a window: C{http.client} over the standard library's TLS, and a cookie jar."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

from attrs import frozen

from tests.waiting import PATIENCE


@frozen
class Answer:
    """What a browser was answered."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def csrf(self) -> str:
        """What forms of this page say."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.body)
        assert found, self.body
        return found[1]


class Browser:
    """Somebody's browser, or a program: it keeps the cookies that it is given."""

    def __init__(
        self,
        authority: Path,
        port: int,
        *,
        client: tuple[Path, Path] | None = None,
        source: str = "127.0.0.1",
        name: str = "localhost",
        said_port: int | None = None,
    ) -> None:
        """
        @param authority: the CA that it trusts.
        @param client: a certificate to log in with, and its key.
        @param name: by which it knows the dashboard, which is at that C{port} of this machine.
        @param said_port: the port of the URL, where that is another one.
        """
        self.cookies: dict[str, str] = {}
        self.name = name
        self._port = port
        self._said = port if said_port is None else said_port
        self._source = source
        self._context = ssl.create_default_context(cafile=str(authority))
        if client is not None:
            self._context.load_cert_chain(*client)

    @property
    def origin(self) -> str:
        """Where its pages come from."""
        return f"https://{self._host}"

    @property
    def _host(self) -> str:
        return self.name if self._said == 443 else f"{self.name}:{self._said}"

    def ask(self, path: str, body: str | None = None, method: str = "", **headers: str) -> Answer:
        """A request, and its whole answer; underscores in names of headers are hyphens."""
        connection, answer = self.open(path, body, method, **headers)
        try:
            lines = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, lines, answer.read().decode())
        finally:
            connection.close()

    def open(
        self, path: str, body: str | None = None, method: str = "", **headers: str
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """A request, and its answer as far as it has come."""
        connection = http.client.HTTPConnection("127.0.0.1", timeout=PATIENCE)
        raw = socket.create_connection(
            ("127.0.0.1", self._port), PATIENCE, source_address=(self._source, 0)
        )
        connection.sock = self._context.wrap_socket(raw, server_hostname=self.name)
        lines = {"Host": self._host}
        if self.cookies:
            lines["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if body is not None:
            lines["Content-Type"] = "application/x-www-form-urlencoded"
        lines |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method or ("GET" if body is None else "POST"), path, body, lines)
        answer = connection.getresponse()
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = line.partition(";")[0].partition("=")
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return connection, answer

    def send(self, path: str, headers: Mapping[str, str] | None = None, **fields: str) -> Answer:
        """A form, as a page of the dashboard sends it."""
        usual = {"Origin": "null", "Sec_Fetch_Site": "same-origin"}
        return self.ask(path, urlencode(fields), **{**usual, **(headers or {})})

    def redeem(self, secret: str) -> Browser:
        """Log in by a one-time link."""
        answer = self.send("/login", link=secret)
        assert (answer.status, answer.headers["location"]) == (303, "/"), answer
        return self
