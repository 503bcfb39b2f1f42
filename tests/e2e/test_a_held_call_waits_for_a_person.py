"""A rule holds a call: real clients wait for it, people decide with the command, real servers answer or
never hear of it."""

from collections.abc import Iterator

import pytest

from mcpgate.testing import LocalCA
from tests.e2e.caller import Caller, call
from tests.e2e.held import RULES, calling, held, the_hold
from tests.e2e.lab import GateProcess, Lab, McpServer, free_port
from tests.waiting import PATIENCE, eventually

#: The official clients, in each era in which they can be; whether their user can be asked.
CLIENTS = (
    ("python", "legacy", "none"),
    ("python", "2026-07-28", "none"),
    ("python", "2026-07-28", "accept"),
    ("v1", "legacy", "none"),
    ("v2", "legacy", "none"),
    ("v2", "2026-07-28", "none"),
    ("v2", "2026-07-28", "accept"),
)


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory, ca: LocalCA, weather: McpServer) -> Iterator[GateProcess]:
    lab = Lab(tmp_path_factory.mktemp("held"), ca)
    with lab.gate(upstream={"url": weather.url}, rules=RULES, gate={"workers": 2}) as running:
        yield running


@pytest.mark.parametrize(("client", "era", "action"), CLIENTS)
def test_an_approved_call_is_answered(gate: GateProcess, client: str, era: str, action: str) -> None:
    """Whoever can be asked is asked to wait; the others hear of it as progress. The command approves."""
    with calling(gate, client, era, action) as calls:
        hold = the_hold(gate)
        done = gate.lab.command("policy", "approve", hold, "--reason", "seen", "--config", gate.config)
        assert done.returncode == 0, done.stderr
        told = calls.result(PATIENCE * 2)
    assert (told.text, told.error) == ("sunny in Oslo", False)
    words = told.asked[0] if action == "accept" else told.heard[0][1]
    assert hold in words and "serious matter" in words
    assert bool(told.asked) is (action == "accept")
    settled = gate.settled(name="get_weather")
    made = [one for one in settled if (one["hold"], one["decided"]) == (hold, "approved")]
    assert [(one["verdict"], one["rule"], one["outcome"]) for one in made] == [
        ("hold", "four-eyes", "completed")
    ]
    (decided,) = [one for one in gate.journal("decision") if one["hold"] == hold]
    assert decided["by"] == made[0]["by"] and decided["why"] == "seen"
    assert held(gate) == []


@pytest.mark.parametrize(("client", "era", "action"), CLIENTS)
def test_a_denied_call_is_a_result_that_says_why(
    gate: GateProcess, client: str, era: str, action: str
) -> None:
    """Every client takes it for what it is: a tool that did not work, with words for a model."""
    with calling(gate, client, era, action) as calls:
        hold = the_hold(gate)
        done = gate.lab.command("policy", "deny", hold, "--reason", "rain", "--config", gate.config)
        assert done.returncode == 0, done.stderr
        told = calls.result(PATIENCE * 2)
    assert told.error is True
    assert "did not permit it" in told.text and "They said: rain" in told.text


@pytest.mark.parametrize(("client", "action"), [("python", "decline"), ("v2", "cancel")])
def test_a_user_who_does_not_want_to_wait_withdraws_it(
    gate: GateProcess, client: str, action: str
) -> None:
    """At the first question; nobody can approve it any more."""
    with calling(gate, client, "2026-07-28", action) as calls:
        told = calls.result(PATIENCE * 2)
    assert told.error is True and "policy.denied" in told.text
    assert held(gate) == []


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("action", ["none", "accept"])
def test_a_call_held_while_its_gate_stops_is_never_made(
    lab: Lab, weather: McpServer, workers: int, action: str
) -> None:
    """It ends as a clean refusal, also of a caller that has come back to wait; the gate ends well."""
    tables = {"upstream": {"url": weather.url}, "rules": RULES, "gate": {"workers": workers}}
    with lab.gate(**tables) as gate, calling(gate, "python", "2026-07-28", action) as calls:
        the_hold(gate)
        if action == "accept":
            eventually(lambda: held(gate)[0]["rounds"], "its caller has come back")
        assert gate.terminate() == 0
        told = calls.result(PATIENCE)
        assert told.error is True and "policy.undecided" in told.text
        assert [one["outbound"] for one in gate.exchanges(name="get_weather")] == [None] * (
            2 if action == "accept" else 1
        )


def test_a_call_that_comes_back_after_a_restart_is_never_made(lab: Lab, weather: McpServer) -> None:
    """Its user thinks while the gate is restarted: approved or not before, it is refused cleanly."""
    port = free_port()
    gates = []

    def restart() -> None:
        gate = gates[0]
        assert gate.lab.command("policy", "approve", the_hold(gate), "--config", gate.config).returncode == 0
        assert gate.terminate() == 0
        gate.start()

    listener = {"listen": f"tcp:{port}:interface=127.0.0.1"}
    with lab.gate(upstream={"url": weather.url}, rules=RULES, listener=listener) as gate:
        gates.append(gate)
        with calling(gate, "python", "2026-07-28", "accept", restart) as calls:
            told = calls.result(PATIENCE * 2)
        assert told.error is True and "policy.undecided" in told.text
        assert {one["outbound"] for one in gate.exchanges(name="get_weather")} == {None}


def test_a_caller_that_hangs_up_is_not_served(gate: GateProcess) -> None:
    """What it asked for is off the list at once."""
    with Caller(gate) as caller:
        caller.begin(call("get_weather", {"city": "Oslo"}))
        the_hold(gate)
    eventually(lambda: held(gate) == [], "nobody waits")
