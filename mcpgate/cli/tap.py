"""What C{twist mcpgate} calls: its options, and the service they ask for."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.application.service import IService
from twisted.python import usage

from mcpgate.admin.beside import Beside
from mcpgate.cli import admin
from mcpgate.cli.exits import ends_well
from mcpgate.cli.judged import judged
from mcpgate.cli.owned import own
from mcpgate.cli.process import Process
from mcpgate.cli.text import DEFAULT_CONFIG
from mcpgate.cli.unit import unit_of
from mcpgate.workers.child import spawner


class Options(usage.Options):
    """C{twist mcpgate [--config FILE]}."""

    longdesc = (
        "Runs a gate for the Model Context Protocol. SIGHUP reads the configuration again. "
        "The mcpgate command has the other verbs; mcpgate --help lists them."
    )
    optParameters = [["config", "c", DEFAULT_CONFIG, "The configuration file."]]


def makeService(options: usage.Options) -> IService:
    """Judge all that C{mcpgate check} would; a fault ends the process before anything starts."""
    # Here and not above: by now twist has installed the reactor that its --reactor asked for.
    from twisted.internet import reactor

    with ends_well():
        source = Path(options["config"])
        gate = judged(reactor, source)
        own(reactor)
        beside = Beside(reactor, spawner(reactor, admin.command(reactor)))
        return Process(reactor, gate, source, beside, unit_of(reactor, os.environ, os.getpid(), gate.status))
