"""The lines about whatever else happened: to an exchange, to what an upstream says, to the gate itself."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mcpgate.evidence.record import VERSION, bounded, encoded
from mcpgate.holds.held import Decision
from mcpgate.reasons import Refusal


class _DroppedLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    v: int = VERSION
    type: str = "dropped"
    id: str
    time: str
    exchange: str
    reason: str
    detail: str | None


class _EchoLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    v: int = VERSION
    type: str = "echo"
    id: str
    time: str
    exchange: str
    upstream: str
    what: str
    where: str


class _AnsweredLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    v: int = VERSION
    type: str = "answered"
    id: str
    time: str
    exchange: str
    request: str | None


class _DefinitionLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    v: int = VERSION
    type: str = "definition"
    id: str
    time: str
    exchange: str | None
    upstream: str
    tool: str | None
    what: str
    old: str | None
    new: str | None
    key: str | None
    renewed: bool
    detail: str | None
    by: str | None


class _DecisionLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    v: int = VERSION
    type: str = "decision"
    id: str
    time: str
    hold: str
    exchange: str
    decided: str
    by: str | None
    why: str | None


class _IssuerLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    v: int = VERSION
    type: str = "issuer"
    id: str
    time: str
    issuer: str
    what: str
    added: list[str | None]
    removed: list[str | None]
    detail: str | None


def dropped_line(id: str, *, time: str, exchange: str, refusal: Refusal) -> bytes:
    """A message of an upstream's was kept from the caller, while the rest of its answer goes on.

    @param exchange: The id of the exchange by which it came.
    """
    return encoded(
        _DroppedLine(
            id=id,
            time=time,
            exchange=exchange,
            reason=refusal.reason.value,
            detail=bounded(refusal.detail),
        )
    )


def echo_line(id: str, *, time: str, exchange: str, upstream: str, what: str, where: str) -> bytes:
    """An upstream has shown the credential that the gate proves itself with; never what it has shown.

    @param exchange: The id of the exchange by which it came.
    @param what: C{masked}, or C{withheld} with all that it stood in.
    @param where: In which part of the answer.
    """
    return encoded(
        _EchoLine(id=id, time=time, exchange=exchange, upstream=upstream, what=what, where=where)
    )


def answered_line(id: str, *, time: str, exchange: str, request: str | None) -> bytes:
    """An answer came by another exchange than its request, as on a stream that was resumed.

    @param exchange: The one by which it came.
    @param request: The one by which its request came; C{None} where this worker has not seen it.
    """
    return encoded(_AnsweredLine(id=id, time=time, exchange=exchange, request=request))


def definition_line(
    id: str,
    *,
    time: str,
    exchange: str | None,
    upstream: str,
    tool: str | None,
    what: str,
    old: str | None,
    new: str | None,
    key: str | None,
    renewed: bool,
    detail: str | None,
    by: str | None,
) -> bytes:
    """What an upstream says of a tool is new, or somebody has accepted it; never what it says.

    @param exchange: The id of the exchange by which it was seen; C{None} for what a person did.
    @param what: C{first}, C{changed}, C{suspicious}, C{unfit}, C{key}, C{accepted} or C{withdrawn}.
    @param old: The fingerprint of the definition before; of C{key}, the pin before. C{new} likewise.
    @param key: The pin of the key by which the upstream had proved itself.
    @param renewed: Whether that was another one than before.
    @param detail: Which characters are not seen, and in which member; or what is wrong with it.
    @param by: Who accepted it, or took the acceptance of another back: a user of the host.
    """
    return encoded(
        _DefinitionLine(
            id=id,
            time=time,
            exchange=exchange,
            upstream=upstream,
            tool=bounded(tool),
            what=what,
            old=old,
            new=new,
            key=key,
            renewed=renewed,
            detail=bounded(detail),
            by=bounded(by),
        )
    )


def decision_line(id: str, *, time: str, hold: str, exchange: str, decision: Decision) -> bytes:
    """
    A person decided about a held call, or its caller withdrew it.

    @param exchange: The one by which the call came, or came back to be withdrawn.
    """
    return encoded(
        _DecisionLine(
            id=id,
            time=time,
            hold=hold,
            exchange=exchange,
            decided=decision.word.value,
            by=bounded(decision.by),
            why=bounded(decision.why) or None,
        )
    )


def issuer_line(
    id: str,
    *,
    time: str,
    issuer: str,
    what: str,
    added: Sequence[str] = (),
    removed: Sequence[str] = (),
    detail: str | None = None,
) -> bytes:
    """What became of the keys of an issuer.

    @param issuer: What the configuration calls it.
    @param what: C{keys} (they can be had, and are others than before where some were added or removed),
        C{unreachable} (it could not be asked for them), C{lapsed} (that was so for too long: its tokens
        are refused).
    @param added: Ids of keys; C{removed} likewise.
    @param detail: Why it could not be asked.
    """
    return encoded(
        _IssuerLine(
            id=id,
            time=time,
            issuer=issuer,
            what=what,
            added=[bounded(kid) for kid in added],
            removed=[bounded(kid) for kid in removed],
            detail=bounded(detail),
        )
    )
