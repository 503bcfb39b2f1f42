"""The lab of each test, and one real MCP server for all of them."""

from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mcpgate.testing import LocalCA
from tests.e2e.lab import GateProcess, Lab, McpServer
from tests.e2e.providers import Providers


@pytest.fixture(scope="session")
def ca() -> LocalCA:
    """The CA of everything in a session that has no reason for one of its own."""
    return LocalCA.create("mcpgate tests", datetime.now(UTC))


@pytest.fixture
def lab(tmp_path: Path, ca: LocalCA) -> Lab:
    """A directory of its own for a gate, with the session's CA."""
    return Lab(tmp_path, ca)


@pytest.fixture(scope="session")
def weather(tmp_path_factory: pytest.TempPathFactory, ca: LocalCA) -> Iterator[McpServer]:
    """The MCP server of C{servers/weather.py} behind TLS; it keeps nothing between sessions."""
    with McpServer(tmp_path_factory.mktemp("weather"), ca) as server:
        yield server


@pytest.fixture(scope="session")
def providers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Providers]:
    """Every OpenID provider of C{servers/providers}; they serve all tests, whose tokens are their own."""
    with Providers(tmp_path_factory.mktemp("providers")) as running:
        yield running


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory, ca: LocalCA, weather: McpServer) -> Iterator[GateProcess]:
    """A gate before that server, pinned to it, for the tests of one file that do not change it."""
    lab = Lab(tmp_path_factory.mktemp("gate"), ca)
    with lab.gate(upstream={"url": weather.url, "pins": [weather.pin]}) as running:
        yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows what the gates that run wrote."""
    report = yield
    if report.failed:
        for gate in GateProcess.running:
            report.sections.append((f"log of the gate {gate.config}", gate.log()[-8000:]))
    return report
