"""What a journal says, counted in the simplest way that there is: with this the index is compared."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from attrs import Factory, define

from mcpgate.evidence.reading import lines, segments
from mcpgate.index.answers import Leg
from mcpgate.index.queries import Index
from mcpgate.index.store import Asked
from tests.evidence.made import BEGIN

Record = dict[str, Any]


@define
class Truth:
    """What there was."""

    opened: dict[str, Record] = Factory(dict)
    closed: dict[str, Record] = Factory(dict)
    handshakes: dict[str, Record] = Factory(dict)
    others: dict[str, Record] = Factory(dict)
    lines: int = 0

    def leg(self, leg: str, fact: str) -> Counter[str | None]:
        """Of the exchanges that ended, how many had what on a leg."""
        found: Counter[str | None] = Counter()
        for one in self.closed.values():
            if one[leg] is not None:
                found[self.handshakes[one[leg]]["handshake"][fact]] += 1
        return found


def truth_of(*directories: Path) -> Truth:
    """What the journals in some directories say."""
    return truth_of_lines(
        line for directory in directories for segment in segments(directory) for line in lines(segment)
    )


def truth_of_lines(found: Iterable[bytes]) -> Truth:
    """What some lines say."""
    truth = Truth()
    kinds = {"open": truth.opened, "close": truth.closed, "handshake": truth.handshakes}
    for line in found:
        record = json.loads(line)
        kinds.get(record["type"], truth.others)[record["id"]] = record
        truth.lines += 1
    return truth


def agree(truth: Truth, asked: Asked) -> None:
    """Everything that is in the index is what the journal says, all of it, and each but once."""
    rows = asked.ask(
        "SELECT id, time, closed, method, name, principal, inbound, outbound, outcome, reason, bytes_in "
        "FROM exchange"
    )
    assert len(rows) == len(truth.opened | truth.closed)
    for id, _, closed, method, name, principal, inbound, outbound, outcome, reason, bytes_in in rows:
        opened, end = truth.opened[str(id)], truth.closed.get(str(id))
        assert (method, name, principal) == (opened["method"], opened["name"], opened["principal"])
        assert inbound == opened["inbound"]
        assert (closed is None) == (end is None)
        assert outbound == (end or opened)["outbound"]
        if end is not None:
            assert (outcome, reason, bytes_in) == (end["outcome"], end["reason"], end["bytes_in"])
    assert {id for (id,) in asked.ask("SELECT id FROM handshake")} == truth.handshakes.keys()
    assert {id for (id,) in asked.ask("SELECT id FROM event")} == truth.others.keys()
    for step in (60, 3600):
        for leg in ("inbound", "outbound"):
            counted = asked.ask(
                "SELECT version, SUM(exchanges) FROM traffic WHERE step = ? AND leg = ? GROUP BY 1",
                (step, leg),
            )
            assert {version: int(count or 0) for version, count in counted} == truth.leg(leg, "version")
        (calls,) = asked.ask("SELECT SUM(exchanges), SUM(bytes_in) FROM calls WHERE step = ?", (step,))
        bytes_in = sum(end["bytes_in"] for end in truth.closed.values())
        assert (int(calls[0] or 0), int(calls[1] or 0)) == (len(truth.closed), bytes_in)
        refused = dict(
            asked.ask("SELECT what, SUM(refused) FROM refusal WHERE step = ? GROUP BY 1 ORDER BY 1", (step,))
        )
        assert int(refused.get("handshake") or 0) == sum(
            1 for one in truth.handshakes.values() if one["reason"]
        )
        assert int(refused.get("exchange") or 0) == sum(1 for one in truth.closed.values() if one["reason"])
    mine = [one for one in truth.opened.values() if one["principal"] is not None]
    (sums,) = asked.ask("SELECT SUM(exchanges), SUM(open), SUM(refused) FROM session")
    refused_ones = sum(1 for one in mine if truth.closed.get(one["id"], {}).get("outcome") == "refused")
    still = sum(1 for one in mine if one["id"] not in truth.closed)
    assert [int(value or 0) for value in sums] == [len(mine), still, refused_ones]
    (seen,) = asked.ask("SELECT SUM(handshakes) FROM certificate WHERE role = 'own' AND seen = 'wire'")
    shown = sum(1 for one in truth.handshakes.values() if one["handshake"] and one["handshake"]["own"])
    assert int(seen[0] or 0) == shown
    (read,) = asked.ask("SELECT SUM(lines) FROM position")
    assert int(read[0] or 0) == truth.lines


def counted(leg: Leg, fact: str) -> dict[str | None, int]:
    """Counts of an answer by their names."""
    return {one.name: one.count for one in getattr(leg, fact)}


__all__ = ["BEGIN", "Index", "Truth", "agree", "counted", "truth_of", "truth_of_lines"]
