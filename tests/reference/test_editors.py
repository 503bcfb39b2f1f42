"""The schema of the configuration for editors."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from attrs import fields
from jsonschema import Draft4Validator

from mcpgate.config.draft import is_open, key_of
from mcpgate.config.load import ConfigError, parse_config
from mcpgate.config.schema import REPEATED, SINGLE
from mcpgate.config.tables.gate import RootTable
from mcpgate.reference.editors import editor_schema
from tests.config.test_load import GOOD

ETC = Path(__file__).resolve().parents[2] / "etc"
SCHEMA: Any = json.loads(editor_schema())
JUDGE = Draft4Validator(SCHEMA)


def marks(text: str) -> list[str]:
    """What an editor marks, by the path of the key."""
    return [".".join(map(str, error.path)) for error in JUDGE.iter_errors(tomllib.loads(text))]


def test_it_is_a_schema() -> None:
    """Of the draft that it names, which is what editors of TOML know."""
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-04/schema#"
    Draft4Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "file",
    [ETC / "mcpgate.toml", *sorted(set(ETC.glob("policies/*.toml")) - set(ETC.glob("policies/*.test.toml")))],
    ids=lambda file: str(file.name),
)
def test_nothing_that_is_shipped_is_marked(file: Path) -> None:
    """The sample with every key, and the ready policies. What other tests find good is not marked, either:
    that is seen to in C{tests/config/conftest.py}."""
    assert marks(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(("kind", "cls"), [("", RootTable), *SINGLE.items(), *REPEATED.items()])
def test_it_has_every_key_with_its_words(kind: str, cls: type) -> None:
    """Its description, and its default; those within a key that is a table as well."""
    shape = SCHEMA["properties"][kind] if kind else SCHEMA
    known(shape["items"] if kind in REPEATED else shape, cls)


def known(shape: Any, cls: type) -> None:
    """Assert that a table's keys are there, and no others allowed."""
    opened = {shape["additionalProperties"]["description"]} if shape["additionalProperties"] else set()
    opened |= {each["description"] for each in shape.get("patternProperties", {}).values()}
    for option in fields(cls):
        if is_open(option):
            assert any(each.startswith(option.metadata["help"]) for each in opened)
            continue
        found = shape["properties"][key_of(option)]
        assert found["description"].startswith(option.metadata["help"])
        if "table" in option.metadata:
            known(found, option.metadata["table"])
        elif isinstance(option.default, int | float | str) and option.default:
            assert option.metadata["form"].read(found["default"], Path("/")) == option.default


@pytest.mark.parametrize(
    ("old", "new", "marked"),
    [
        ('state = "state"', "", ["gate"]),
        ('state = "state"', 'state = ""', ["gate.state"]),
        ('state = "state"', 'stat = "state"', ["gate", "gate"]),
        ('state = "state"', 'state = "state"\ndrain = 30', ["gate.drain"]),
        ('state = "state"', 'state = "state"\ndrain = "30"', ["gate.drain"]),
        ('state = "state"', 'state = "state"\nworkers = 0', ["gate.workers"]),
        ("[[listener]]", "[listener]", ["listener"]),
        ("[[listener]]", "[[listner]]", [""]),
        ('listen = "tcp:8443"', 'listen = "tcp:8443"\nprofile = "old"', ["listener.0.profile"]),
        ('listen = "tcp:8443"', 'listen = "tcp:8443"\nrequire_pq = "yes"', ["listener.0.require_pq"]),
        ("https://git", "http://git", ["upstream.0.url"]),
        ('upstream = "git"', 'upstream = "the git"', ["route.0.upstream"]),
        ("pins = [", "pins = [ 'sha256/short',", ["upstream.0.pins.0"]),
        ('"list_*"]', "5]", ["rule.0.on.name"]),
        ('verdict = "allow"', 'verdict = "alow"', ["rule.0.verdict"]),
        ('verdict = "allow"', 'verdict = "allow"\nmask = []', ["rule.0.mask"]),
        ('verdict = "allow"', 'verdict = "allow"\nwhere = { "a.b" = { mim = 1 } }', ["rule.0.where.a.b"]),
        ('verdict = "allow"', 'verdict = "allow"\nrequire = { "inbound.pq" = true }', ["rule.0.require"]),
    ],
)
def test_what_an_editor_can_see_is_marked(old: str, new: str, marked: list[str]) -> None:
    """Where it stands; and the gate refuses it as well."""
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    assert marks(text) == marked
    with pytest.raises(ConfigError):
        parse_config(text.encode(), Path("/etc/mcpgate/mcpgate.toml"))
