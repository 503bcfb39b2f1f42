"""C{mcpgate token}: issue, list and revoke the bearer tokens that the gate itself accepts."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from mcpgate.cli.exits import Stop, complain
from mcpgate.cli.state import state_options
from mcpgate.cli.text import Written, format_option, show, table
from mcpgate.config.units import read_duration
from mcpgate.identity.bound import Bound
from mcpgate.identity.denied import PROOF_ID, Denied
from mcpgate.identity.issued import NO_ID, IssuedToken, TokenFile, TokenFileError
from mcpgate.identity.uses import last_uses, stamp
from mcpgate.ops.control import SOCKET, ControlError, ask

_Verb = TypeVar("_Verb", bound=Callable[..., Any])

#: How long a token is good for: a day of work, or of a job that gets one in the morning. Whoever needs more
#: says so, and 30 days (C{LIFETIME_MOST}) is the most there is.
LIFETIME = "24h"
#: For how long that is refused which others have issued, whose end nobody here knows: no token of an issuer
#: is accepted that is good for longer (C{issuer.max_lifetime}). What is named by its id may be a certificate,
#: and most of those end within a year.
DENIED, DENIED_ID = "30d", "366d"


def _several(flag: str, name: str, what: str, help: str) -> Callable[[_Verb], _Verb]:
    return click.option(flag, name, metavar=what, multiple=True, help=help)


def _of_others(verb: _Verb) -> _Verb:
    """Give a verb the options by which a subject of another issuer's is named."""
    subject = click.option("--subject", metavar="SUBJECT", help="Somebody, as the issuer calls them.")
    issuer = click.option("--issuer", metavar="NAME", help="Which issuer, by its name in the configuration.")
    return issuer(subject(verb))


@click.group("token", short_help="Issue, list and revoke bearer tokens for callers.")
def command() -> None:
    """Issue, list and revoke bearer tokens for callers."""


@command.command("issue")
@click.argument("name")
@click.option(
    "--lifetime",
    type=Written("DURATION", read_duration),
    default=LIFETIME,
    show_default=True,
    help="How long it is good for, 30d at the most.",
)
@click.option(
    "--group",
    "groups",
    metavar="GROUP",
    multiple=True,
    help="A group for rules to name (who = { group = ... }); may be given several times.",
)
@_several("--route", "routes", "ROUTE", "A route that it is good on, and no other.")
@_several("--rule", "rules", "RULE", "A rule that may allow it something, and no other.")
@_several("--address", "addresses", "NETWORK", "Where its caller connects from: an address or a network.")
@_several("--certificate", "certificates", "NAME|SHA256", "The client certificate to be shown with it.")
@_several("--scope", "scopes", "SCOPE", "What it may be used for, where a route or a rule demands that.")
@state_options
@format_option
def issue(
    name: str,
    lifetime: float,
    groups: tuple[str, ...],
    routes: tuple[str, ...],
    rules: tuple[str, ...],
    addresses: tuple[str, ...],
    certificates: tuple[str, ...],
    scopes: tuple[str, ...],
    state: Path,
    form: str,
) -> None:
    """Issue a token to NAME and print it, this once.

    Bound to routes, rules, addresses or a client certificate (each option may be given several times) it is
    of little use to whoever steals it.
    """
    file = _opened(state)
    try:
        bound = Bound.to(
            routes=routes, rules=rules, addresses=addresses, certificates=certificates, scopes=scopes
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    try:
        # Before the gate's first start there is no directory yet; it is made as the gate would.
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        code = os.EX_NOPERM if isinstance(error, PermissionError) else os.EX_CANTCREAT
        raise Stop(f"{state}: {error.strerror}", code) from error
    try:
        token, text = file.issue(name, lifetime, time.time(), groups, bound)
    except TokenFileError as error:
        raise _not_changed(error) from error
    _nudge(state)
    facts = {
        "id": token.id,
        "name": token.name,
        "groups": list(token.groups),
        "bound": _bound(token.bound),
        "expires": stamp(token.expires),
        "token": text,
    }
    within = f", in {', '.join(token.groups)}" if token.groups else ""
    click.echo(f"Token {token.id} for {token.name}{within}, good until {stamp(token.expires)}.", err=True)
    click.echo("It is not kept and cannot be shown again:", err=True)
    show(facts, form, lambda: text)


@command.command("list")
@state_options
@format_option
def list_tokens(state: Path, form: str) -> None:
    """List what was issued or denied; the tokens are not kept.

    When a token was last used is up to a minute old.
    """
    known = _opened(state).load()
    try:
        uses = last_uses(state)
    except OSError as error:
        raise Stop(f"{state}: {error.strerror}", os.EX_NOPERM) from error
    now = time.time()
    facts = [_facts(token, uses, now) for token in known.all()]
    facts += [_denied(one) for one in known.denied if now < one.until]
    heads = ("id", "name", "groups", "bound", "created", "expires", "used", "state")
    rows = [[_cell(fact[head]) for head in heads] for fact in facts]
    show(facts, form, lambda: table(rows, heads=heads) if facts else "No token was issued yet.")


@command.command("revoke")
@click.argument("id_or_name", required=False)
@_of_others
@click.option(
    "--for",
    "seconds",
    type=Written("DURATION", read_duration),
    help="How long what others have issued is refused: as long as it could be good.  "
    f"[default: {DENIED_ID} for an id, {DENIED} for a subject]",
)
@state_options
def revoke(
    id_or_name: str | None, issuer: str | None, subject: str | None, seconds: float | None, state: Path
) -> None:
    """Revoke one token by its id, or all of a name's. What is under way of it ends.

    What others have issued is refused from now on: one token or certificate by its id, as the "proof" of a
    record shows it; or, with --issuer and --subject, all that a subject had by now. What it is given later is
    good, if it says when that was (iat); tokens that were granted for SAML assertions do not.
    """
    file, now = _opened(state), time.time()
    denied = _meant(id_or_name, issuer, subject, now, seconds)
    try:
        ours = any(id_or_name in (token.id, token.name) for token in file.all())
        if denied is not None and not ours:
            file.deny(denied)
            said = [f"Refused until {stamp(denied.until)}: {denied.told}."]
        elif seconds is not None:
            raise click.UsageError("--for is about what other issuers have issued: ours stays revoked")
        else:
            revoked = file.revoke(id_or_name or "", now)
            said = [f"Token {token.id} for {token.name} is revoked." for token in revoked]
    except TokenFileError as error:
        raise _not_changed(error) from error
    _nudge(state)
    for sentence in said:
        click.echo(sentence, err=True)


@command.command("readmit")
@click.argument("id", required=False)
@_of_others
@state_options
def readmit(id: str | None, issuer: str | None, subject: str | None, state: Path) -> None:
    """Take back that what another issuer has issued is refused. A token of the gate's own stays revoked."""
    file = _opened(state)
    denied = _meant(id, issuer, subject, time.time(), None)
    if denied is None:
        # Not quoted: it may be a token.
        raise click.UsageError(f"that is no id of another issuer's proof; {NO_ID}")
    try:
        file.readmit(denied)
    except TokenFileError as error:
        raise _not_changed(error) from error
    _nudge(state)
    click.echo(f"Not refused any more: {denied.told}.", err=True)


def _meant(
    id: str | None, issuer: str | None, subject: str | None, now: float, seconds: float | None
) -> Denied | None:
    """What of another issuer's is meant, if it is."""
    if (id is None) == (issuer is None) or (issuer is None) != (subject is None):
        raise click.UsageError("name either an id (or a token's name), or --issuer and --subject")
    until = now + (read_duration(DENIED if id is None else DENIED_ID) if seconds is None else seconds)
    if id is None:
        return Denied(now, until, issuer=issuer, subject=subject)
    return Denied(now, until, id=id.lower()) if PROOF_ID.fullmatch(id.lower()) else None


def _opened(state: Path) -> TokenFile:
    """The token file of a state directory, once it has proved readable."""
    file = TokenFile(state / "tokens.json")
    try:
        file.all()
    except TokenFileError as error:
        raise Stop(str(error), _cause(error, os.EX_NOINPUT)) from error
    return file


def _not_changed(error: TokenFileError) -> Stop:
    # The file was readable a moment ago. What is left is a disk that refuses, or a bad request.
    return Stop(str(error), _cause(error, os.EX_CANTCREAT if error.__cause__ else os.EX_USAGE))


def _cause(error: Exception, otherwise: int) -> int:
    return os.EX_NOPERM if isinstance(error.__cause__, PermissionError) else otherwise


def _nudge(state: Path) -> None:
    """Have a running gate read the file at once; it looks by itself every C{gate.watch} otherwise."""
    try:
        answered = ask(state / SOCKET, "tokens")
    except ControlError:
        return
    if "problem" in answered:
        complain(f"warning: the running gate has not taken it up: {answered['problem']}")
    doubts = answered.get("token_doubts")
    for sentence in doubts if isinstance(doubts, list) else ():
        complain(f"warning: {sentence}")


def _state(token: IssuedToken, now: float) -> str:
    if token.revoked is not None:
        return "revoked"
    return "good" if now < token.expires else "expired"


def _facts(token: IssuedToken, uses: Mapping[str, float], now: float) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "groups": list(token.groups),
        "bound": _bound(token.bound),
        "created": stamp(token.created),
        "expires": stamp(token.expires),
        "used": stamp(uses[token.id]) if token.id in uses else None,
        "state": _state(token, now),
    }


def _denied(one: Denied) -> dict[str, Any]:
    return {
        "id": one.id,
        # As the principal is called that it would be.
        "name": None if one.id is not None else f"{one.issuer}/{one.subject}",
        "issuer": one.issuer,
        "subject": one.subject,
        "groups": [],
        "bound": {},
        "created": stamp(one.since),
        "expires": stamp(one.until),
        "used": None,
        "state": "denied",
    }


def _bound(bound: Bound) -> dict[str, list[str]]:
    kinds = ("routes", "rules", "addresses", "certificates", "scopes")
    return {kind: list(getattr(bound, kind)) for kind in kinds if getattr(bound, kind)}


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{kind}={','.join(values)}" for kind, values in value.items())
    return " ".join(value) if isinstance(value, list) else str(value or "")
