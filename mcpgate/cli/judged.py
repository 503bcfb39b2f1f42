"""A gate that was judged as a whole: what C{check}, C{run} and C{twist mcpgate} begin with."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mcpgate.config.inspect import inspect
from mcpgate.config.load import load_config
from mcpgate.config.problem import ConfigError
from mcpgate.gate import Gate


def judged(reactor: Any, path: Path) -> Gate:
    """A gate that is ready to start.

    @raise ConfigError: if anything is wrong with the file, with the world it names (secrets, the
        state directory), or with what is in the certificate files; it has every problem.
    """
    config = load_config(path)
    gate = Gate(reactor, config)
    problems = list(inspect(config, datetime.now(UTC)))
    try:
        gate.prepare()
    except ConfigError as error:
        # A missing file is seen by both; once is enough.
        known = {problem.path for problem in problems}
        problems += [problem for problem in error.problems if problem.path not in known]
    if problems:
        raise ConfigError(problems, config.source)
    return gate
