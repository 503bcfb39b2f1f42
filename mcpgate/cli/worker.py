"""The process of a worker. Nobody types this: its supervisor starts it, on one end of a channel.

It ends when the channel does. SIGINT and SIGHUP, which a terminal sends to every process in it, are
the supervisor's to act on; SIGTERM drains this worker alone, and the supervisor starts another.
"""

from __future__ import annotations

import signal
import socket
import sys
from typing import Any

from twisted.python.reflect import namedAny

from mcpgate.cli.owned import own
from mcpgate.cli.telling import relay_log
from mcpgate.workers.channel import Channel, attach
from mcpgate.workers.child import CHANNEL
from mcpgate.workers.worker import Worker


def command(reactor: Any) -> list[str]:
    """The command line of a worker on the same kind of reactor."""
    return [sys.executable, "-P", "-m", __name__, type(reactor).__module__]


def main(reactor_module: str) -> None:
    """Serve, until the supervisor is gone."""
    namedAny(reactor_module).install()
    from twisted.internet import reactor as installed

    reactor: Any = installed
    own(reactor)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    worker = Worker(reactor, reactor.stop)
    channel = worker.channel = Channel(reactor, worker.verbs, worker.leave)
    signal.signal(signal.SIGTERM, lambda *_: reactor.callFromThread(worker.leave))

    relay_log(channel, reactor)
    attach(reactor, channel, socket.socket(fileno=CHANNEL))
    channel.tell("ready")
    reactor.run(installSignalHandlers=False)
    # The supervisor may have been told to stop, too, and have had no answer from us.
    sys.exit(not worker.finished)


if __name__ == "__main__":
    main(*sys.argv[1:])
