"""SIGHUP: another configuration for the next request on a live connection, and another segment of the journal
where one was moved away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mcpgate.evidence.record import parse_line
from mcpgate.evidence.segments import segment_name
from mcpgate.testing import LocalCA
from tests.e2e.caller import Caller, call
from tests.e2e.lab import HOSTS, GateProcess, Lab
from tests.e2e.recording import RecordingUpstream
from tests.evidence.chained import chained
from tests.waiting import eventually

ALLOW_ALL = {"name": "all", "verdict": "allow"}


def never(tool: str) -> dict[str, object]:
    """A rule that blocks a tool."""
    return {"name": f"never-{tool}", "on": {"name": tool}, "verdict": "block"}


@pytest.fixture
def upstream(ca: LocalCA, lab: Lab) -> Iterator[RecordingUpstream]:
    with RecordingUpstream(ca.server(HOSTS, lab.now)) as upstream:
        yield upstream


@pytest.fixture
def gate(lab: Lab, upstream: RecordingUpstream) -> Iterator[GateProcess]:
    """A gate that lets everything through."""
    with lab.gate(upstream={"port": upstream.port}, rules=[ALLOW_ALL]) as running:
        yield running


def answered(caller: Caller, tool: str) -> bool:
    """Whether the upstream's answer came, or that of an unknown tool."""
    body = caller.post(call(tool)).read()
    assert (b'"ok"' in body) is not (b"Unknown tool" in body), body
    return b'"ok"' in body


def test_new_rules_are_for_the_next_request_and_broken_ones_for_none(
    gate: GateProcess, lab: Lab, upstream: RecordingUpstream
) -> None:
    """All on one connection: allowed, blocked by a reload, and unmoved by one that is broken."""
    again = {"upstream": {"port": upstream.port}}
    with Caller(gate) as caller:
        assert answered(caller, "get_weather")

        lab.config(**again, rules=[ALLOW_ALL, never("get_weather")])
        gate.hangup()
        eventually(lambda: gate.status()["generation"] == 2, "the reload")
        assert not answered(caller, "get_weather")
        assert answered(caller, "get_time")

        config = lab.config(**again, rules=[ALLOW_ALL, {**never("get_time"), "verdikt": "block"}])
        gate.hangup()
        problem = eventually(lambda: gate.status()["problem"], "the problem is shown")
        assert "verdikt" in problem and "What was in force stays in force." in problem
        assert str(config) in problem and "Nothing was started" not in problem
        told = [line for line in gate.log().splitlines() if "verdikt" in line]
        assert len(told) == 1, told
        assert gate.status()["generation"] == 2
        assert not answered(caller, "get_weather")
        assert answered(caller, "get_time")

        lab.config(**again, rules=[ALLOW_ALL, never("get_time")])
        gate.hangup()
        eventually(lambda: gate.status()["problem"] is None, "the problem is over")
        assert answered(caller, "get_weather")
        assert not answered(caller, "get_time")
    # A record may follow the answer that it is about by some milliseconds.
    exchanges = eventually(lambda: found if len(found := gate.exchanges()) == 7 else None, "all are recorded")
    assert len({one["inbound"] for one in exchanges}) == 1
    assert [one["rule"] for one in exchanges if one["verdict"] == "block"] == [
        "never-get_weather", "never-get_weather", "never-get_time",
    ]  # fmt: skip


def test_the_journal_goes_on_in_a_new_file_and_loses_nothing(gate: GateProcess, lab: Lab) -> None:
    """Moved away while it is written: what was begun before is there, what comes after is in the next one,
    which says so and is linked to it."""
    (journal,) = (lab.state / "journal").glob("*.jsonl")
    with Caller(gate) as caller:
        assert answered(caller, "first")
        old = journal.rename(journal.with_suffix(".old"))
        # Until the gate is told it writes on in the renamed file, as every daemon does.
        assert answered(caller, "second")
        gate.hangup()
        fresh = second_of(journal)
        eventually(fresh.exists, "the next segment")
        assert answered(caller, "third")
    gate.settled()
    assert (names(old), names(fresh)) == (["first", "second"], ["third"])
    assert fresh.stat().st_mode & 0o777 == 0o600
    old.rename(journal)
    (_, (_, repair, *_)) = chained(lab.state / "journal")
    assert (repair["type"], repair["what"], repair["file"]) == ("repair", "moved", journal.name)


def test_a_hangup_alone_begins_no_segment(gate: GateProcess, lab: Lab) -> None:
    """They turn over by size and age, and at each start."""
    gate.hangup()
    eventually(lambda: gate.status()["generation"] == 2, "the reload")
    assert gate.status()["journal"]["segment"] == 1


def test_the_journal_is_reopened_whatever_the_configuration_is(gate: GateProcess, lab: Lab) -> None:
    """Rotation must not wait for somebody to mend the configuration."""
    (journal,) = (lab.state / "journal").glob("*.jsonl")
    journal.rename(journal.with_suffix(".old"))
    gate.config.write_text("[broken")
    gate.hangup()
    fresh = second_of(journal)
    eventually(fresh.exists, "the next segment")
    with Caller(gate) as caller:
        assert answered(caller, "first")
    assert names(fresh) == ["first"]


def second_of(journal: Path) -> Path:
    """The segment after the first."""
    return journal.with_name(segment_name(0, 2))


def names(journal: Path) -> list[str]:
    """The tools that were called, as one file of the journal says."""
    records = [parse_line(line) for line in journal.read_bytes().splitlines(keepends=True)]
    return [str(record["name"]) for record in records if record["type"] == "open"]
