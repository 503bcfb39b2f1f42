"""Which values labels may have."""

from __future__ import annotations

from pathlib import Path

from mcpgate.config.load import load_config
from mcpgate.metrics.names import MCP_METHODS, REASONS, Names, known

SAMPLE = Path(__file__).resolve().parents[2] / "etc" / "mcpgate.toml"


def test_names_are_those_of_the_configuration() -> None:
    """Of each kind of table, and the detectors that are built in."""
    config = load_config(SAMPLE)
    names = Names.of(config)
    assert names.routes == {"github", "tickets"}
    assert names.listeners == {table.name for table in config.listeners} != set()
    assert names.of_leg("outbound") == names.upstreams == {table.name for table in config.upstreams}
    assert {table.name for table in config.vaults} <= names.of_leg("provider")
    assert {"card", *(table.name for table in config.detectors)} <= names.detectors


def test_whatever_is_not_known_is_other() -> None:
    """And nothing is none."""
    assert known("tools/call", MCP_METHODS) == "tools/call"
    assert known("tools/Call", MCP_METHODS) == known(["tools/call"], MCP_METHODS) == "other"
    assert known(None, REASONS) == "none"
