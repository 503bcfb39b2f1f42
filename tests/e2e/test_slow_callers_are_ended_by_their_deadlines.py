"""A thousand callers who never come to an end are ended, each by its deadline and a little."""

from tests.e2e.footprint import all_closed, at_rest
from tests.e2e.lab import HOSTS, Lab, allow_descriptors
from tests.e2e.recording import RecordingUpstream
from tests.e2e.regular import Regular
from tests.e2e.siege import KINDS, Siege
from tests.e2e.wire import trusting

COUNT = 1000

# Short, so that the test is; a byte comes every second all the same.
DEADLINE = 3.0
LIMITS = {name: f"{DEADLINE:g}s" for name in ("handshake_timeout", "head_timeout", "body_timeout")}


def test_a_thousand_slow_handshakes_heads_and_bodies(lab: Lab) -> None:
    """A byte a second helps none of them; and a regular caller is served all the while."""
    allow_descriptors(2 * COUNT)
    with (
        RecordingUpstream(lab.ca.server(HOSTS, lab.now)) as upstream,
        lab.gate(upstream={"port": upstream.port, "keepalive": "200ms"}, limits=LIMITS) as gate,
    ):
        resting = at_rest(gate)
        siege = Siege(gate.port, trusting(lab.ca_file), gate.token)
        with Regular(gate) as regular:
            fates = siege.run(COUNT)
        assert regular.wrong == [] and regular.served > 20
        assert len(fates) == COUNT
        slowest = {kind: max(fate.seconds for fate in fates if fate.kind == kind) for kind in KINDS}
        assert max(slowest.values()) <= DEADLINE + 2, slowest
        # None was merely turned away at once.
        quickest = {kind: min(fate.seconds for fate in fates if fate.kind == kind) for kind in KINDS}
        assert min(quickest.values()) > 1, quickest
        all_closed(gate, resting)
        assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()
        # A body may be given up before its deadline, where it is far too slow.
        reasons = {one["reason"] for one in gate.exchanges(outcome="refused")}
        assert "frame.timeout" in reasons and reasons <= {"frame.timeout", "frame.body_rate"}
