"""The gate of L{tests.docs.worlds.gate}, which serves; two calls of C{ci} wait for a person."""

from __future__ import annotations

import time
from threading import Thread

from mcpgate.ops.control import ask
from tests.docs.place import Place
from tests.docs.running import STATE
from tests.docs.worlds.gate import built

RULES = """\
[[rule]]
name = "careful"
on = { route = "github", method = "tools/call", name = "delete_*" }
verdict = "hold"
wait = "10m"
said = "Deletes need a second pair of eyes."
"""

_PATIENCE = 40.0


def build(place: Place) -> None:
    """Build it."""
    built(place, RULES)
    ci = place.command("token", "issue", "ci").split()[-1]
    place.gate(place.config, STATE)
    for number, name in enumerate(("gate", "shared"), 1):
        Thread(
            target=place.tool, args=("/github", ci, "delete_repo"), kwargs={"name": name}, daemon=True
        ).start()
        end = time.monotonic() + _PATIENCE
        while len(ask(STATE / "control.sock", "held")["held"]) < number:
            if time.monotonic() > end:
                raise RuntimeError("no call waits")
            time.sleep(0.05)
