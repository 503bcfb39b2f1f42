"""A caller who deserves to be served whatever else goes on."""

import threading
from itertools import count
from typing import Self

from tests.e2e.lab import GateProcess
from tests.e2e.wire import Wire, calling, posted, trusting


class Regular:
    """Somebody with a good token who comes again and again, each time with a new connection."""

    def __init__(self, gate: GateProcess) -> None:
        self.served = 0
        self.wrong: list[object] = []
        self._gate = gate
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        context = trusting(self._gate.lab.ca_file)
        for number in count():
            if self._over.wait(0.02):
                return
            try:
                with Wire(self._gate.port, context, source="127.0.0.1") as wire:
                    wire.send(posted(self._gate, calling("get_weather", number))).wait_for(1)
                    statuses = [answer.status for answer in wire.answers()]
            except (OSError, AssertionError) as error:
                self.wrong.append(error)
                return
            if statuses != [200]:
                self.wrong.append(statuses)
            self.served += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
