"""A page of an origin that is named uses the gate from a real browser; the same page elsewhere cannot.

One server has both: to a browser C{http://localhost:PORT} and C{http://127.0.0.1:PORT} are two origins.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mcpgate.testing import LocalCA
from tests.e2e.browser import PageServer, visited
from tests.e2e.lab import GateProcess, Lab, McpServer

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def pages() -> Iterator[PageServer]:
    with PageServer() as serving:
        yield serving


@pytest.fixture(scope="module")
def gate(
    tmp_path_factory: pytest.TempPathFactory, ca: LocalCA, weather: McpServer, pages: PageServer
) -> Iterator[GateProcess]:
    """A gate that serves the page by one of its two origins."""
    lab = Lab(tmp_path_factory.mktemp("gate"), ca)
    origins = [f"http://localhost:{pages.port}"]
    with lab.gate(upstream={"url": weather.url}, listener={"origins": origins}) as running:
        yield running


def test_a_page_that_is_named_can_use_it(gate: GateProcess, pages: PageServer, tmp_path: Path) -> None:
    """It reads the session, the challenge and every answer, and the SDK works in both eras."""
    told = visited(gate, pages, "localhost", tmp_path / "profile")
    assert told["proved"]["status"] == 200 and told["proved"]["session"]
    assert '"serverInfo"' in told["proved"]["body"]
    assert told["proved"]["date"] is None, "what is not for pages is not exposed to them"
    assert told["unproved"]["status"] == 401
    assert told["unproved"]["challenge"].startswith("Bearer ")
    assert '"auth.missing"' in told["unproved"]["body"]
    assert told["mirrored"]["status"] == 200
    # The preflight did not name it, so the browser never sent the request.
    assert "Failed to fetch" in told["unnamed"]["failed"]
    for era in ("legacy", "modern"):
        assert told[era].get("answer") == "sunny in Oslo", told[era]
        assert set(told[era]["tools"]) >= {"get_weather", "echo"}
    # As for an image; a page never needs it, so this one may not either.
    assert told["unread"] == {"type": "opaque"}
    assert gate.exchange(reason="mcp.origin")["http"] == "GET"
    for one in gate.settled(http="OPTIONS"):
        assert (one["outcome"], one["status"], one["principal"]) == ("completed", 204, None)


def test_the_same_page_of_another_origin_cannot(gate: GateProcess, pages: PageServer, tmp_path: Path) -> None:
    """Though it has a good token: its browser shows it no answer, not even that there was one."""
    told = visited(gate, pages, "127.0.0.1", tmp_path / "profile")
    assert told.pop("unread") == {"type": "opaque"}
    assert {key for one in told.values() for key in one} == {"failed"}, told
    assert "Failed to fetch" in told["proved"]["failed"]
    gate.settled(http="OPTIONS")
    refused = gate.exchanges(detail=f"a page of http://127.0.0.1:{pages.port}")
    # Its browser asked first, and never sent the requests themselves.
    assert {(one["http"], one["reason"]) for one in refused} == {("OPTIONS", "mcp.origin")}
    assert len(gate.settled(http="GET", outbound=None)) >= 1
    assert {one["reason"] for one in gate.exchanges(http="GET", principal=None)} == {"mcp.origin"}
