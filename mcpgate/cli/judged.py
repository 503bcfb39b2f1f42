"""A gate that was judged as a whole: what C{check}, C{run} and C{twist mcpgate} begin with."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mcpgate.admin.terms import load_admin
from mcpgate.cli.worker import command
from mcpgate.config.inspect import inspect
from mcpgate.config.load import load_config
from mcpgate.config.problem import ConfigError, Problem
from mcpgate.config.schema import Config
from mcpgate.gate import Gate
from mcpgate.workers.child import spawner
from mcpgate.workers.supervisor import Supervisor


def judged(reactor: Any, path: Path, *, serves: bool = True) -> Gate | Supervisor:
    """A gate that is ready to start: one that serves by itself, or the supervisor of several workers.

    @param serves: Whether it is to be started by this process.

    @raise ConfigError: if anything is wrong with the file, with the world it names (secrets, the
        state directory), or with what is in the certificate files; it has every problem.
    """
    config = load_config(path)
    gate = _gate(reactor, config)
    problems = list(inspect(config, datetime.now(UTC), serves=serves))
    try:
        gate.prepare()
    except ConfigError as error:
        # A missing file is seen by both; once is enough.
        problems += _new(error, problems)
    try:
        load_admin(config, 1, datetime.now(UTC))
    except ConfigError as error:
        problems += _new(error, problems)
    if problems:
        raise ConfigError(problems, config.source)
    return gate


def _new(error: ConfigError, told: list[Problem]) -> list[Problem]:
    known = {problem.path for problem in told}
    return [problem for problem in error.problems if problem.path not in known]


def _gate(reactor: Any, config: Config) -> Gate | Supervisor:
    workers = config.gate.workers
    # The cores that we may use, which can be fewer than there are.
    count = len(os.sched_getaffinity(0)) if isinstance(workers, str) else workers
    if count == 1:
        return Gate(reactor, config)
    return Supervisor(reactor, config, spawner(reactor, command(reactor)), count)
