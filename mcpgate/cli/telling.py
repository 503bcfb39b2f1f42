"""How a process of the gate's that has no log of its own tells the one that has."""

from __future__ import annotations

import sys
from typing import Any

from twisted.logger import ILogObserver, LogEvent, LogLevel, eventAsText, globalLogBeginner
from twisted.python.threadable import isInIOThread
from zope.interface import implementer

from mcpgate.workers.channel import Channel


def relay_log(channel: Channel, reactor: Any) -> None:
    """Have whatever is logged told over a channel: one process writes the log."""

    @implementer(ILogObserver)
    def tell(event: LogEvent) -> None:
        if not isInIOThread():
            # Such as whoever seals the journal; the channel is the reactor's.
            reactor.callFromThread(tell, event)
            return
        words = eventAsText(event, includeTimestamp=False, includeSystem=False)
        level = event.get("log_level") or LogLevel.info
        namespace = str(event.get("log_namespace", ""))
        if channel.connected and channel.transport.connected:
            channel.tell("log", level=level.name, namespace=namespace, text=words)
        elif level >= LogLevel.warn:
            print(words, file=sys.stderr)

    # What is printed by mistake is no log event: it goes where a crash would.
    globalLogBeginner.beginLoggingTo([tell], redirectStandardIO=False)
