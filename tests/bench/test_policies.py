"""What the gates are compared by: rules that are good, and answers in which there is what there should be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mcpgate.config.load import parse_config
from mcpgate.policy.masks import Masks
from mcpgate.policy.rules import compile_rules
from mcpgate.wire.jsonrpc import Message, parse
from mcpgate.wire.mcp import SERVER
from tests.bench.peers import PEERS, Site
from tests.bench.policies import DETECTORS, POLICIES, SAID, clean, hits
from tests.policy.calling import callers

PIN = "sha256/" + "A" * 43 + "="


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_is_a_good_one_by_which_the_call_passes(tmp_path: Path, name: str) -> None:
    """As many rules as its name says; and it is what the peer of that name runs by."""
    names = {name: tmp_path / f"{name}.pem" for name in ("authority", "chain", "key", "pair")}
    site = Site(directory=tmp_path, port=1, upstream=2, pin=PIN, packages=tmp_path / "venv", **names)
    PEERS[name].command(site)
    config = parse_config((tmp_path / "mcpgate.toml").read_bytes(), tmp_path / "mcpgate.toml")
    count = {"200-rules": 200, "10-detectors": 2}.get(name, 1)
    assert len(config.rules) == count
    assert bool(config.budgets) is (name == "1-budget")
    here = callers(compile_rules(config.rules)).at("mcp")
    assert [rule.name for rule in here.allows if rule.matches("tools/call", "echo")] == ["call-echo"]
    assert not any(rule.matches("tools/call", "echo") for rule in (*here.blocks, *here.holds))
    masks = [rule.name for rule in here.masks if rule.matches("tools/call", "echo")]
    assert masks == (["mask"] if name == "10-detectors" else [])


def answer(result: bytes) -> tuple[Message, bytes]:
    raw = b'{"jsonrpc":"2.0","id":1,"result":%b}' % result
    message = parse(raw)
    assert isinstance(message, Message)
    return message, raw


def test_the_answers_are_as_large_as_they_should_be_and_hold_what_they_should() -> None:
    """Ten detectors find nothing in one and twenty values in the other."""
    masks = Masks.compile(mask=frozenset(DETECTORS))
    assert len(DETECTORS) == 10
    message, raw = answer(clean())
    assert len(clean()) == 2048
    assert masks.apply(message, raw, sender=SERVER, asked="tools/call") is None
    message, raw = answer(hits())
    assert 200_000 <= len(hits()) <= 205_000
    masked = masks.apply(message, raw, sender=SERVER, asked="tools/call")
    assert masked is not None and sum(masked.counts.values()) == 20  # type: ignore[union-attr]
    assert masked.raw.count(json.dumps(SAID).encode()) == 1  # type: ignore[union-attr]
