"""Which rules a verb is about: those of a configuration, or of a file of rules alone.

Verbs that try rules need no gate: no certificates, no state directory, nothing else that a configuration
names, so that they work on a laptop and in CI.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from mcpgate.cli.text import config_option
from mcpgate.config.load import load_config, load_policy
from mcpgate.policy.rules import compile_rules
from mcpgate.trial.subject import Subject

_Verb = Callable[..., Any]


def rules_options(verb: _Verb) -> _Verb:
    """Give a verb C{--config FILE} and C{--policy FILE}, as C{config: Path} and C{policy: Path | None}."""
    found = click.option(
        "-p",
        "--policy",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A file of rules alone, such as one that a configuration includes, instead.",
    )(verb)
    return config_option(found)


def chosen() -> bool:
    """Whether the command line says whose rules are meant.

    @raise click.UsageError: it says so twice.
    """
    context = click.get_current_context()
    config = context.get_parameter_source("config") is not ParameterSource.DEFAULT
    policy = context.params["policy"] is not None
    if config and policy:
        raise click.UsageError("--config and --policy both say which rules; give one of them")
    return config or policy


def subject_of(config: Path, policy: Path | None) -> Subject:
    """The rules of a file.

    @raise mcpgate.config.problem.ConfigError: it cannot be used.
    """
    if policy is not None:
        alone = load_policy(policy)
        return Subject(policy.absolute(), compile_rules(alone.rules, alone.detectors))
    whole = load_config(config)
    return Subject(
        config.absolute(),
        compile_rules(whole.rules, whole.detectors),
        frozenset(table.name for table in whole.routes),
        {table.name: frozenset(table.scopes) for table in whole.routes if table.scopes},
    )
