"""The admin process. Nobody types this: the gate's process starts it, on one end of a channel.

It ends when the channel does. What a terminal sends to every process in it is the gate's to act on.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

from twisted.python.reflect import namedAny

from mcpgate.cli.owned import own
from mcpgate.cli.telling import relay_log
from mcpgate.workers.channel import Channel, attach
from mcpgate.workers.child import CHANNEL


def command(reactor: Any) -> list[str]:
    """The command line of an admin process on the same kind of reactor."""
    return [sys.executable, "-P", "-m", __name__, type(reactor).__module__]


# Where the processor is what is short, those who serve calls have three times as much of it; a page that is
# looked at just then still gets its part.
NICE = 5


def main(reactor_module: str) -> None:
    """Serve, until the gate's process is gone."""
    # First: what is loaded now takes a second, in which the gate's own workers may be starting.
    # A sandbox may forbid it; then all processes are alike.
    with suppress(PermissionError):
        os.nice(NICE)
    namedAny(reactor_module).install()
    from twisted.internet import reactor as installed

    from mcpgate.admin.service import Admin

    reactor: Any = installed
    own(reactor)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    admin = Admin(reactor, reactor.stop)
    channel = admin.channel = Channel(reactor, admin.verbs, admin.leave)
    signal.signal(signal.SIGTERM, lambda *_: reactor.callFromThread(admin.leave))
    relay_log(channel, reactor)
    attach(reactor, channel, socket.socket(fileno=CHANNEL))
    channel.tell("ready")
    reactor.run(installSignalHandlers=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
