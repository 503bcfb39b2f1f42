"""The lines of evidence: facts in, one line of JSON out.

Every line begins with the same four keys: C{v} (the format's version), C{type}, C{id} and C{time} (RFC
3339, UTC, microseconds); the others follow in the order of the classes below, C{null} where unknown. So
a line can be read by eye, by C{grep} and by any JSON library.

A line holds printable ASCII only. Everything else is escaped (C{\\u2028} would break lines for some
readers, C{\\u009b} steers terminals), and what is not Unicode at all (a lone surrogate) becomes
C{\\ufffd}. No function here takes a header, an argument of a call or a body: what is not passed in
cannot leak.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum, unique
from functools import lru_cache
from typing import Literal

import msgspec

from mcpgate.holds.held import Decision
from mcpgate.identity.principal import Principal
from mcpgate.policy.rules import Verdict
from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.handshake import Certificate, Handshake, Offer

#: The version of these shapes; a reader refuses what it does not know.
VERSION = 1
#: Longest text that a peer chose (names, details); the rest is cut and counted. URIs in use are
#: shorter; without a bound one call could fill the disk.
TEXT_LENGTH = 1024

#: A leg of an exchange, or a connection to somebody who is asked meanwhile: an issuer of tokens, say.
Leg = Literal["inbound", "outbound", "provider"]


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


class _HandshakeLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    v: int = VERSION
    type: str = "handshake"
    id: str
    time: str
    leg: str
    outcome: str
    where: str
    peer: str
    local: str
    reason: str | None
    detail: str | None
    handshake: dict[str, object] | None
    offer: dict[str, object] | None
    extra: dict[str, object] | None


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


class _HoldFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    hold: str
    decided: str | None
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


class _RepairLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    v: int = VERSION
    type: str = "repair"
    id: str
    time: str
    file: str
    dropped: int


def handshake_line(
    id: str,
    *,
    time: str,
    leg: Leg,
    outcome: Literal["ok", "refused"],
    where: str,
    peer: str,
    local: str,
    handshake: Handshake | None = None,
    offer: Offer | None = None,
    refusal: Refusal | None = None,
    extra: Mapping[str, object] | None = None,
) -> bytes:
    """One leg's handshake, finished or refused.

    @param time: As L{timestamp} writes it, here as everywhere below.
    @param where: The listener's name (inbound), the upstream's (outbound), or that of whoever is asked.
    @param peer: C{address:port}, like C{local}.
    @param offer: What the client offered; of a refused handshake often the only facts.
    @param extra: Further facts that JSON can say.
    """
    return _encode(
        _HandshakeLine(
            id=id,
            time=time,
            leg=leg,
            outcome=outcome,
            where=where,
            peer=peer,
            local=local,
            reason=refusal.reason.value if refusal else None,
            detail=_bounded(refusal.detail) if refusal else None,
            handshake=_handshake(handshake) if handshake else None,
            offer=_offer(offer) if offer else None,
            extra=None if extra is None else dict(extra),
        )
    )


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
    return _members(facts)


def call_facts(method: str | None, name: str | None, verdict: Verdict | None) -> str:
    """
    The part of an C{open} line that is the same for all calls of one thing: MCP's method and name.

    Where rules in the shadow are about it, it has what each would have said, by the rule's name.
    """
    facts = _CallFacts(
        method=_bounded(method),
        name=_bounded(name),
        verdict=verdict.action.value if verdict else None,
        rule=verdict.rule if verdict else None,
    )
    if verdict is not None and verdict.shadow:
        return f'{_members(facts)},"shadow":{json.dumps(dict(verdict.shadow), separators=(",", ":"))}'
    return _members(facts)


def own_facts(name: str) -> str:
    """What an C{open} line says besides of a request for something of the gate's own."""
    return f',"own":{json.dumps(name)}'


def hold_facts(hold: str, decision: Decision | None) -> str:
    """What an C{open} line says besides of a call that was held, and who let it pass."""
    facts = _HoldFacts(
        hold=hold,
        decided=decision.word.value if decision else None,
        by=_bounded(decision.by) if decision else None,
    )
    return _members(facts)


def decision_line(id: str, *, time: str, hold: str, exchange: str, decision: Decision) -> bytes:
    """
    A person decided about a held call, or its caller withdrew it.

    @param exchange: The one by which the call came, or came back to be withdrawn.
    """
    return _encode(
        _DecisionLine(
            id=id,
            time=time,
            hold=hold,
            exchange=exchange,
            decided=decision.word.value,
            by=_bounded(decision.by),
            why=_bounded(decision.why) or None,
        )
    )


def batch_facts(calls: Sequence[str]) -> str:
    """The same part for several messages in one body. C{calls}: from L{call_facts}, in their order."""
    together = ",".join(f"{{{call}}}" for call in calls)
    return f'{call_facts(None, None, None)},"calls":[{together}]'


def open_line(
    id: str, *, time: str, inbound: str | None, outbound: str | None, caller: str, call: str
) -> bytes:
    """An exchange begins; written before a byte of it is forwarded.

    It is put together from parts that are JSON already, as two of these lines are written for each
    request; C{id}, C{time} and the handshakes' ids are ours and hold nothing to escape.

    @param id: The exchange's id, which its close line repeats.
    @param inbound: The id of the inbound handshake's line, C{None} for a request of the gate's own;
        C{outbound} likewise, C{None} if none was needed.
    @param caller: From L{caller_facts}; C{call}: from L{call_facts}.
    """
    first = f'"{inbound}"' if inbound is not None else "null"
    leg = f'"{outbound}"' if outbound is not None else "null"
    return (
        f'{{"v":{VERSION},"type":"open","id":"{id}","time":"{time}","inbound":{first},"outbound":{leg},'
        f"{caller},{call}}}\n"
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
    masked: Mapping[str, int] | None = None,
    over: Sequence[str] = (),
) -> bytes:
    """An exchange ended.

    @param status: The HTTP status that the caller got; C{None} if it got none.
    @param bytes_in: Body bytes from the caller; C{bytes_out}, body bytes to the caller.
    @param seconds: From the request's first byte to the answer's last.
    @param masked: How many values of each detector were masked in the answer; the line says so only where
        there were some.
    @param over: Budgets that only record, for which it was too much; the line says so only where there are
        some.
    """
    first = f'"{inbound}"' if inbound is not None else "null"
    leg = f'"{outbound}"' if outbound is not None else "null"
    how = _USUAL_END
    if outcome is not _COMPLETED or status != 200 or refusal is not None:
        why = '"reason":null,"detail":null'
        if refusal is not None:
            why = _members(_WhyFacts(reason=refusal.reason.value, detail=_bounded(refusal.detail)))
        how = f'"outcome":"{outcome}","status":{"null" if status is None else status},{why}'
    more = masked_facts(masked) if masked else ""
    if over:
        more += "," + _members(_OverFacts(over=list(over)))
    return (
        f'{{"v":{VERSION},"type":"close","id":"{id}","time":"{time}","inbound":{first},"outbound":{leg},'
        f'{how},"bytes_in":{bytes_in},"bytes_out":{bytes_out},"seconds":{seconds:.6f}{more}}}\n'
    ).encode("ascii")


def masked_facts(masked: Mapping[str, int]) -> str:
    """What more a line says where values were masked: how many of each detector, never one of them."""
    return "," + _members(_MaskedFacts(masked=dict(masked)))


def dropped_line(id: str, *, time: str, exchange: str, refusal: Refusal) -> bytes:
    """A message of an upstream's was kept from the caller, while the rest of its answer goes on.

    @param exchange: The id of the exchange by which it came.
    """
    return _encode(
        _DroppedLine(
            id=id,
            time=time,
            exchange=exchange,
            reason=refusal.reason.value,
            detail=_bounded(refusal.detail),
        )
    )


def echo_line(id: str, *, time: str, exchange: str, upstream: str, what: str, where: str) -> bytes:
    """An upstream has shown the credential that the gate proves itself with; never what it has shown.

    @param exchange: The id of the exchange by which it came.
    @param what: C{masked}, or C{withheld} with all that it stood in.
    @param where: In which part of the answer.
    """
    return _encode(
        _EchoLine(id=id, time=time, exchange=exchange, upstream=upstream, what=what, where=where)
    )


def answered_line(id: str, *, time: str, exchange: str, request: str | None) -> bytes:
    """An answer came by another exchange than its request, as on a stream that was resumed.

    @param exchange: The one by which it came.
    @param request: The one by which its request came; C{None} where this worker has not seen it.
    """
    return _encode(_AnsweredLine(id=id, time=time, exchange=exchange, request=request))


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
    return _encode(
        _DefinitionLine(
            id=id,
            time=time,
            exchange=exchange,
            upstream=upstream,
            tool=_bounded(tool),
            what=what,
            old=old,
            new=new,
            key=key,
            renewed=renewed,
            detail=_bounded(detail),
            by=_bounded(by),
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
    return _encode(
        _IssuerLine(
            id=id,
            time=time,
            issuer=issuer,
            what=what,
            added=[_bounded(kid) for kid in added],
            removed=[_bounded(kid) for kid in removed],
            detail=_bounded(detail),
        )
    )


def repair_line(id: str, *, time: str, file: str, dropped: int) -> bytes:
    """The journal ended in a part of a line (C{dropped} bytes), which was taken away."""
    return _encode(_RepairLine(id=id, time=time, file=file, dropped=dropped))


def where(address: object) -> str:
    """A socket address as C{host:port}, for records."""
    if not isinstance(address, tuple):
        return str(address or "unix")
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_line(line: bytes) -> Mapping[str, object]:
    """A line as a mapping.

    @raise ValueError: It is not a line of this version.
    """
    record = msgspec.json.decode(line)
    if not isinstance(record, dict) or record.get("v") != VERSION:
        raise ValueError(f"not a record of version {VERSION}")
    return record


def timestamp(time: float) -> str:
    """Unix seconds as RFC 3339 in UTC, always with six digits of the second."""
    second, micro = divmod(round(time * 1_000_000), 1_000_000)
    return f"{_second(second)}.{micro:06d}Z"


@lru_cache(maxsize=4)
def _second(second: int) -> str:
    # Thousands of lines share a second; formatting it each time would be half of a line's cost.
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


_encode_json = msgspec.json.Encoder().encode


def _encode(line: msgspec.Struct) -> bytes:
    return _ascii(line) + b"\n"


def _members(facts: msgspec.Struct) -> str:
    """The members of an object, to be put between others."""
    return _ascii(facts)[1:-1].decode("ascii")


def _ascii(value: msgspec.Struct) -> bytes:
    try:
        raw = _encode_json(value)
    except UnicodeEncodeError:
        raw = b"\x7f"  # a lone surrogate: take the slow way
    if not raw.isascii() or b"\x7f" in raw:
        text = json.dumps(_mended(msgspec.to_builtins(value)), separators=(",", ":"))
        raw = text.replace("\x7f", "\\u007f").encode("ascii")
    return raw


def _mended(value: object) -> object:
    """The same value with every lone surrogate replaced by U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mended(item) for item in value]
    return value


def _bounded(text: str | None) -> str | None:
    if text is None or len(text) <= TEXT_LENGTH:
        return text
    return f"{text[:TEXT_LENGTH]}... ({len(text)} characters)"


@lru_cache(maxsize=64)
def _certificate(cert: Certificate) -> dict[str, object]:
    return {
        "subject": _bounded(cert.subject),
        "issuer": _bounded(cert.issuer),
        "serial": cert.serial,
        "sha256": cert.sha256,
        "spki_pin": cert.spki_pin,
        "not_before": timestamp(cert.not_before.timestamp()),
        "not_after": timestamp(cert.not_after.timestamp()),
        "key": cert.key,
        "dns_names": _names(cert.dns_names),
        "uris": _names(cert.uris),
        "addresses": _names(cert.addresses),
    }


def _names(names: tuple[str, ...]) -> list[str | None]:
    # Certificates of hosting companies have some 100 names; the 28 KiB of a chain bound the rest.
    return [_bounded(name) for name in names]


def _handshake(seen: Handshake) -> dict[str, object]:
    return {
        "version": seen.version,
        "cipher": seen.cipher,
        "cipher_bits": seen.cipher_bits,
        "group": seen.group,
        "post_quantum": seen.post_quantum,
        "alpn": seen.alpn,
        "sni": _bounded(seen.sni),
        "peer": seen.peer and _certificate(seen.peer),
        "peer_chain_pins": list(seen.peer_chain_pins),
        "pinned": seen.pinned,
        "own": seen.own and _certificate(seen.own),
        "exporter_sha256": seen.exporter_sha256,
        "milliseconds": round(seen.milliseconds, 3),
        "generation": seen.generation,
    }


def _offer(offer: Offer) -> dict[str, object]:
    return {
        "sni": _bounded(offer.sni),
        "versions": list(offer.versions),
        "ciphers": list(offer.ciphers),
        "groups": list(offer.groups),
        "alpn": list(offer.alpn),
    }
