"""The client of the TypeScript SDK's second version works through the gate, in both eras."""

from uuid import uuid4

import pytest

from tests.e2e.lab import GateProcess, McpServer
from tests.e2e.story import Story, check, check_turned_away
from tests.e2e.typescript import told

MODES = ("legacy", "2026-07-28", "auto")


@pytest.mark.parametrize("mode", MODES)
def test_it_lists_calls_reads_and_streams(gate: GateProcess, weather: McpServer, mode: str) -> None:
    """Tools, an answer, progress as it happens, a resource; what is blocked looks unknown."""
    principal = f"typescript-{mode}"
    facts = told(gate, weather.directory / uuid4().hex, gate.issue(principal), "v2.mjs", mode)
    check(Story(**facts), gate, principal, mode)


@pytest.mark.parametrize("mode", MODES)
def test_without_a_token_it_is_told_how_to_get_in(gate: GateProcess, weather: McpServer, mode: str) -> None:
    """The client reports the gate's words."""
    facts = told(gate, weather.directory / uuid4().hex, None, "v2.mjs", mode)
    check_turned_away(facts["failed"], gate)
