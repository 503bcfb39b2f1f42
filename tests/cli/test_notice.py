"""What a service manager reads: lines of its protocol, and one sentence that a person reads, too."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpgate.cli import notice


def test_each_message_has_the_fields_of_its_kind() -> None:
    """As sd_notify(3) writes them."""
    assert notice.ready("all is well") == b"READY=1\nSTATUS=all is well"
    assert notice.reloading(17, "again") == b"RELOADING=1\nMONOTONIC_USEC=17\nSTATUS=again"
    assert notice.stopping(1.5, "bye") == b"STOPPING=1\nEXTEND_TIMEOUT_USEC=1500000\nSTATUS=bye"
    assert notice.state("so so") == b"STATUS=so so"


@settings(max_examples=50)
@given(st.text(max_size=20) | st.text(min_size=300, max_size=310))
def test_whatever_a_sentence_holds_it_is_one_line_of_one_message(words: str) -> None:
    """A problem quotes files, and files hold what they like: none of it makes a field."""
    message = notice.state(words).decode()
    assert message.startswith("STATUS=") and message.isprintable()
    assert len(message) <= len("STATUS=") + notice.MOST


def facts(**more: Any) -> dict[str, Any]:
    rows = [{"name": "a", "connections": 1}, {"name": "b", "connections": 11}]
    return {"running": True, "draining": False, "generation": 3, "listeners": rows, "problem": None, **more}


def workers(*states: str) -> list[dict[str, Any]]:
    rows = enumerate(states)
    return [{"number": number, "state": state, "problem": None, "generation": 3} for number, state in rows]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({}, "generation 3, 2 listeners, 12 connections"),
        ({"listeners": []}, "generation 3, 0 listeners, 0 connections"),
        ({"workers": workers("serves")}, "generation 3, 2 listeners, 12 connections, 1 worker"),
        (
            {"workers": workers("serves", "does not answer")},
            "generation 3, 2 listeners, 12 connections, 1 of 2 workers",
        ),
        ({"draining": True}, "stopping, 12 connections left"),
        (
            {"problem": "x is no good (2 problems)\n  a: is not b\n  c: is not d\nAll stays."},
            "generation 3, 2 listeners, 12 connections; not taken: x is no good (2 problems): a: is not b",
        ),
        (
            {"problem": "tokens.json: is gone"},
            "generation 3, 2 listeners, 12 connections; not taken: tokens.json: is gone",
        ),
    ],
)
def test_a_gate_in_one_line(more: dict[str, Any], sentence: str) -> None:
    """What serves, and what was not taken."""
    assert notice.sentence(facts(**more)) == sentence


def test_a_gate_is_waited_for_until_all_its_workers_serve() -> None:
    """One that serves by itself serves as soon as it runs."""
    assert notice.waits_for({"running": False}) == "starting"
    assert notice.waits_for(facts()) == ""
    assert notice.waits_for(facts(workers=workers("serves", "serves"))) == ""
    late = workers("starts", "serves", "is gone")
    late[2]["problem"] = "process 9 was ended by signal 9"
    said = notice.waits_for(facts(workers=late))
    assert said == "waiting for worker 0: starts; worker 2: process 9 was ended by signal 9"
    silent = workers("does not answer", "serves")
    assert notice.waits_for(facts(workers=silent)) == "waiting for worker 0: does not answer"
    silent[0]["generation"] = 0
    assert notice.waits_for(facts(workers=silent)) == "waiting for worker 0: starts"


def test_a_gate_makes_progress_while_one_of_its_workers_does() -> None:
    """One that drains does, too."""
    assert notice.progresses(facts())
    assert notice.progresses(facts(workers=workers("does not answer", "serves")))
    assert notice.progresses(facts(workers=workers("drains")))
    assert not notice.progresses(facts(workers=workers("does not answer", "is gone")))
