"""An upstream that dies at any byte of its answer, in any way: nobody takes a half for a whole.

The caller gets an error, or where it is a stream that has begun, sees its own connection break behind a
whole event; the record says that the answer was truncated; and whoever else is served at the time
notices nothing. Only where the last event of a stream, which is the answer, had come to its end, is
nothing missing.
"""

import itertools
import ssl
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from attrs import frozen

from tests.e2e.cutting import SHAPES, CuttingUpstream, Ending, Shape
from tests.e2e.lab import GateProcess, Lab
from tests.e2e.wire import Wire, calling, posted, trusting
from tests.waiting import eventually

# Calls at a time.
ABREAST = 8


@frozen
class Cut:
    """One call: which answer is cut after how many bytes, and how."""

    name: str
    shape: Shape
    at: int
    ending: Ending
    #: The largest record, and how long before the end: the gate may read all in one turn, or byte by byte.
    step: int
    wait: float

    @property
    def arguments(self) -> dict[str, Any]:
        return {
            "shape": self.shape.name,
            "at": self.at,
            "ending": self.ending,
            "step": self.step,
            "wait": self.wait,
        }

    @property
    def whole(self) -> bool:
        """Whether the answer came to its end first."""
        if self.shape.name == "events":
            # The end of the last event, which is the answer, is what counts; the last chunk is not.
            return self.at >= len(self.shape.octets) - len(b"\r\n0\r\n\r\n")
        if self.at < len(self.shape.octets):
            return False
        return self.shape.name != "close" or self.ending is Ending.GOODBYE


def places(shape: Shape) -> Iterator[int]:
    """Where it pays to cut: around every bound that an answer has, and here and there between."""
    octets = shape.octets
    bounds = {0, len(octets), len(shape.head)}
    bounds |= {at + len(end) for end in (b"\r\n", b"\n\n", b"}") for at in _every(octets, end)}
    near = {at + by for at in bounds for by in (-1, 0, 1)}
    yield from sorted(at for at in near | set(range(0, len(octets), 11)) if 0 <= at < len(octets))


def _every(octets: bytes, end: bytes) -> Iterator[int]:
    at = octets.find(end)
    while at >= 0:
        yield at
        at = octets.find(end, at + 1)


def cuts(shape: Shape) -> list[Cut]:
    """Every place before the end, each with two of the endings in turn."""
    found: list[Cut] = []
    endings = itertools.cycle(Ending)
    manner = itertools.cycle(itertools.product((65536, 1, 50), (0.0, 0.005)))
    for at in places(shape):
        for ending in (next(endings), next(endings)):
            if shape.name == "close" and ending is Ending.GOODBYE and at >= len(shape.head):
                # RFC 9112 6.3: this is where such an answer ends; nobody can know better.
                continue
            step, wait = next(manner)
            found.append(Cut(f"cut_{shape.name}_{len(found)}", shape, at, ending, step, wait))
        # Else each place would always meet the same two.
        next(endings)
    return found


class Bystander:
    """Somebody who calls and calls, on a connection of his own, and wants every answer whole."""

    def __init__(self, gate: GateProcess) -> None:
        self.calls = 0
        self.wrong: list[str] = []
        self._gate = gate
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        shapes = itertools.cycle(shape for shape in SHAPES.values() if shape.name != "close")
        with Wire(self._gate.port, trusting(self._gate.lab.ca_file)) as wire:
            while not self._over.is_set() and not self.wrong:
                shape = next(shapes)
                arguments = {"shape": shape.name, "at": len(shape.octets)}
                wire.octets = b""
                wire.send(posted(self._gate, calling("bystander", **arguments)))
                wire.wait_for(1)
                (answer,) = wire.answers()
                self.calls += 1
                if (answer.status, answer.body) != (200, shape.payload):
                    self.wrong.append(f"{answer} of {shape.name}, {wire.ended}")

    def __enter__(self) -> "Bystander":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def wrong(cut: Cut, wire: Wire, record: Mapping[str, Any]) -> str:
    """What is wrong with what the caller saw and with the record; empty if nothing is."""
    answers = wire.answers()
    told = record["outcome"], record["reason"]
    shown = f"{answers}, ended {wire.ended or 'not'}, recorded {told}: {cut}"
    if cut.whole:
        right = [(answer.status, answer.body, answer.whole) for answer in answers] == [
            (200, cut.shape.payload, True)
        ]
        return "" if right and told == ("completed", None) else shown
    if cut.at < len(cut.shape.head) or cut.shape.name != "events":
        # Nothing went to the caller yet: it is told so, in full.
        right = [(answer.status, answer.whole) for answer in answers] == [(502, True)] and not wire.ended
        expected = ("upstream_truncated", "upstream.truncated")
        if cut.at == 0:
            expected = ("upstream_failed", "upstream.closed")
        return "" if right and told == expected else shown
    right = wire.ended == "cut" and not any(answer.whole for answer in answers)
    right = right and all(cut.shape.payload.startswith(answer.body) for answer in answers)
    right = right and all(_between_events(answer.body) for answer in answers)
    return "" if right and told == ("upstream_truncated", "upstream.truncated") else shown


def _between_events(stream: bytes) -> bool:
    """Whether it ends where an event ends; a comment is one by itself."""
    rest = stream.rpartition(b"\n\n")[2]
    return rest == b"" or (rest.startswith(b":") and rest.endswith(b"\n"))


def play(gate: GateProcess, context: ssl.SSLContext, cut: Cut) -> Wire:
    """Make the call, and wait for what comes of it."""
    with Wire(gate.port, context) as wire:
        return wire.send(posted(gate, calling(cut.name, **cut.arguments))).wait_for(1)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_cut_is_seen(lab: Lab, shape: Shape) -> None:
    """Cut in its head, at its end, in a chunk's size, in the middle of an event, between two of them."""
    context = trusting(lab.ca_file)
    with (
        CuttingUpstream(lab) as upstream,
        lab.gate(upstream={"port": upstream.port}) as gate,
        Bystander(gate) as bystander,
        ThreadPoolExecutor(ABREAST) as pool,
    ):
        planned = cuts(shape)
        wires = list(pool.map(lambda cut: play(gate, context, cut), planned))

        def often_enough() -> bool:
            # On a busy machine all cuts may be over before others had the time for much beside them.
            play(gate, context, planned[0])
            return bystander.calls > 20 or bool(bystander.wrong)

        eventually(often_enough, "somebody has called beside the cuts")
        records = {record["name"]: record for record in gate.settled()}
        seen = zip(planned, wires, strict=True)
        found = [wrong(cut, wire, records[cut.name]) for cut, wire in seen]
        assert [one for one in found if one] == []
        assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()
    assert len(planned) >= 50 and bystander.calls > 20
    assert bystander.wrong == []


@pytest.mark.parametrize("ending", [Ending.FIN, Ending.RESET, Ending.GOODBYE])
def test_an_answer_that_came_to_its_end_is_whole_however_its_connection_ends(
    lab: Lab, ending: Ending
) -> None:
    """Nothing was missing; only one that ends with its connection needs that to end in good order."""
    context = trusting(lab.ca_file)
    with CuttingUpstream(lab) as upstream, lab.gate(upstream={"port": upstream.port}) as gate:
        for shape in SHAPES.values():
            cut = Cut(f"cut_{shape.name}", shape, len(shape.octets), ending, 65536, 0.0)
            wire = play(gate, context, cut)
            assert wrong(cut, wire, gate.exchange(name=cut.name)) == ""

            def unused() -> bool:
                (pool,) = gate.status()["upstreams"]
                return not any(pool["connections"].values())

            # Else the next call may meet the one that is about to end: a race that HTTP/1.1 has.
            eventually(unused, "its connection is gone")
