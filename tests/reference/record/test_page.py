"""What the page about records says, held against what makes lines and what they are."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import msgspec
import pytest

import mcpgate.evidence
from mcpgate.evidence.bookkeeping import (
    clock_line,
    expired_line,
    gap_line,
    handshakes_line,
    repair_line,
    segment_line,
)
from mcpgate.evidence.events import (
    answered_line,
    decision_line,
    definition_line,
    dropped_line,
    echo_line,
    issuer_line,
)
from mcpgate.evidence.exchanges import Outcome, batch_facts, call_facts, hold_facts, masked_facts, own_facts
from mcpgate.evidence.generations import reload_line
from mcpgate.evidence.payload import payload_line
from mcpgate.holds.held import Decision, Word
from mcpgate.policy.rules import Action, Verdict
from mcpgate.reasons import Reason, Refusal
from mcpgate.reference.record.field import HEAD, PLACE, Field
from mcpgate.reference.record.page import RECORDS, record_page
from tests.evidence.lines import HANDSHAKE, OFFER, TIME, closed, one_line, opened, shake
from tests.lines import strange

REFUSAL = Refusal(Reason.UPSTREAM_UNASKED, "one")
SHADOW = Verdict(Action.ALLOW, "reads", None, shadow=(("shy", "block"),))
#: Each type of line with all that it can have; of a generation there are real ones in C{test_generations}.
LINES = {
    "handshake": [
        shake(),
        shake(handshake=HANDSHAKE, offer=OFFER, refusal=REFUSAL, outcome="refused"),
        shake(extra={"via": "10.0.0.1:5", "first_bytes": "00", "credential_exposed": True, "ended": "h-1"}),
    ],
    "open": [
        opened(),
        opened(inbound=None, outbound=None, principal=None, trace="00-1"),
        opened(verdict=None, method=None, name=None),
        opened(verdict=SHADOW),
    ],
    "close": [
        closed(),
        closed(outcome=Outcome.REFUSED, status=None, refusal=REFUSAL, waited=None),
        closed(masked={"card": 1}, over=["calls"], streamed=True),
    ],
    "dropped": [dropped_line("d", time=TIME, exchange="x", refusal=REFUSAL)],
    "echo": [echo_line("e", time=TIME, exchange="x", upstream="u", what="masked", where="headers")],
    "answered": [answered_line("a", time=TIME, exchange="x", request=None)],
    "definition": [
        definition_line(
            "n",
            time=TIME,
            exchange=None,
            upstream="u",
            tool="t",
            what="first",
            old=None,
            new="f",
            key="sha256/A",
            renewed=False,
            detail=None,
            by="root",
        )
    ],
    "decision": [
        decision_line("c", time=TIME, hold="w", exchange="x", decision=Decision(Word.DENIED, "eve", "no"))
    ],
    "issuer": [issuer_line("i", time=TIME, issuer="okta", what="keys", added=("k",), removed=("j",))],
    "payload": [
        payload_line(
            "p",
            time=TIME,
            exchange="x",
            part="request",
            number=0,
            last=True,
            cut=0,
            key="k",
            sealed=b"sealed",
        )
    ],
    "handshakes": [
        handshakes_line(
            "h",
            time=TIME,
            where="public",
            reason="tls.version",
            count=5,
            addresses=2,
            seconds=5.0,
            example="10.0.0.1:5",
        )
    ],
    "reload": [reload_line("l", time=TIME, what="files", problem="bad", generation=3)],
    "segment": [segment_line("s", time=TIME, gate="g", worker=0, segment=1, openssl="OpenSSL 3.5.0")],
    "repair": [repair_line("r", time=TIME, what="torn", file="journal", dropped=7)],
    "gap": [gap_line("g", time=TIME, since=TIME, until=TIME, exchanges=1, lines=2, why=None)],
    "expired": [expired_line("r", time=TIME, worker=0, segment=1, lines=5, root="00")],
    "clock": [clock_line("k", time=TIME, stepped=-3600.0)],
}


def classes() -> Iterator[type[msgspec.Struct]]:
    """Those that make whole lines."""
    for file in Path(mcpgate.evidence.__path__[0]).glob("*.py"):
        module = import_module(f"mcpgate.evidence.{file.stem}")
        for name, found in vars(module).items():
            if name.endswith("Line") and isinstance(found, type) and issubclass(found, msgspec.Struct):
                yield found


def test_each_class_that_makes_lines_is_described_field_by_field() -> None:
    """In the order of the line, and no field more."""
    described = {each.name: [field.name for field in (*HEAD, *each.fields)] for each in RECORDS}
    made: dict[str, list[str]] = {}
    for cls in classes():
        (kind,) = (one.default for one in msgspec.structs.fields(cls) if one.name == "type")
        made[str(kind)] = list(cls.__struct_fields__)
    assert set(described) - set(made) == {"open", "close"}
    for name, fields in made.items():
        assert described[name] == fields


def test_each_type_is_tried() -> None:
    """Here, and that of generations with a real one."""
    assert set(LINES) | {"generation"} == {each.name for each in RECORDS}


@pytest.mark.parametrize("name", LINES)
def test_each_line_is_as_it_is_described(name: str) -> None:
    """And all together have every field that is described."""
    records = [one_line(line) for line in LINES[name]]
    assert [strange(record) for record in records] == [[]] * len(records)
    (described,) = (each for each in RECORDS if each.name == name)
    if name not in ("open", "handshake"):
        seen = {key for record in records for key in record}
        assert {field.name for field in described.fields} <= seen


def test_what_an_open_line_has_at_times_is_described() -> None:
    """Batches, held calls, what is the gate's own."""
    verdict = Verdict(Action.ALLOW, "reads", None)
    one = call_facts("tools/call", "a", verdict)
    for call in (
        batch_facts([one + masked_facts({"card": 2}), one]),
        one + "," + hold_facts("w", Decision(Word.APPROVED, "eve", "")),
        one + "," + hold_facts("w", None),
        call_facts(None, None, None) + own_facts("metadata"),
    ):
        line = opened().decode().replace(call_facts("tools/call", "get_weather", verdict), call)
        assert call in line
        assert strange(one_line(line.encode())) == []


def test_what_is_not_described_is_strange() -> None:
    """A member more, one that is missing, one of another kind; however deep it stands."""
    good = one_line(shake())
    shaken = good["handshake"]
    assert strange(good) == []
    assert strange({**good, "mood": 1}) == ["handshake.mood is not described"]
    assert strange({**good, "peer": 5}) == ["handshake.peer is no string"]
    assert strange({**good, "handshake": {**shaken, "pinned": 1}}) == [
        "handshake.handshake.pinned is no boolean"
    ]
    assert strange({**good, "handshake": {**shaken, "peer": {**shaken["peer"], "uris": [5]}}}) == [
        "handshake.handshake.peer.uris is no string"
    ]
    assert strange({key: value for key, value in good.items() if key != "where"}) == [
        "handshake.where is missing"
    ]
    assert strange({**good, "type": "dance"}) == ["no type of line is named 'dance'"]


def test_the_page_has_every_type_and_field() -> None:
    """Those within others by their whole path."""
    page = record_page()
    parts = {part.partition("\n")[0]: part for part in page.split("\n## ")}
    assert _missing((*HEAD, *PLACE), parts["Every line"]) == []
    for each in RECORDS:
        assert each.means in parts[each.name]
        assert _missing(each.fields, parts[each.name]) == []


def _missing(fields: tuple[Field, ...], part: str) -> list[str]:
    found = [one.name for one in fields if f"{one.name}` | {one.kind}" not in part or one.means not in part]
    for one in fields:
        found += _missing(one.inner, part)
    return found
