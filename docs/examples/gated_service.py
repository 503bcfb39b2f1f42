"""An application with a gate in it, which hears what is recorded.

    twist gated-service --config gate.toml     (with this directory on PYTHONPATH)
    python gated_service.py gate.toml
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.application.service import IService
from twisted.logger import Logger
from twisted.python import usage

log = Logger()


class Options(usage.Options):
    """What it is told on the command line of twist."""

    optParameters = [["config", "c", "gate.toml", "The configuration of the gate."]]


def heard(record: Mapping[str, Any]) -> None:
    """Something is in the journal: of what ended, say how."""
    if record["type"] == "close":
        log.info("{id} {outcome} {reason}", **{key: record[key] for key in ("id", "outcome", "reason")})


def makeService(options: Mapping[str, str]) -> IService:
    """The gate, as a service: give it a parent, or start it yourself."""
    from twisted.internet import reactor

    from mcpgate import Gate, load_config

    gate = Gate(reactor, load_config(Path(options["config"])))
    gate.on_evidence(heard)
    return gate


if __name__ == "__main__":
    from twisted.internet import reactor
    from twisted.python.log import startLogging

    startLogging(sys.stdout)
    service = makeService({"config": sys.argv[1]})
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()
