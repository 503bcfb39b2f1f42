"""A thread for what takes the disk's time, so that no turn of the gate waits for it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue

from twisted.logger import Logger


class Aside:
    """
    Does one thing after the other, in the order in which it was told; it begins its thread when there
    is something to do.

    The thread does not keep the process: what hangs on a dead disk must not hang a stop as well.
    """

    log = Logger()

    def __init__(self, name: str, *, nice: int = 0) -> None:
        """
        @param name: What the thread is called, for whoever looks at the process.
        @param nice: How much others go first.
        """
        self._name = name
        self._nice = nice
        self._todo: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def do(self, call: Callable[[], object]) -> None:
        """Have something done; what it raises is logged."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._todo.put(call)

    def finish(self, most: float) -> bool:
        """Wait until all is done, for so many seconds at most; whether it is."""
        thread, self._thread = self._thread, None
        if thread is None:
            return True
        self._todo.put(None)
        thread.join(most)
        return not thread.is_alive()

    def _run(self) -> None:
        if self._nice:
            # Linux has priorities of threads (setpriority(2), under BUGS).
            # A sandbox may forbid it, and what is to be done has to be done.
            with suppress(PermissionError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), self._nice)
        while (call := self._todo.get()) is not None:
            try:
                call()
            except Exception:
                self.log.failure("a bug in the gate, in {name}", name=self._name)
