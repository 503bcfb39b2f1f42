"""The examples of the documentation, as applications of somebody else: under C{twist} and as plain scripts.

Each is called by the official Python client, over real TLS; the service and the resource before an MCP server
that remembers what came, the endpoint before one that tells what was negotiated.
"""

import asyncio
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from mcpgate.identity.issued import TokenFile
from mcpgate.testing import Evidence, FakeUpstream, LocalCA, certificate_pem, write_pair
from tests.e2e.lab import ROOT, free_port
from tests.waiting import eventually

EXAMPLES = ROOT / "docs" / "examples"
PROGRAMS = ("twist", "python")


class Application:
    """A directory with certificates, an upstream, a token and a configuration; an example that runs there."""

    def __init__(self, directory: Path, ca: LocalCA) -> None:
        self.directory = directory
        self.state = directory / "state"
        self.state.mkdir(mode=0o700)
        (directory / "tls").mkdir()
        (directory / "ca.pem").write_bytes(certificate_pem(ca.certificate))
        pair = ca.server(["localhost"], datetime.now(UTC))
        write_pair(pair, directory / "tls" / "gate.crt", directory / "tls" / "gate.key")
        _, self.token = TokenFile(self.state / "tokens.json").issue("app", 3600, time.time())
        self.port = free_port()
        self.listen = f"mcptls:modern:tcp:{self.port}:interface=127.0.0.1:certificates={directory / 'tls'}"

    def configure(self, upstream: FakeUpstream, *listener: str) -> None:
        """Write C{gate.toml}, with a listener like that."""
        lines = (
            "[gate]",
            f'state = "{self.state}"',
            "[[listener]]",
            'name = "door"',
            *listener,
            "[[upstream]]",
            'name = "files"',
            f'url = "{upstream.url}"',
            f'trust = "{self.directory / "ca.pem"}"',
            f'pins = ["{upstream.pin}"]',
            "[[route]]",
            'path = "/files"',
            'upstream = "files"',
            "[[rule]]",
            'name = "reading"',
            'on = { method = "tools/call", name = "read_*" }',
            'verdict = "allow"',
        )
        (self.directory / "gate.toml").write_text("\n".join(lines) + "\n")

    @contextmanager
    def running(self, program: str, example: str, **options: str) -> Iterator[None]:
        """An example, until the block ends; it must have ended in good order then."""
        if program == "twist":
            pairs = [word for name, value in options.items() for word in (f"--{name}", value)]
            command = [sys.executable, "-m", "twisted", example.replace("_", "-"), *pairs]
        else:
            command = [sys.executable, str(EXAMPLES / f"{example}.py"), *options.values()]
        path = os.pathsep.join(filter(None, [str(EXAMPLES), os.environ.get("PYTHONPATH", str(ROOT))]))
        with (self.directory / "log").open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=self.directory,
                env={**os.environ, "PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            eventually(lambda: self.listens(process), "it listens", 30)
            yield
            process.terminate()
            process.wait(20)
        except BaseException as error:
            error.add_note(f"what the application wrote:\n{self.log()}")
            raise
        finally:
            process.kill()
            process.wait()
        assert "Traceback" not in self.log(), self.log()

    def listens(self, process: "subprocess.Popen[bytes]") -> bool:
        """Whether somebody accepts."""
        assert process.poll() is None, "the application ended"
        try:
            socket.create_connection(("127.0.0.1", self.port), 5).close()
        except ConnectionRefusedError:
            return False
        return True

    def log(self) -> str:
        """What it wrote so far."""
        return (self.directory / "log").read_text()

    def call(self, place: str, tool: str, **arguments: str) -> str:
        """Call a tool, as the official client does; its answer, or what the client was told instead."""
        trust = ssl.create_default_context(cafile=str(self.directory / "ca.pem"))
        headers = {"Authorization": f"Bearer {self.token}"}

        async def tell() -> str:
            url = f"https://localhost:{self.port}{place}"
            async with (
                httpx2.AsyncClient(verify=trust, headers=headers) as http,
                Client(streamable_http_client(url, http_client=http)) as client,
            ):
                try:
                    answer = await client.call_tool(tool, arguments)
                except MCPError as error:
                    return str(error)
                return str(answer.content[0].text)

        return asyncio.run(tell())


@pytest.fixture
def application(tmp_path: Path, ca: LocalCA) -> Application:
    return Application(tmp_path, ca)


@pytest.fixture(scope="module")
def upstream(ca: LocalCA) -> Iterator[FakeUpstream]:
    tools: dict[str, Callable[..., str]] = {
        "read_file": lambda path: f"what is in {path}",
        "delete_file": lambda path: f"{path} is gone",
    }
    with FakeUpstream(ca, tools) as upstream:
        yield upstream


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_service(program: str, application: Application, upstream: FakeUpstream) -> None:
    """A gate beside whatever the application has; it hears of each call once that is recorded."""
    listen = f'listen = "tcp:{application.port}:interface=127.0.0.1"'
    application.configure(upstream, listen, f'certificates = "{application.directory / "tls"}"')
    with application.running(program, "gated_service", config="gate.toml"):
        assert application.call("/files", "read_file", path="plan.txt") == "what is in plan.txt"
        eventually(lambda: "completed" in application.log(), "the application has heard of it")


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_resource(program: str, application: Application, upstream: FakeUpstream) -> None:
    """A route among an application's own pages, with the rules and the records of the gate."""
    public = f'public_url = "https://localhost:{application.port}"'
    application.configure(upstream, 'listen = "embedded"', public)
    before = len(upstream.called("delete_file"))
    with application.running(program, "gated_site", config="gate.toml", listen=application.listen):
        assert application.call("/files", "read_file", path="plan.txt") == "what is in plan.txt"
        assert "delete_file" in application.call("/files", "delete_file", path="plan.txt")
        trust = ssl.create_default_context(cafile=str(application.directory / "ca.pem"))
        with httpx2.Client(verify=trust) as http:
            assert http.get(f"https://localhost:{application.port}/").text == "a page of my own\n"
    assert len(upstream.called("delete_file")) == before
    evidence = Evidence.read(application.state)
    calls = [one for one in evidence.exchanges() if one.opened.get("method") == "tools/call"]
    assert [(one.outcome, one.reason) for one in calls] == [
        ("completed", None),
        ("refused", "policy.unlisted"),
    ]
    inbound = {record["id"]: record for record in evidence.find("handshake", leg="inbound")}
    assert all(inbound[one.opened["inbound"]]["handshake"]["version"] == "TLSv1.3" for one in calls)


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_endpoint(program: str, application: Application) -> None:
    """A server that knows nothing of TLS, behind the profile; it can ask what was negotiated."""
    with application.running(program, "profiled_server", listen=application.listen):
        assert application.call("/", "negotiated").startswith("TLSv1.3 TLS_")
        context = ssl.create_default_context(cafile=str(application.directory / "ca.pem"))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with (
            socket.create_connection(("127.0.0.1", application.port), 20) as raw,
            pytest.raises(ssl.SSLError),
        ):
            context.wrap_socket(raw, server_hostname="localhost")
        eventually(lambda: "tls.version" in application.log(), "the log says why")
