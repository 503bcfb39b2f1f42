"""C{mcpgate evidence show}, and which journal and which records it and C{follow} are about."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcpgate.evidence.payload import new_pair
from tests.cli.inside import inside
from tests.running import Loop, World, call


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state directory of a gate that has recorded some exchanges, one with its bodies."""
    loop, directory = Loop(), tmp_path_factory.mktemp("shown")
    world = World(loop, directory)
    private, public = new_pair()
    (directory / "auditor.key").write_bytes(private)
    (directory / "auditor.pem").write_bytes(public)
    (directory / "other.key").write_bytes(new_pair()[0])
    rules = '[[rule]]\nname = "on-record"\non = { name = "get_x" }\nrecord = "masked"'
    try:
        world.start(world.config(more=f'[evidence]\nauditor = "{directory}/auditor.pem"\n{rules}'))
        with world.caller() as caller:
            caller.post(call("get_x", note="canary")).answer()
            caller.post(call("get_y")).answer()
            caller.post(call("rm")).answer()
        world.closes(3)
    finally:
        world.stop()
        loop.stop()
    return world.state


def ids(state: Path, *words: str) -> list[str]:
    done = inside("evidence", "show", "--state", state, "--format", "json", *words)
    assert done.returncode == 0, done.stderr
    return [one["opened"]["id"] for one in json.loads(done.stdout)]


def test_exchanges_are_listed_and_picked(state: Path) -> None:
    done = inside("evidence", "show", "--state", state)
    assert done.returncode == 0
    head, *rows = done.stdout.splitlines()
    assert head.split()[:3] == ["began", "id", "principal"] and len(rows) == 3
    every = ids(state)
    assert len(every) == 3
    assert ids(state, "--tool", "get_*") == every[:2]
    assert ids(state, "--last", "1") == every[2:]
    assert ids(state, "--refused") == ids(state, "--reason", "policy.*") == every[2:]
    assert ids(state, "--from", "1h") == every and ids(state, "--to", "1h") == []
    assert ids(state, "--principal", "me") == []


def test_one_is_shown_and_its_bodies_to_the_auditor_alone(state: Path) -> None:
    (id, *_) = ids(state)
    key = state.parent / "auditor.key"
    shown = inside("evidence", "show", id, "--journal", state / "journal", "--key", key)
    assert shown.returncode == 0 and "canary" in shown.stdout
    for words in ("ci asked for tools/call get_x", "inbound leg", "outbound leg", "TLSv1.3", "answer body"):
        assert words in shown.stdout
    for more in ((), ("--key", state.parent / "other.key")):
        hidden = inside("evidence", "show", id, "--state", state, *more)
        assert hidden.returncode == 0 and "canary" not in hidden.stdout
        assert "recorded for" in hidden.stdout
    told = inside("evidence", "show", id, "--state", state, "--key", key, "--format", "json")
    facts = json.loads(told.stdout)
    assert facts["closed"]["status"] == 200 and facts["inbound"]["leg"] == "inbound"
    assert json.loads(facts["bodies"]["request"]["text"])["params"]["arguments"] == {"note": "canary"}
    assert facts["bodies"]["answer"]["cut"] == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("x-unknown",), 66, "nothing in"),
        (("--from", "yesterday"), 64, "is no time"),
        (("--key", "/dev/null"), 66, "no private key"),
        (("--last", "0"), 64, ""),
    ],
)
def test_what_cannot_be_shown_is_told(
    state: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    done = inside("evidence", "show", "--state", state, *words)
    assert done.returncode == code and said in done.stderr


def test_a_directory_without_a_journal_is_told(tmp_path: Path) -> None:
    done = inside("evidence", "show", "--journal", tmp_path)
    assert (done.returncode, done.stdout) == (0, "Nothing of that is on record.\n")
    assert inside("evidence", "show", "--state", tmp_path).returncode == 66
    key = tmp_path / "key"
    key.write_text("nothing")
    wrong = inside("evidence", "show", "--journal", tmp_path, "--key", key)
    assert wrong.returncode == 66 and "no private key" in wrong.stderr
