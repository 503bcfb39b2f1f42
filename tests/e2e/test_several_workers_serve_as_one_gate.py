"""Two workers behind one address: one status, one set of rules, one set of tokens."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from mcpgate.testing import LocalCA, write_pair
from tests.e2e.caller import Caller, call, one_at_each
from tests.e2e.lab import HOSTS, GateProcess, Lab, free_port
from tests.e2e.recording import RecordingUpstream
from tests.waiting import eventually

ALLOW_ALL = {"name": "all", "verdict": "allow"}
NEVER = {"name": "never", "on": {"name": "get_time"}, "verdict": "block"}


@pytest.fixture
def upstream(ca: LocalCA, lab: Lab) -> Iterator[RecordingUpstream]:
    with RecordingUpstream(ca.server(HOSTS, lab.now)) as upstream:
        yield upstream


@pytest.fixture
def gate(lab: Lab, upstream: RecordingUpstream) -> Iterator[GateProcess]:
    """Two workers that let everything through."""
    with lab.gate(upstream={"port": upstream.port}, rules=[ALLOW_ALL], gate={"workers": 2}) as running:
        yield running


def answered(caller: Caller, tool: str) -> bool:
    """Whether the upstream's answer came, or that of an unknown tool."""
    body = caller.post(call(tool)).read()
    assert (b'"ok"' in body) is not (b"Unknown tool" in body), body
    return b'"ok"' in body


def generations(gate: GateProcess) -> list[int]:
    return [worker["generation"] for worker in gate.workers()]


def test_both_serve_on_the_same_port_and_status_shows_both(gate: GateProcess) -> None:
    """Each with its process and its connections, and the sum of them as the gate's."""
    with ExitStack() as stack:
        callers = one_at_each(gate, stack)
        assert sorted(callers) == [0, 1]
        assert all(answered(caller, "get_weather") for caller in callers.values())
        status = gate.status()
        assert status["process"] == gate.pid
        workers = {worker["number"]: worker for worker in status["workers"]}
        assert sorted(workers) == [0, 1]
        assert len({gate.pid, status["spare"], *(one["process"] for one in workers.values())}) == 4
        for worker in workers.values():
            assert (worker["state"], worker["generation"], worker["restarts"]) == ("serves", 1, 0)
            journal = worker["journal"]
            assert (journal["failure"], journal["owed"], journal["dropped"]) == (None, 0, 0)
            assert (journal["segment"], journal["unrecorded"]) == (1, 0)
            assert worker["listeners"][0]["connections"] == 1
            assert sum(worker["upstreams"][0]["connections"].values()) == 1
        (listener,) = status["listeners"]
        assert listener["address"] == f"127.0.0.1:{gate.port}"
        assert listener["connections"] == 2
        assert sum(status["upstreams"][0]["connections"].values()) == 2
    shown = gate.lab.command("status", "--config", gate.config)
    assert shown.returncode == 0 and "workers" in shown.stdout
    assert {path.name for path in (gate.lab.state / "journal").glob("*.jsonl")} == {
        "journal-0-00000001.jsonl", "journal-1-00000001.jsonl",
    }  # fmt: skip


def test_a_reload_reaches_both_or_none(gate: GateProcess, lab: Lab, upstream: RecordingUpstream) -> None:
    """A broken file changes neither; a good one changes both, also for connections that are open."""
    again = {"upstream": {"port": upstream.port}, "gate": {"workers": 2}}
    with ExitStack() as stack:
        callers = one_at_each(gate, stack)
        lab.config(**again, rules=[ALLOW_ALL, {**NEVER, "verdikt": "block"}])
        gate.hangup()
        eventually(lambda: "verdikt" in (gate.status()["problem"] or ""), "the problem is shown")
        assert generations(gate) == [1, 1]
        assert all(answered(caller, "get_time") for caller in callers.values())

        lab.config(**again, rules=[ALLOW_ALL, NEVER])
        gate.hangup()
        eventually(lambda: gate.status()["generation"] == 2, "the reload")
        assert not any(answered(caller, "get_time") for caller in callers.values())
        assert all(answered(caller, "get_weather") for caller in callers.values())
        assert (generations(gate), gate.status()["problem"]) == ([2, 2], None)


def test_a_reload_adds_and_removes_a_listener_in_both(
    gate: GateProcess, lab: Lab, upstream: RecordingUpstream
) -> None:
    """The new socket is handed to processes that run already; the old address is let go of by all."""
    again = {"upstream": {"port": upstream.port}, "gate": {"workers": 2}, "rules": [ALLOW_ALL]}
    first, second = gate.port, free_port()
    lab.config(**again, listener=[{}, {"name": "second", "listen": f"tcp:{second}:interface=127.0.0.1"}])
    gate.hangup()
    eventually(lambda: gate.status()["generation"] == 2, "the reload")
    assert [listener["name"] for listener in gate.status()["listeners"]] == ["public", "second"]
    gate.port = second
    with ExitStack() as stack:
        assert all(answered(caller, "get_weather") for caller in one_at_each(gate, stack).values())
        lab.config(**again)
        gate.hangup()
        eventually(lambda: generations(gate) == [3, 3], "the second reload")
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", second)) != 0
    gate.port = first
    with Caller(gate) as caller:
        assert answered(caller, "get_weather")


def test_a_revoked_token_is_bad_at_once_in_both(gate: GateProcess, lab: Lab) -> None:
    """Also on connections that it was used on before; the watch is not waited for."""
    token = gate.issue("deploy")
    with ExitStack() as stack:
        callers = one_at_each(gate, stack)
        for caller in callers.values():
            caller.token = token
            assert answered(caller, "get_weather")
        assert lab.command("token", "revoke", "deploy", "--state", lab.state).returncode == 0
        for caller in callers.values():
            response = caller.post(call("get_weather"))
            assert response.status == 401
            assert b"auth.revoked" in response.read()


def test_both_go_on_in_new_journal_files(gate: GateProcess, lab: Lab) -> None:
    """One SIGHUP has all of them leave what was moved away."""
    directory = lab.state / "journal"
    for journal in directory.glob("*.jsonl"):
        journal.rename(journal.with_suffix(".old"))
    gate.hangup()
    fresh = [directory / f"journal-{worker}-00000002.jsonl" for worker in range(2)]
    eventually(lambda: all(journal.exists() for journal in fresh), "the new files")


def test_new_certificates_are_taken_up_by_both(gate: GateProcess, lab: Lab, ca: LocalCA) -> None:
    """The supervisor watches the files; all get the new generation."""
    for file in lab.certificates.iterdir():
        file.unlink()
    pair = ca.server(HOSTS, lab.now)
    write_pair(pair, lab.certificates / "gate.crt", lab.certificates / "gate.key")
    eventually(lambda: generations(gate) == [2, 2], "both serve by the new certificate")
    shown = {one["serial"] for one in gate.status()["listeners"][0]["certificates"]}
    assert shown == {pair.facts.serial}


def test_a_worker_is_told_from_the_others_in_the_log(gate: GateProcess) -> None:
    """There is one log, and who serves says so in it."""
    serves = [event["worker"] for event in gate.events() if "serves" in event["log_format"]]
    assert sorted(serves) == [0, 1]
    (ready,) = [event for event in gate.events() if event["log_format"].startswith("generation")]
    assert ready["number"] == 1
