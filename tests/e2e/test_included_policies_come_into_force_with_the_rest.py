"""Policies in files of their own: read when the configuration is, by every worker, and never between."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mcpgate.testing import LocalCA
from tests.e2e.caller import Caller, call, one_at_each
from tests.e2e.lab import HOSTS, GateProcess, Lab
from tests.e2e.recording import RecordingUpstream
from tests.waiting import eventually

READS = '[[rule]]\nname = "reads"\nverdict = "allow"\nwho = { group = "readers" }\non = { name = "get_*" }\n'
NEVER = '[[rule]]\nname = "never"\nverdict = "block"\non = { name = "get_secret" }\n'


@pytest.fixture
def policies(lab: Lab) -> Path:
    directory = lab.directory / "policies"
    directory.mkdir()
    (directory / "reads.toml").write_text(READS)
    return directory


@pytest.fixture
def gate(ca: LocalCA, lab: Lab, policies: Path) -> Iterator[GateProcess]:
    """Two workers, all of whose rules are included."""
    with RecordingUpstream(ca.server(HOSTS, lab.now)) as upstream:
        config = lab.config(upstream={"port": upstream.port}, rules=[], gate={"workers": 2})
        config.write_text(f'include = "policies/*.toml"\n{config.read_text()}')
        with lab.gate(config) as running:
            yield running


def answered(caller: Caller, tool: str) -> bool:
    """Whether the upstream's answer came, or that of an unknown tool."""
    body = caller.post(call(tool)).read()
    assert (b'"ok"' in body) is not (b"Unknown tool" in body), body
    return b'"ok"' in body


def test_all_workers_take_them_up_when_they_are_told_to(gate: GateProcess, lab: Lab, policies: Path) -> None:
    """A file that comes changes nothing until then; one that is broken keeps what is in force."""
    issued = lab.command("token", "issue", "ada", "--group", "readers", "--state", lab.state)
    eventually(lambda: len(gate.status()["workers"]) == 2, "both serve")
    with ExitStack() as stack:
        callers = one_at_each(gate, stack)
        for caller in callers.values():
            # Nobody in the group, so nothing on the route is for it.
            assert not answered(caller, "get_weather")
            caller.token = issued.stdout.strip()
            eventually(lambda caller=caller: answered(caller, "get_weather"), "the token is taken up")
            assert answered(caller, "get_secret")

        (policies / "never.toml").write_text(NEVER)
        assert all(answered(caller, "get_secret") for caller in callers.values())
        gate.hangup()
        eventually(lambda: gate.status()["generation"] == 2, "the reload")
        assert not any(answered(caller, "get_secret") for caller in callers.values())
        assert all(answered(caller, "get_weather") for caller in callers.values())

        (policies / "never.toml").write_text(NEVER.replace("block", "blok"))
        gate.hangup()
        problem = eventually(lambda: gate.status()["problem"], "the problem is shown")
        assert "policies/never.toml, rule.never.verdict (line 3)" in problem
        assert not any(answered(caller, "get_secret") for caller in callers.values())


def test_check_judges_them_and_warns_of_what_never_matches(
    gate: GateProcess, lab: Lab, policies: Path
) -> None:
    """With the file and the line; and the log of a gate says the same."""
    (policies / "all.toml").write_text('[[rule]]\nname = "all"\nverdict = "block"\n')
    checked = lab.command("check", "--config", gate.config)
    assert checked.returncode == 0
    (warning,) = checked.stderr.splitlines()
    assert warning == (
        "mcpgate: warning: policies/reads.toml, rule.reads.verdict (line 3): comes to nothing: all blocks "
        "all that it is about"
    )
    gate.hangup()
    eventually(lambda: "comes to nothing: all blocks" in gate.log(), "the log says so")
