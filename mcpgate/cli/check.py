"""C{mcpgate check}: all that is judged before a start, without starting anything."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from mcpgate.cli.exits import complain
from mcpgate.cli.online import visit
from mcpgate.cli.text import cell, config_option, format_option, outline, show
from mcpgate.config.inspect import inspect
from mcpgate.config.load import load_config
from mcpgate.config.problem import ConfigError
from mcpgate.gate import Gate
from mcpgate.generation import Generation


@click.command()
@config_option
@format_option
@click.option("--online", is_flag=True, help="Also shake hands with every upstream, as the gate would.")
def command(config: Path, form: str, online: bool) -> None:
    """Judge the configuration and every file that it names."""
    from twisted.internet import reactor

    generation = judged(reactor, config).prepare()
    facts = facts_of(generation, datetime.now(UTC))
    visits = visit(generation.upstreams.values()) if online else []
    whole = {**facts, "online": [one.facts() for one in visits]} if online else facts
    brief = {**facts, "online": [one.row() for one in visits]} if online else dict(facts)
    show(whole, form, lambda: f"{cell(brief.pop('configuration'))} is good\n{outline(brief)}")
    for sentence in (told for one in visits for told in one.complaints()):
        complain(sentence)
    if any(one.tried.refusal for one in visits):
        raise SystemExit(os.EX_UNAVAILABLE)


def judged(reactor: Any, path: Path) -> Gate:
    """A gate that is ready to start.

    @raise ConfigError: with every problem of the file, of the world it names (secrets, the state
        directory), and of what is in the certificate files.
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
        raise ConfigError(problems, path)
    return gate


def facts_of(generation: Generation, now: datetime) -> dict[str, object]:
    """What a good configuration amounts to, as values that JSON can say."""
    config = generation.config
    return {
        "configuration": str(config.source),
        "listeners": [
            {
                "name": terms.name,
                "listen": terms.table.listen,
                "profile": terms.profile.name,
                "client_certificates": terms.table.client_certificates,
                "tokens": terms.table.tokens,
            }
            for terms in generation.listeners.values()
        ],
        "certificates": [
            {
                "listener": terms.name,
                "names": [*pair.facts.dns_names, *pair.facts.addresses],
                "expires": pair.facts.not_after.isoformat(),
                "days": (pair.facts.not_after - now).days,
            }
            for terms in generation.listeners.values()
            for pair in terms.pairs
        ],
        "upstreams": [
            {
                "name": table.name,
                "url": table.url,
                "profile": table.profile,
                "trust": table.trust,
                "pins": list(table.pins),
            }
            for table in config.upstreams
        ],
        "routes": [{"host": t.host, "path": t.path, "upstream": t.upstream} for t in config.routes],
        "rules": [rule.name for rule in config.rules],
    }
