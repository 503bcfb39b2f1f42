"""The two lines of an exchange: C{open} before a byte of it is forwarded, C{close} at its end.

They are put together from parts that are JSON already, as two of these are written for each request.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum, unique

import msgspec

from mcpgate.evidence.record import VERSION, bounded, members
from mcpgate.evidence.uris import shown
from mcpgate.holds.held import Decision
from mcpgate.identity.principal import Principal
from mcpgate.policy.rules import Verdict
from mcpgate.reasons import Reason, Refusal


@unique
class Outcome(StrEnum):
    """How an exchange ended."""

    COMPLETED = "completed"
    REFUSED = "refused"
    CLIENT_GONE = "client_gone"
    UPSTREAM_FAILED = "upstream_failed"
    UPSTREAM_TRUNCATED = "upstream_truncated"
    TIMEOUT = "timeout"
    DRAINED = "drained"
    FAILED = "failed"


_COMPLETED = Outcome.COMPLETED

_OUTCOMES = {
    Reason.UPSTREAM_TRUNCATED: Outcome.UPSTREAM_TRUNCATED,
    Reason.UPSTREAM_TIMEOUT: Outcome.TIMEOUT,
    Reason.UPSTREAM_QUIET: Outcome.TIMEOUT,
    Reason.CLIENT_GONE: Outcome.CLIENT_GONE,
    Reason.GATE_DRAINING: Outcome.DRAINED,
    Reason.GATE_ERROR: Outcome.FAILED,
}


def outcome_of(refusal: Refusal | None) -> Outcome:
    """How an exchange ended that ended with this refusal, if any."""
    if refusal is None:
        return _COMPLETED
    failed = refusal.reason.value.startswith("upstream.")
    return _OUTCOMES.get(refusal.reason, Outcome.UPSTREAM_FAILED if failed else Outcome.REFUSED)


#: How nearly every exchange ends, as a part of its close line.
_USUAL_END = '"outcome":"completed","status":200,"reason":null,"detail":null'


class _CallerFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    principal: str | None
    how: str | None
    proof: str | None
    issuer: str | None
    subject: str | None
    listener: str | None
    route: str | None
    upstream: str | None
    http: str
    revision: str | None
    session: str | None


class _CallFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    method: str | None
    name: str | None
    verdict: str | None
    rule: str | None


class _WhyFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    reason: str
    detail: str | None


class _MaskedFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    masked: dict[str, int]


class _OverFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    over: list[str]


class _HoldFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    hold: str
    decided: str | None
    by: str | None


def caller_facts(
    principal: Principal | None,
    *,
    listener: str | None,
    route: str | None,
    upstream: str | None,
    http: str,
    revision: str | None = None,
    session: str | None = None,
) -> str:
    """The part of an C{open} line that is the same for all requests with the same head.

    @param listener: C{None} for a request of the gate's own.
    @param http: The HTTP method.
    @param revision: That of MCP which the request names.
    @param session: What tells its session from others, and nobody how to use it.
    """
    facts = _CallerFacts(
        principal=principal.name if principal else None,
        how=principal.how if principal else None,
        proof=principal.id if principal else None,
        issuer=principal.issuer if principal else None,
        subject=principal.subject if principal else None,
        listener=listener,
        route=route,
        upstream=upstream,
        http=http,
        revision=revision,
        session=session,
    )
    return members(facts)


def call_facts(method: str | None, name: str | None, verdict: Verdict | None) -> str:
    """
    The part of an C{open} line that is the same for all calls of one thing: MCP's method and name.

    Where rules in the shadow are about it, it has what each would have said, by the rule's name.
    """
    facts = _CallFacts(
        method=bounded(method),
        name=bounded(shown(name)) if name is not None else None,
        verdict=verdict.action.value if verdict else None,
        rule=verdict.rule if verdict else None,
    )
    if verdict is not None and verdict.shadow:
        return f'{members(facts)},"shadow":{json.dumps(dict(verdict.shadow), separators=(",", ":"))}'
    return members(facts)


def own_facts(name: str) -> str:
    """What an C{open} line says besides of a request for something of the gate's own."""
    return f',"own":{json.dumps(name)}'


def hold_facts(hold: str, decision: Decision | None) -> str:
    """What an C{open} line says besides of a call that was held, and who let it pass."""
    facts = _HoldFacts(
        hold=hold,
        decided=decision.word.value if decision else None,
        by=bounded(decision.by) if decision else None,
    )
    return members(facts)


def batch_facts(calls: Sequence[str]) -> str:
    """The same part for several messages in one body. C{calls}: from L{call_facts}, in their order."""
    together = ",".join(f"{{{call}}}" for call in calls)
    return f'{call_facts(None, None, None)},"calls":[{together}]'


def open_line(
    id: str,
    *,
    time: str,
    inbound: str | None,
    outbound: str | None,
    caller: str,
    call: str,
    trace: str | None = None,
) -> bytes:
    """An exchange begins; written before a byte of it is forwarded.

    It is put together from parts that are JSON already, as two of these lines are written for each
    request; C{id}, C{time} and the handshakes' ids are ours and hold nothing to escape.

    @param id: The exchange's id, which its close line repeats.
    @param inbound: The id of the inbound handshake's line, C{None} for a request of the gate's own;
        C{outbound} likewise, C{None} if none was needed.
    @param caller: From L{caller_facts}; C{call}: from L{call_facts}.
    @param trace: The traceparent that came with it (C{wire.trace}); the line says so only where there was
        one.
    """
    more = f',"trace":"{trace}"' if trace is not None else ""
    first = f'"{inbound}"' if inbound is not None else "null"
    leg = f'"{outbound}"' if outbound is not None else "null"
    return (
        f'{{"v":{VERSION},"type":"open","id":"{id}","time":"{time}","inbound":{first},"outbound":{leg},'
        f"{caller},{call}{more}}}\n"
    ).encode("ascii")


def close_line(
    id: str,
    *,
    time: str,
    inbound: str | None,
    outbound: str | None,
    outcome: Outcome,
    status: int | None,
    refusal: Refusal | None,
    bytes_in: int,
    bytes_out: int,
    seconds: float,
    waited: float | None,
    masked: Mapping[str, int] | None = None,
    over: Sequence[str] = (),
    streamed: bool = False,
) -> bytes:
    """An exchange ended.

    @param status: The HTTP status that the caller got; C{None} if it got none.
    @param bytes_in: Body bytes from the caller; C{bytes_out}, body bytes to the caller.
    @param seconds: From the request's first byte to the answer's last.
    @param waited: Of these, how many passed between the forwarded request and the head of its answer;
        C{None}: it was not forwarded, or nothing came.
    @param masked: How many values of each detector were masked in the answer; the line says so only where
        there were some.
    @param over: Budgets that only record, for which it was too much; the line says so only where there are
        some.
    @param streamed: Whether its answer was a stream of events, so that its end says nothing of how quick it
        was; the line says so only then.
    """
    first = f'"{inbound}"' if inbound is not None else "null"
    leg = f'"{outbound}"' if outbound is not None else "null"
    how = _USUAL_END
    if outcome is not _COMPLETED or status != 200 or refusal is not None:
        why = '"reason":null,"detail":null'
        if refusal is not None:
            why = members(_WhyFacts(reason=refusal.reason.value, detail=bounded(refusal.detail)))
        how = f'"outcome":"{outcome}","status":{"null" if status is None else status},{why}'
    more = masked_facts(masked) if masked else ""
    if over:
        more += "," + members(_OverFacts(over=list(over)))
    if streamed:
        more += ',"streamed":true'
    return (
        f'{{"v":{VERSION},"type":"close","id":"{id}","time":"{time}","inbound":{first},"outbound":{leg},'
        f'{how},"bytes_in":{bytes_in},"bytes_out":{bytes_out},"seconds":{seconds:.6f},'
        f'"waited":{"null" if waited is None else f"{waited:.6f}"}{more}}}\n'
    ).encode("ascii")


def masked_facts(masked: Mapping[str, int]) -> str:
    """What more a line says where values were masked: how many of each detector, never one of them."""
    return "," + members(_MaskedFacts(masked=dict(masked)))
