"""What a person does at the dashboard, in a real browser: they log in, look, decide; in light and in dark,
with a mouse, with a keyboard, and so that nobody is kept out who reads it by a screen reader."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mcpgate.testing import LocalCA
from tests.admin.pages.kept import keep
from tests.e2e.caller import Caller, call
from tests.e2e.dashboard import HOSTILE, PICTURES, admin, at, browsing, filled, traffic
from tests.e2e.driven import Driven
from tests.e2e.held import RULES, calling, the_hold
from tests.e2e.lab import GateProcess, Lab, McpServer
from tests.waiting import PATIENCE, eventually

#: Pages that need nothing in their path, and what each says once there was traffic.
PAGES = {
    "/": "Exchanges over time",
    "/ciphers": "The same as a table",
    "/certificates": "in force",
    "/sessions": "Newest first",
    "/exchanges": "delete_all",
    "/refused": "tls.plaintext",
    "/held": "Waiting now",
    "/definitions": "changed",
    "/definition?upstream=weather&tool=get_time": "under another key",
    "/definition/accept?upstream=weather&tool=get_time&word=accept&fingerprint=": "Accept it",
    "/configuration": "generation 1",
    "/search?q=delete": "delete_all",
}


@pytest.fixture(scope="module")
def prints(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return []


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory, ca: LocalCA, weather: McpServer) -> Iterator[GateProcess]:
    lab = Lab(tmp_path_factory.mktemp("dashboard"), ca)
    block = {"name": "never-delete", "on": {"method": "tools/call", "name": "delete_*"}, "verdict": "block"}
    with lab.gate(
        upstream={"url": weather.url, "pins": [weather.pin]}, rules=[*RULES, block], admin=admin(lab)
    ) as running:
        traffic(running)
        yield running


@pytest.fixture(scope="module")
def browser(gate: GateProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driven]:
    with browsing(gate, tmp_path_factory.mktemp("browser")) as logged_in:
        yield logged_in
