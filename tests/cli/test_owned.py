"""What is set in a process that is ours alone."""

import subprocess
import sys

PROGRAM = """
import resource, time
from twisted.internet import reactor
from mcpgate.cli.owned import own
import mcpgate.gate
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(200, hard), hard))
print(reactor.seconds() > 1e9, resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(200, hard))
own(reactor)
own(reactor)
print(abs(reactor.seconds() - time.monotonic()) < 1)
print(resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard))
called = reactor.callLater(0.05, reactor.stop)
print(0 < called.getTime() - time.monotonic() < 1)
reactor.run()
"""


def test_timers_count_on_the_monotonic_clock_and_descriptors_are_as_many_as_allowed() -> None:
    """Only once it is asked for: a gate alone leaves both as they are."""
    said = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
    assert said.stdout.split() == ["True", "True", "True", "True", "True"], said.stderr
