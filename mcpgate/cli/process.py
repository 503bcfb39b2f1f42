"""What only a process may do: signals and exit codes.

A C{Gate} can be a guest in any Twisted application, so it touches neither. C{Process} owns the gate,
or the supervisor of one, where the application is nothing but the gate:

  - SIGHUP reads the configuration again, and goes on in a new segment of the journal if somebody has
    moved the old one away. A configuration that is not good changes nothing; the log and C{status} say
    what was wrong with it.
  - SIGTERM and SIGINT let exchanges finish for C{gate.drain}, then stop; a second one stops at once.
    The process ends with 0 if all could finish, and with 1 if some were cut off.
  - What cannot start ends the process with a code of sysexits.h and one message, before the reactor
    runs.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpgate.admin.beside import Beside
from mcpgate.cli.exits import Stop, ends_well, stop_for
from mcpgate.cli.unit import Unit
from mcpgate.config.load import load_config
from mcpgate.config.problem import ConfigError
from mcpgate.config.units import write_duration
from mcpgate.gate import Gate
from mcpgate.ops.control import ControlError
from mcpgate.standing import KEPT
from mcpgate.workers.supervisor import Supervisor

#: How the process ends when exchanges were cut off.
CUT = 1


class Process(Service):
    """
    The gate as a process.

    @ivar source: The file that a reload reads.
    @ivar beside: The admin process.
    @ivar unit: What a service manager is told, where one wants to be.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        gate: Gate | Supervisor,
        source: Path,
        beside: Beside | None = None,
        unit: Unit | None = None,
    ) -> None:
        self._reactor = reactor
        self._gate = gate
        self._unit = unit
        self._beside = gate.standing.beside = beside
        gate.standing.alone = True
        # Absolute, so that nobody's change of directory makes a reload read another file.
        self._source = source.absolute()
        self._code = os.EX_OK

    def startService(self) -> None:
        """Start the gate, or end the process with the code that says why it cannot."""
        with ends_well():
            try:
                self._gate.startService()
            except ControlError as error:
                # At a start this is no gate that cannot be reached, but a socket that cannot be made:
                # as with the journal's lock, mostly because another gate has the state directory.
                raise Stop(str(error), os.EX_CANTCREAT) from error
        if self._beside is not None:
            self._beside.begin(self._gate.verbs)
        super().startService()
        atexit.register(self._exit)
        self._on((signal.SIGHUP,), self.hang_up)
        # Twisted installs its own when the reactor starts, and would end the process by the signal.
        self._reactor.callWhenRunning(self._take_signals)
        if self._unit is not None:
            self._reactor.callWhenRunning(self._unit.begin)

    def stopService(self) -> Deferred[None]:
        """Drain, then stop. Twisted calls this before the reactor stops."""
        super().stopService()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._on((signal.SIGTERM, signal.SIGINT), self.hurry)
        drain = self._gate.config.gate.drain
        self.log.info("stopping; exchanges may finish for {drain}", drain=write_duration(drain))
        if self._unit is not None:
            self._unit.stopping(drain)
        # It is there to the end, to say that the gate drains.
        stopped = self._gate.stopService().addCallbacks(self._stopped, self._failed)
        stopped.addCallback(lambda _: self._unit.end() if self._unit is not None else None)
        return stopped.addCallback(lambda _: self._beside.end() if self._beside is not None else None)

    def _take_signals(self) -> None:
        self._on((signal.SIGTERM, signal.SIGINT), self._stop)

    def _stop(self) -> None:
        # A second signal may come before the first one is acted upon.
        if self.running:
            self._reactor.stop()

    def _on(self, numbers: tuple[signal.Signals, ...], act: Callable[[], Any]) -> None:
        for number in numbers:
            signal.signal(number, lambda *_: self._reactor.callFromThread(act))

    def hang_up(self) -> Deferred[None]:
        """Reopen the journal and reload, as SIGHUP asks; whatever goes wrong, the gate stays as it was."""
        return Deferred.fromCoroutine(self._hang_up())

    async def _hang_up(self) -> None:
        self.log.info("reading {source} again", source=str(self._source))
        if self._unit is not None:
            self._unit.reloading()
        try:
            await maybeDeferred(self._gate.reopen)
            await maybeDeferred(self._gate.reload, load_config(self._source))
        except Exception as error:
            self._gate.complain("configuration", self._why(error))
            # Why is said once; whoever tries again with the same mistake has to hear that it was in vain.
            self.log.warn("not reloaded; mcpgate status says why")
        else:
            self.log.info("reloaded")
        finally:
            if self._unit is not None:
                self._unit.reloaded()

    def hurry(self) -> None:
        """End what is still unfinished now, as a second SIGTERM asks."""
        self.log.warn("stopping at once")
        self._gate.drain(0)

    def _stopped(self, finished: bool) -> None:
        if not finished:
            self.log.warn("stopped; not every exchange could finish")
            self._code = CUT

    def _failed(self, failure: Failure) -> None:
        self.log.failure("the gate did not stop in good order", failure=failure)
        self._code = CUT

    def _exit(self) -> None:
        # Neither twist nor its reactor lets a service choose how the process ends. By now the reactor
        # is done and only what was registered before us is left: Twisted's own, which is nothing.
        if self._code != os.EX_OK:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(self._code)

    def _why(self, error: Exception) -> str:
        if isinstance(error, ConfigError):
            return error.told(KEPT)
        stop = stop_for(error)
        if stop is None:
            self.log.failure("a reload failed in a way that was not foreseen")
            return "the reload failed in a way that was not foreseen; the log has it"
        return stop.message
