"""The schema, and the sample of it that is shipped."""

import re
from pathlib import Path

import pytest
from attrs import fields

from mcpgate.config.draft import key_of
from mcpgate.config.load import load_config, parse_config
from mcpgate.config.schema import REPEATED, SINGLE, Config
from mcpgate.config.tables.gate import GateTable, LimitsTable

SAMPLE = Path(__file__).resolve().parents[2] / "etc" / "mcpgate.toml"


@pytest.mark.parametrize("cls", [*SINGLE.values(), *REPEATED.values()])
def test_every_key_is_explained_and_has_a_form(cls: type) -> None:
    """C{mcpgate explain} has something to say about each, in a sentence."""
    for option in fields(cls):
        assert option.metadata["help"].endswith(".")
        assert ("form" in option.metadata) != ("table" in option.metadata)


def test_the_sample_is_a_good_configuration() -> None:
    """As it is shipped."""
    config = load_config(SAMPLE)
    assert [route.name for route in config.routes] == ["github", "tickets"]


def test_the_sample_shows_every_key() -> None:
    """And a key that is only shown, behind a comment sign, can be switched on as it stands."""
    text = re.sub(r'(?m)^#(?="?[a-z_.]+"? = )', "", SAMPLE.read_text(encoding="utf-8"))
    parse_config(text.encode(), SAMPLE)
    for cls in (*SINGLE.values(), *REPEATED.values()):
        for option in fields(cls):
            key = re.escape(key_of(option)).replace("NAME", "[a-z_]+")
            assert re.search(rf'(?m)^"?{key}"? = ', text), f"{option.name} is not shown"


def test_a_key_that_is_only_shown_differs_from_the_default() -> None:
    """A sample teaches by what somebody would change."""
    text = re.sub(r'(?m)^#(?="?[a-z_.]+"? = )', "", SAMPLE.read_text(encoding="utf-8"))
    shown = parse_config(text.encode(), SAMPLE)
    for table in (shown.limits, shown.gate):
        for option in fields(type(table)):
            assert getattr(table, option.name) != option.default, option.name


def test_a_problem_found_later_has_a_topic_and_a_line_where_there_is_one() -> None:
    """Whether the table has a name in the middle of its path or not."""
    config = Config(
        gate=GateTable(state=Path("/s")),
        limits=LimitsTable(),
        listeners=(),
        upstreams=(),
        routes=(),
        rules=(),
        lines={"gate.state": 2},
    )
    assert str(config.problem("gate.state", "is full")) == "gate.state (line 2): is full"
    assert config.problem("gate.state", "x").topic == "gate.state"
    assert config.problem("upstream.git.credential.bearer", "x").topic == "upstream.credential.bearer"
    assert config.problem("listener", "x").topic == "listener"
