"""Cases of requests on the wire, played against a running gate: what its upstream and its caller saw.

C{vectors/http.json} and C{tests/wire/unseen.py} say what must come of each. The upstream behind the
gate logs what it is sent; each case has a number that travels in a header beside its proof, so that
cases may be played side by side and still each be held to its own requests.
"""

import base64
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from attrs import frozen

from mcpgate.testing import TLSPeer, write_pair
from tests.e2e.lab import GateProcess, Lab
from tests.e2e.recording import Received, RecordingUpstream, answer
from tests.e2e.strangers import address
from tests.e2e.wire import Answer, Wire, answers_in, trusting

#: The host that every case is for.
HOST = "gw.test"
NUMBER = "X-Case"

# A body that does not come to its end is given up after so long.
BODY_TIMEOUT = 2.0

# Silence after an answer that means that no other follows. All is on one machine, but it may be busy.
QUIET = 0.4
# Long enough for every deadline of the gate above.
MOST = 8.0

# Wires at a time. Most of their time they wait.
ABREAST = 12


#: The cases that were collected before the first line of the gate was written.
COLLECTED: list[dict[str, Any]] = json.loads(
    (Path(__file__).resolve().parents[1] / "vectors" / "http.json").read_text()
)


@frozen
class Played:
    """What came of a case."""

    dispatched: tuple[str, ...]
    answers: tuple[Answer, ...]
    rest: bytes
    ended: str


class Log:
    """What the upstream was sent, by case."""

    def __init__(self) -> None:
        self.seen: dict[str, list[str]] = defaultdict(list)

    def reply(self, peer: TLSPeer, request: Received) -> None:
        """Note a request, and answer it."""
        (number,) = request.all(NUMBER)
        path = request.head.split(b" ", 2)[1].decode("latin-1")
        self.seen[number].append(path)
        peer.send(answer())


def stage(lab: Lab, upstream: RecordingUpstream, limits: Mapping[str, Any]) -> GateProcess:
    """A gate for C{gw.test}, on which C{/pwned} is served too: to be dispatched, it need only be believed."""
    pair = lab.ca.server([HOST], lab.now)
    write_pair(pair, lab.certificates / "other.crt", lab.certificates / "other.key")
    one = {"name": "weather", "port": upstream.port}
    two = {"name": "canary", "url": f"https://localhost:{upstream.port}/pwned"}
    return lab.gate(
        upstream=[one, two],
        route=[{"path": "/mcp"}, {"path": "/pwned", "upstream": "canary"}],
        limits={"body_timeout": f"{BODY_TIMEOUT:g}s", **limits},
    )


def proof(gate: GateProcess, number: int) -> bytes:
    """What a case's caller shows, of the same length for every case."""
    return f"Authorization: Bearer {gate.token}\r\n{NUMBER}: {number:06}".encode()


def play(
    gate: GateProcess, log: Log, cases: Iterable[dict[str, Any]], size: int, first: int
) -> dict[str, Played]:
    """Send every case in records of at most C{size} bytes, and wait for what comes of it.

    @param first: the first case's number; none may be used twice.
    """
    context = trusting(gate.lab.ca_file)

    def run(numbered: tuple[int, dict[str, Any]]) -> tuple[str, Played]:
        number, one = numbered
        # From many addresses: one that keeps presenting bad tokens is not listened to for long.
        with Wire(gate.port, context, name=HOST, source=address(number)) as wire:
            _send(wire, one, proof(gate, number), size)
        found, rest = answers_in(wire.octets)
        return one["id"], Played(tuple(log.seen[f"{number:06}"]), tuple(found), rest, wire.ended)

    with ThreadPoolExecutor(ABREAST) as pool:
        return dict(pool.map(run, enumerate(cases, first)))


def _send(wire: Wire, one: dict[str, Any], shown: bytes, size: int) -> None:
    for at, segment in enumerate(one["segs"]):
        octets = base64.b64decode(segment)
        pieces = 30 if octets.startswith(b"@@SPLIT30@@") else 65536
        octets = octets.removeprefix(b"@@SPLIT30@@").replace(b"@@AUTH@@", shown)
        if at:
            time.sleep(0.01)
        # Each record is read by itself only if the gate had the time to.
        small = len(octets) < 4000 and size == 1
        wire.send(octets, min(size, pieces), 0.0003 if small else 0.0)
    wire.wait(QUIET, MOST)


def fault(one: Mapping[str, Any], played: Played) -> str:
    """What is wrong with what came of a case, by what is expected of it; empty if nothing is."""
    statuses = [answer.status for answer in played.answers]
    count = len(played.dispatched)
    shown = f"dispatched {count}, answered {statuses}, ended {played.ended or 'not'}"
    if "/pwned" in "".join(played.dispatched):
        return f"a request was dispatched that nobody sent: {shown}"
    if played.rest or not all(answer.whole for answer in played.answers):
        return f"half an answer, or junk {played.rest[:40]!r}: {shown}"
    refused = all(status >= 400 for status in statuses[1:])
    match one["expect"]:
        case "A" | "A2" | "A20" as expect:
            wanted = int(expect[1:] or "1")
            good = count == wanted and statuses == [200] * wanted
        case "A1R":
            good = count == 1 and statuses[:1] == [200] and len(statuses) <= 2 and refused
            good = good and bool(played.ended)
        case "RA":
            good = count <= 1 and len(statuses) <= 1
            good = good and (count == 1) == (statuses == [200])
        case "RA2":
            good = count <= 1 and len(statuses) <= 2 and refused
        case "R":
            good = count == 0 and len(statuses) <= 1 and (statuses or [0])[0] in one["st"]
            good = good and bool(played.ended or (statuses and one["keepok"]))
        case other:
            raise AssertionError(f"unknown expectation {other}")
    # A cut may take our last words with it: whoever is refused must be able to read why.
    if good and played.ended == "cut":
        return f"cut, not closed: {shown}"
    return "" if good else shown
