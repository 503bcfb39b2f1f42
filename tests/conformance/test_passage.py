"""How a client is told the way through the gate."""

from __future__ import annotations

import pytest

from tests.conformance.passage import Passage

PASSAGE = Passage("https://localhost:8443/initialize-2025-11-25", "secret", "/lab/ca.pem", "/lab/0.sock")


def test_it_is_told_in_the_environment() -> None:
    """The suite hands its own environment on to the client."""
    assert Passage.from_environment({"PATH": "/bin", **PASSAGE.to_environment()}) == PASSAGE


def test_a_client_that_is_told_nothing_calls_the_suite() -> None:
    """That is the run without the gate."""
    assert Passage.from_environment({"SSL_CERT_FILE": "/lab/ca.pem"}) is None


@pytest.mark.parametrize(("path", "last"), [("", "root"), ("/", "root"), ("/mcp", "mcp")])
def test_the_path_of_the_suites_url_has_a_route(path: str, last: str) -> None:
    """So that the suite's server is called by the path that it expects."""
    assert PASSAGE.through(f"http://localhost:40123{path}") == f"{PASSAGE.gate}/{last}"


def test_a_path_that_nobody_thought_of_is_an_error() -> None:
    """Not a request to another path than the suite meant."""
    with pytest.raises(KeyError):
        PASSAGE.through("http://localhost:40123/other")
