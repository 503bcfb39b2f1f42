"""The client of the TypeScript SDK's first version works through the gate; it knows one era."""

from uuid import uuid4

from tests.e2e.lab import GateProcess, McpServer
from tests.e2e.story import Story, check, check_turned_away
from tests.e2e.typescript import told


def test_it_lists_calls_reads_and_streams(gate: GateProcess, weather: McpServer) -> None:
    """Tools, an answer, progress as it happens, a resource; what is blocked looks unknown."""
    facts = told(gate, weather.directory / uuid4().hex, gate.issue("typescript"), "v1.mjs")
    check(Story(**facts), gate, "typescript", "legacy")


def test_without_a_token_it_is_told_how_to_get_in(gate: GateProcess, weather: McpServer) -> None:
    """The client reports the gate's words."""
    facts = told(gate, weather.directory / uuid4().hex, None, "v1.mjs")
    check_turned_away(facts["failed"], gate)
