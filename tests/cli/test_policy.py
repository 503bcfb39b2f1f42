"""C{mcpgate policy}: held, approve, deny."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcpgate.cli.policy import _list
from tests.cli.conftest import Run
from tests.relay.test_holding import HOLD, STREAMS, answered, call, reason_in, the_one
from tests.running import Loop, World, started


@pytest.fixture
def gate(loop: Loop, tmp_path: Path) -> Iterator[World]:
    """A gate with the hold rule; its state directory is all that the verbs need."""
    with started(loop, tmp_path, more=HOLD) as world:
        yield world


def test_a_held_call_is_listed_shown_and_approved(run: Run, gate: World) -> None:
    """For people and for programs; who approved is the user of the command."""
    assert run("policy", "held", "--state", gate.state).stdout == "No call waits.\n"
    with gate.caller() as caller:
        caller.post(call("get_held", path="/srv/x"), STREAMS)
        hold = the_one(gate)
        listed = run("policy", "held", "--state", gate.state).stdout
        for fact in (hold, "ci", "server", "tools/call", "get_held", "four-eyes", "/srv/x"):
            assert fact in listed
        (facts,) = json.loads(run("policy", "held", "--state", gate.state, "--format", "json").stdout)
        assert (facts["id"], facts["name"]) == (hold, "get_held")
        shown = run("policy", "held", hold, "--state", gate.state).stdout
        assert '{"path": "/srv/x"}' in shown and "second pair of eyes" in shown
        said = run("policy", "approve", hold, "--reason", "seen", "--state", gate.state)
        me = f"{pwd.getpwuid(os.getuid()).pw_name} (uid {os.getuid()})"
        assert (said.returncode, said.stdout) == (os.EX_OK, f"{hold} is approved, by {me}.\n")
        assert answered(caller)[1]["result"] == {}
    assert gate.records("decision")[0]["by"] == me


def test_a_held_call_is_denied(run: Run, gate: World) -> None:
    """The reason is the caller's to read."""
    with gate.caller() as caller:
        caller.post(call("get_held"), STREAMS)
        words = ("deny", the_one(gate), "--reason", "no", "--format", "json", "--state", gate.state)
        assert json.loads(run("policy", *words).stdout)["decided"] == "denied"
        assert "They said: no" in reason_in(answered(caller)[1])


def test_what_does_not_wait_cannot_be_decided(run: Run, gate: World) -> None:
    """The gate's words, and an exit code."""
    for verb in ("approve", "deny", "held"):
        said = run("policy", verb, "w-none", "--state", gate.state)
        assert said.returncode == os.EX_UNAVAILABLE and "no call waits as w-none" in said.stderr
    said = run("policy", "deny", "w-1", "--reason", "x" * 1025, "--state", gate.state)
    assert said.returncode == os.EX_USAGE and "1024 characters" in said.stderr


def test_without_a_gate_there_is_nothing_to_ask(run: Run, tmp_path: Path) -> None:
    """As with every verb that asks one."""
    said = run("policy", "held", "--state", tmp_path)
    assert said.returncode == os.EX_UNAVAILABLE and "no gate is running" in said.stderr


def test_what_a_caller_sent_cannot_break_the_list() -> None:
    """Long params are cut, and no byte of them moves the cursor."""
    row = {"id": "w-1", "decided": None, "left": 5, "principal": "ci", "route": "r", "method": "m"}
    more = {"name": "n\x1b[2J\nx", "rule": "r", "params": "\x1b[31m" + "y" * 100, "cut": False}
    text = _list([{**row, **more}])
    assert "\x1b" not in text and len(text.splitlines()) == 2
    assert "y" * 40 in text and "y" * 60 not in text and text.endswith("...")
