"""Which gate a verb is about: the one whose state directory this is.

C{status} and C{token} are what an emergency begins with, and then the configuration on disk may be
half edited. So they take its state directory and nothing else from it, or are told the directory.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from mcpgate.cli.exits import Stop, stop_for
from mcpgate.cli.text import DEFAULT_CONFIG
from mcpgate.config.problem import ConfigError
from mcpgate.config.state import load_state

_Verb = Callable[..., Any]


def state_options(verb: _Verb) -> _Verb:
    """Give a verb C{--config FILE} and C{--state DIR}, as C{state: Path}."""

    @wraps(verb)
    def found(*words: Any, config: Path, state: Path | None, **options: Any) -> Any:
        return verb(*words, state=state_of(config, state), **options)

    return gate_options(found)


def gate_options(verb: _Verb) -> _Verb:
    """The same options as they are told, as C{config: Path} and C{state: Path | None}: for a verb that may
    do without a gate. L{state_of} makes of them what L{state_options} does."""
    path = click.Path(path_type=Path)
    instead = "The state directory itself, instead."
    found = click.option("--state", type=path, metavar="DIR", help=instead)(verb)
    return click.option(
        "-c",
        "--config",
        type=path,
        default=DEFAULT_CONFIG,
        show_default=True,
        metavar="FILE",
        help="The configuration file; only gate.state is read.",
    )(found)


def state_of(config: Path, state: Path | None) -> Path:
    """Which state directory these options name."""
    source = click.get_current_context().get_parameter_source("config")
    if state is not None and source is not ParameterSource.DEFAULT:
        raise click.UsageError("--config and --state both say which gate; give one of them")
    return state or _named_in(config)


def _named_in(config: Path) -> Path:
    try:
        return load_state(config)
    except ConfigError as error:
        usual = stop_for(error)
        assert usual is not None
        raise Stop(error.told("Name the state directory with --state DIR."), usual.code) from None
