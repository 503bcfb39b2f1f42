"""What only a process of its own may do: signals and exit codes.

A C{Gate} can be a guest in any Twisted application, so it touches neither. C{Process} owns the gate
where the application is nothing but the gate:

  - SIGHUP reads the configuration again and reopens the journal. A configuration that is not good
    changes nothing; the log and C{status} say what was wrong with it.
  - SIGTERM and SIGINT let exchanges finish for C{gate.drain}, then stop; a second one stops at once.
  - What cannot start ends the process with a code of sysexits.h and one message, before the reactor
    runs: afterwards no exit code can be chosen.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger

from mcpgate.cli.exits import Stop, ends_well, stop_for
from mcpgate.config.load import load_config
from mcpgate.config.problem import ConfigError
from mcpgate.config.units import write_duration
from mcpgate.gate import Gate
from mcpgate.ops.control import ControlError
from mcpgate.standing import KEPT


class Process(Service):
    """The gate as a process. C{source} is the file that a reload reads."""

    log = Logger()

    def __init__(self, reactor: IReactorFromThreads, gate: Gate, source: Path) -> None:
        self._reactor = reactor
        self._gate = gate
        # Absolute, so that nobody's change of directory makes a reload read another file.
        self._source = source.absolute()

    def startService(self) -> None:
        """Start the gate, or end the process with the code that says why it cannot."""
        with ends_well():
            try:
                self._gate.startService()
            except ControlError as error:
                # At a start this is no gate that cannot be reached, but a socket that cannot be made:
                # as with the journal's lock, mostly because another gate has the state directory.
                raise Stop(str(error), os.EX_CANTCREAT) from error
        super().startService()
        signal.signal(signal.SIGHUP, lambda *_: self._reactor.callFromThread(self.hang_up))

    def stopService(self) -> Deferred[bool]:
        """Drain, then stop. Twisted calls this at the first SIGTERM or SIGINT."""
        super().stopService()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        # Twisted's own answer to a second signal is a complaint that it is stopping already.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._reactor.callFromThread(self.hurry))
        drain = write_duration(self._gate.config.gate.drain)
        self.log.info("stopping; exchanges may finish for {drain}", drain=drain)
        return self._gate.stopService()

    def hang_up(self) -> None:
        """Reopen the journal and reload, as SIGHUP asks; whatever goes wrong, the gate stays as it was."""
        self.log.info("reading {source} again", source=str(self._source))
        try:
            self._gate.reopen()
            self._gate.reload(load_config(self._source))
        except Exception as error:
            self._gate.complain("configuration", self._why(error))
        else:
            self.log.info("reloaded")

    def hurry(self) -> None:
        """End what is still unfinished now, as a second SIGTERM asks."""
        self.log.warn("stopping at once")
        self._gate.drain(0)

    def _why(self, error: Exception) -> str:
        if isinstance(error, ConfigError):
            return error.told(KEPT)
        stop = stop_for(error)
        if stop is None:
            self.log.failure("a reload failed in a way that was not foreseen")
            return "the reload failed in a way that was not foreseen; the log has it"
        return stop.message
