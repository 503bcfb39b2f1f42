"""C{mcpgate check}: all that is judged before a start, without starting anything."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from mcpgate.admin.terms import load_admin
from mcpgate.cli.exits import complain
from mcpgate.cli.judged import judged
from mcpgate.cli.online import inquire, tell, visit
from mcpgate.cli.text import cell, config_option, format_option, outline, show
from mcpgate.config.inspect import foreign_owner
from mcpgate.generation import Generation
from mcpgate.identity.issued import TokenFile, TokenFileError
from mcpgate.policy.doubts import doubts


@click.command(short_help="Judge the configuration and all files that it names.")
@config_option
@format_option
@click.option(
    "--online",
    is_flag=True,
    help="Also shake hands with every upstream, and ask every issuer for its keys, as the gate would.",
)
@click.option("--alerts", is_flag=True, help="With --online: also send a test to every [[alert]].")
def command(config: Path, form: str, online: bool, alerts: bool) -> None:
    """Judge the configuration and every file that it names."""
    from twisted.internet import reactor

    if alerts and not online:
        raise click.UsageError("--alerts tells somebody else, so it wants --online beside it")
    generation = judged(reactor, config, serves=False).prepare()
    facts = facts_of(generation, datetime.now(UTC))
    visits = visit(generation.upstreams.values()) if online else []
    inquiries = inquire(generation.issuers.values()) if online and generation.issuers else []
    whole = {**facts, "online": [one.facts() for one in visits]} if online else facts
    brief = {**facts, "online": [one.row() for one in visits]} if online else dict(facts)
    if inquiries:
        keys = {"keys": [one.facts() for one in inquiries]}
        whole, brief = {**whole, **keys}, {**brief, **keys}
    tests = tell(load_admin(generation.config, 1, datetime.now(UTC)).alerts) if alerts else []
    if tests:
        sent = {"alerts": [one.facts() for one in tests]}
        whole, brief = {**whole, **sent}, {**brief, **sent}
    show(whole, form, lambda: f"{cell(brief.pop('configuration'))} is good\n{outline(brief)}")
    told = [sentence for one in visits for sentence in one.complaints()]
    told += [sentence for one in inquiries for sentence in one.complaints()]
    for sentence in (*told, *(sentence for one in tests for sentence in one.complaints())):
        complain(sentence)
    for doubt in doubts(generation.config, generation.policy):
        complain(f"warning: {doubt}")
    if generation.grants is not None:
        for warning in generation.grants.assertions.warnings(time.time()):
            complain(f"warning: {warning}")
    owner = foreign_owner(generation.config)
    if owner is not None:
        complain(f"warning: root may read more than the gate's user ({owner}); have that one look, too")
    for sentence in _of_tokens(generation):
        complain(f"warning: {sentence}")
    if any(one.tried.refusal for one in visits) or any(
        [one.problem for one in inquiries] + [one.problem for one in tests]
    ):
        raise SystemExit(os.EX_UNAVAILABLE)


def _of_tokens(generation: Generation) -> Sequence[str]:
    """What is odd about issued tokens, if this gate has any and whoever asks may read them."""
    try:
        tokens = TokenFile(generation.config.gate.state / "tokens.json").load()
    except TokenFileError as error:
        return [] if isinstance(error.__cause__, PermissionError) else [str(error)]
    return generation.strays(tokens, time.time())


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
                "require_pq": terms.profile.require_pq,
                "client_certificates": terms.table.client_certificates,
                "tokens": terms.table.tokens,
                "certificate_and_token": terms.table.certificate_and_token,
                "unsafe_anonymous": terms.table.unsafe_anonymous,
            }
            for terms in generation.listeners.values()
        ],
        "certificates": [
            {
                "listener": terms.name,
                "names": [*pair.facts.dns_names, *pair.facts.addresses],
                "not_after": pair.facts.not_after.isoformat(),
                "days_left": (pair.facts.not_after - now).days,
            }
            for terms in generation.listeners.values()
            for pair in terms.pairs
        ],
        "issuers": [
            {
                "name": table.name,
                "issuer": generation.issuers[table.name].terms.issuers[0],
                "audience": list(table.audience),
                "trust": table.trust,
                "opaque_tokens": table.introspection is not None,
            }
            for table in config.issuers
        ],
        "upstreams": [
            {
                "name": table.name,
                "url": table.url,
                "profile": table.profile,
                "require_pq": table.require_pq,
                "trust": table.trust,
                "pins": list(table.pins),
            }
            for table in config.upstreams
        ],
        "routes": [{"host": t.host, "path": t.path, "upstream": t.upstream} for t in config.routes],
        "rules": [rule.name for rule in config.rules],
    }
