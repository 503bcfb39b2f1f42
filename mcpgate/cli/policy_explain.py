"""C{mcpgate policy explain}: which rule decides about a call, and what each of them says of it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from mcpgate.cli.exits import Stop
from mcpgate.cli.journals import lines_of
from mcpgate.cli.rules import chosen, rules_options, subject_of
from mcpgate.cli.text import format_option, show, table
from mcpgate.config.load import load_config
from mcpgate.config.problem import ConfigError, quoted
from mcpgate.policy.questions import decide_question
from mcpgate.policy.rules import QUESTIONS
from mcpgate.reasons import Refusal
from mcpgate.trial.cases import CallTable, CaseTable, read_case
from mcpgate.trial.outcome import Outcome
from mcpgate.trial.reasoning import Said, reasoning, reasoning_of_question
from mcpgate.trial.recorded import Reading
from mcpgate.trial.replay import caller_of as recorded_caller
from mcpgate.trial.replay import calls_of, judged_again
from mcpgate.trial.subject import Subject
from mcpgate.trial.trial import caller_of, handshake_of, message_of, tried
from mcpgate.wire.call import call_of
from mcpgate.wire.jsonrpc import RESPONSE, parse
from mcpgate.wire.mcp import Nature
from mcpgate.wire.questions import question_of

_KINDS = ("token", "certificate", "subject")


@click.command("explain", short_help="Say which rule decides about a call, and why.")
@click.argument("exchange", required=False)
@click.option(
    "--as", "who", metavar="KIND:NAME", help="Who calls: token:NAME, certificate:NAME or subject:NAME."
)
@click.option("--issuer", help="Who vouches for the caller.")
@click.option("--group", multiple=True, help="A group that the caller is in; may be given several times.")
@click.option("--scope", multiple=True, help="A scope of the caller's token; may be given several times.")
@click.option("--claim", multiple=True, metavar="NAME=VALUE", help="A claim of the caller's.")
@click.option("--address", help="The address that the caller connects from.")
@click.option("--route", help="The route's name.")
@click.option("--method", default="tools/call", show_default=True, help="The MCP method.")
@click.option("--name", help="The tool, prompt or resource URI.")
@click.option("--arguments", metavar="JSON|@FILE", help="The arguments, as a JSON object or a file of it.")
@click.option(
    "--inbound", multiple=True, metavar="KEY=VALUE", help="What the caller's leg negotiated: version=TLSv1.2."
)
@click.option(
    "--outbound", multiple=True, metavar="KEY=VALUE", help="What the upstream's leg negotiated: pinned=true."
)
@click.option(
    "--journal",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Where EXCHANGE is on record, if elsewhere.",
)
@rules_options
@format_option
def command(
    exchange: str | None,
    config: Path,
    policy: Path | None,
    form: str,
    journal: tuple[Path, ...],
    **options: Any,
) -> None:
    """Say which rule decides about a call, and of each rule whether it is about it, or which key is not
    fulfilled.

    The call is EXCHANGE, an id of the journal, or is told by the options. Of a recorded one the arguments are
    not known. A method such as sampling/createMessage is what the upstream asks of the caller.
    """
    told = chosen()
    subject = subject_of(config, policy)
    if exchange is not None:
        where = journal or (_journal_of(config, policy if told else None),)
        facts, said = _recorded(subject, exchange, where)
    else:
        facts, said = _told(subject, _case(options))
    whole = {**facts, "rules": [one.facts() for one in said]}
    show(whole, form, lambda: _text(facts, said))


def _journal_of(config: Path, policy: Path | None) -> Path:
    if policy is not None:
        raise click.UsageError("a file of rules alone has no journal; name it with --journal")
    return load_config(config).gate.state / "journal"


def _recorded(subject: Subject, exchange: str, where: Sequence[Path]) -> tuple[dict[str, object], list[Said]]:
    for one in Reading().messages(lines_of(where)):
        if one.id == exchange:
            break
    else:
        what = f"no message of an exchange {quoted(exchange)} is on record there"
        raise Stop(what, os.EX_NOINPUT)
    now = judged_again(subject, one)
    facts: dict[str, object] = {
        "verdict": now.verdict,
        "rule": now.rule,
        "reason": now.reason.value if now.reason is not None else None,
        "unknown": list(now.unknown),
        "was": one.verdict,
        "was_rule": one.rule,
    }
    said = []
    for call in calls_of(one)[:1]:
        outbound = one.outbound.handshake if one.outbound is not None else None
        said = reasoning(subject.policy, recorded_caller(one), one.route or "", call, None, outbound)
    return facts, said


def _told(subject: Subject, case: CaseTable) -> tuple[dict[str, object], list[Said]]:
    missing = subject.missing(case.route)
    if missing is not None:
        raise click.UsageError(missing)
    if case.call is not None and case.call.method in QUESTIONS:
        return _asked(subject, case, case.call)
    outcome = tried(subject, case)
    message = parse(message_of(case))
    if isinstance(message, Refusal) or message.kind is RESPONSE:
        return outcome.facts(), []
    call = call_of(message)
    if isinstance(call, Refusal):
        return outcome.facts(), []
    if call.nature is Nature.TASK:
        raise click.UsageError(
            "a task is judged as the tool that made it: --method tools/call --name TOOL; "
            "lists of tasks are answered where anything is allowed"
        )
    caller = caller_of(case.who, case.transport)
    outbound = handshake_of(case.transport.outbound)
    said = reasoning(subject.policy, caller, case.route, call, message.params, outbound)
    return outcome.facts(), said


def _asked(subject: Subject, case: CaseTable, call: CallTable) -> tuple[dict[str, object], list[Said]]:
    """What an upstream asks of a caller. Its params are the arguments."""
    caller = caller_of(case.who, case.transport)
    question = question_of(call.method, call.arguments)
    leg = handshake_of(case.transport.outbound)
    verdict = decide_question(subject.policy.callers(caller), case.route, question, leg)
    said = reasoning_of_question(subject.policy, caller, case.route, call.method, question.params, leg)
    return Outcome(verdict.action.value, verdict.rule, verdict.reason, shadow=verdict.shadow).facts(), said


def _case(options: Mapping[str, Any]) -> CaseTable:
    if options["route"] is None:
        raise click.UsageError("needs an exchange's id, or a call: --route, --method, --name and so on")
    who = {key: options[key] for key in ("issuer", "address") if options[key] is not None}
    if options["group"]:
        who["group"] = list(options["group"])
    if options["scope"]:
        who["scope"] = list(options["scope"])
    if options["claim"]:
        who["claims"] = dict(_pair(pair, "--claim") for pair in options["claim"])
    if options["who"] is not None:
        kind, divided, name = options["who"].partition(":")
        if not divided or kind not in _KINDS:
            raise click.BadParameter(
                f"it begins with one of {', '.join(f'{one}:' for one in _KINDS)}", param_hint="--as"
            )
        who[kind] = name
    call = {"method": options["method"], "arguments": _arguments(options["arguments"])}
    if options["name"] is not None:
        call["name"] = options["name"]
    raw = {
        "name": "told",
        "expect": {"verdict": "allow"},
        "who": who,
        "route": options["route"],
        "call": call,
        "transport": {leg: _leg(options[leg], leg) for leg in ("inbound", "outbound")},
    }
    try:
        return read_case(raw)
    except ConfigError as error:
        raise click.UsageError("; ".join(map(str, error.problems))) from None


def _leg(pairs: Sequence[str], leg: str) -> dict[str, object]:
    told = dict(_pair(pair, f"--{leg}") for pair in pairs)
    return {key: {"true": True, "false": False}.get(value, value) for key, value in told.items()}


def _pair(text: str, option: str) -> tuple[str, str]:
    key, divided, value = text.partition("=")
    if not key or not divided:
        raise click.BadParameter("want KEY=VALUE", param_hint=option)
    return key, value


def _arguments(given: str | None) -> Mapping[str, object]:
    if given is None:
        return {}
    text = Path(given[1:]).read_text(encoding="utf-8") if given.startswith("@") else given
    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"it is no JSON: {error}", param_hint="--arguments") from None
    if not isinstance(value, dict):
        raise click.BadParameter("it is no JSON object", param_hint="--arguments")
    return value


def _text(facts: Mapping[str, object], said: Sequence[Said]) -> str:
    first = str(facts["verdict"] or "undecidable")
    if facts["rule"] is not None:
        first += f" by {facts['rule']}"
    elif first == "allow":
        first += ": lists pass where anything is allowed, and what the protocol needs always does"
    if facts["reason"] is not None:
        first += f" ({facts['reason']})"
    if facts.get("unknown"):
        first += f": not on record: {', '.join(map(str, facts['unknown']))}"  # type: ignore[call-overload]
    if facts.get("was") is not None:
        first += f"; it was {facts['was']}" + (f" by {facts['was_rule']}" if facts["was_rule"] else "")
    if not said:
        return first + "\nNo rule is about it."
    order = {True: 0, None: 1, False: 2}
    words = {True: "yes", False: "no", None: "its arguments would tell"}
    rows = [
        (one.rule, one.says + (" (shadow)" if one.shadow else ""), words[one.matches], ", ".join(one.missing))
        for one in sorted(said, key=lambda one: order[one.matches])
    ]
    return f"{first}\n\n" + table(rows, heads=("rule", "says", "is about it", "not fulfilled"))
