"""The corpus of hostile and honest requests, over TLS, whole and with a record for every byte.

What C{tests/wire/test_corpus.py} shows of the parser, here of a gate with everything around it: the
upstream logs what it was sent, and the caller sees what was answered and how the connection ended.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from mcpgate.testing import LocalCA
from tests.e2e.corpus import COLLECTED, Log, Played, fault, play, proof, stage
from tests.e2e.lab import HOSTS, GateProcess, Lab
from tests.e2e.recording import RecordingUpstream
from tests.wire.unseen import UNSEEN, sized

WHOLE, BYTES = 65536, 1


class Runs:
    """What came of all cases, by the size of the largest record; each size is played once."""

    def __init__(self, gate: GateProcess, log: Log) -> None:
        self._gate = gate
        self._log = log
        self._done: dict[int, dict[str, Played]] = {}
        # The default; and a body small enough for one of just the limit's size to be sent byte by byte.
        at_the_limits = sized(32 * 1024, 16 * 1024, len(proof(gate, 0)))
        self.cases: list[dict[str, Any]] = [*COLLECTED, *UNSEEN, *at_the_limits]

    def of(self, size: int) -> dict[str, Played]:
        """What came of all cases with records of at most so many bytes."""
        if size not in self._done:
            first = len(self.cases) * len(self._done)
            self._done[size] = play(self._gate, self._log, self.cases, size, first)
            _unharmed(self._gate)
        return self._done[size]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, ca: LocalCA) -> Iterator[Runs]:
    lab = Lab(tmp_path_factory.mktemp("corpus"), ca)
    log = Log()
    with (
        RecordingUpstream(ca.server(HOSTS, lab.now), log.reply) as upstream,
        stage(lab, upstream, {"head_size": "32KiB", "body_size": "16KiB"}) as gate,
    ):
        yield Runs(gate, log)


def _unharmed(gate: GateProcess) -> None:
    assert gate.status()["running"]
    assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()


@pytest.mark.parametrize("size", [WHOLE, BYTES], ids=["whole", "byte by byte"])
def test_every_request_is_dispatched_or_refused_as_it_must_be(runs: Runs, size: int) -> None:
    """Nobody's bytes become a request that they did not send, and whoever is refused can read why."""
    found = runs.of(size)
    wrong = {one["id"]: fault(one, found[one["id"]]) for one in runs.cases}
    assert {id: why for id, why in wrong.items() if why} == {}


def test_no_answer_depends_on_how_the_bytes_arrive(runs: Runs) -> None:
    """A parser that sees other bounds than another one is how requests are smuggled."""

    def shown(played: Played) -> tuple[object, ...]:
        return played.dispatched, [answer.status for answer in played.answers]

    whole, cut = runs.of(WHOLE), runs.of(BYTES)
    different = {id: (shown(whole[id]), shown(cut[id])) for id in whole if shown(whole[id]) != shown(cut[id])}
    assert different == {}
