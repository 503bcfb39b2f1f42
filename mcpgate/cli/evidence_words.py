"""Records in words: one line for each, and an exchange with both its handshakes as a person reads it.

Names, reasons and texts may be a peer's, so whatever is printed goes through L{cell}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mcpgate.cli.text import cell, outline
from mcpgate.evidence.finding import Found, Story
from mcpgate.evidence.which import Record


def sentence(record: Record) -> str:
    """What a record says, in one line, without its time."""
    kind = str(record.get("type"))
    said = _SENTENCES.get(kind)
    return cell(said(record) if said is not None else f"{kind} {record.get('id')}")


def _joined(*words: object) -> str:
    return " ".join(str(word) for word in words if word not in (None, "", False))


def asked(record: Record) -> str:
    """What was asked for: the method and name; of a batch, how many and the first."""
    calls = record.get("calls")
    if isinstance(calls, list) and calls and isinstance(calls[0], Mapping):
        return _joined(f"{len(calls)} messages,", calls[0].get("method"), calls[0].get("name"), "...")
    if record.get("own") is not None:
        return f"the gate's own {record['own']}"
    stream = "stream" if record.get("http") == "GET" else None
    return _joined(record.get("method"), record.get("name")) or _joined(record.get("http"), stream)


def caller(record: Record) -> str:
    """Who asked."""
    return str(record.get("principal") or "somebody who proved nothing")


def milliseconds(seconds: object) -> str | None:
    """A time as people read it."""
    if not isinstance(seconds, int | float):
        return None
    return f"{seconds:.1f} s" if seconds >= 10 else f"{seconds * 1000:.1f} ms"


def ending(record: Record | None) -> str:
    """How an exchange ended."""
    if record is None:
        return "unfinished"
    return _joined(record.get("outcome"), record.get("status"), record.get("reason"))


def _open(record: Record) -> str:
    rule = f"({record['rule']})" if record.get("rule") else None
    held = f"hold {record['hold']}" if record.get("hold") else None
    where = _joined("on", record.get("route")) if record.get("route") else None
    verdict = _joined(record.get("verdict"), rule, held)
    said = _joined(record.get("id"), caller(record), "asks", asked(record), where)
    return f"{said}: {verdict}" if verdict else said


def _close(record: Record) -> str:
    masked = record.get("masked")
    counted = isinstance(masked, Mapping) and ", ".join(f"{n} {name}" for name, n in masked.items())
    return _joined(
        record.get("id"),
        ending(record),
        f"in {milliseconds(record.get('seconds'))}",
        f"({record.get('bytes_in')} bytes in, {record.get('bytes_out')} out)",
        counted and f"masked: {counted}",
        record.get("detail"),
    )


def _handshake(record: Record) -> str:
    seen = record.get("handshake")
    facts = None
    if isinstance(seen, Mapping):
        facts = _joined(seen.get("version"), seen.get("cipher"), seen.get("group"))
    exposed = _mapping(record.get("extra")).get("credential_exposed") is True
    return _joined(
        record.get("id"),
        record.get("leg"),
        record.get("outcome"),
        record.get("where"),
        record.get("peer"),
        facts,
        record.get("reason"),
        record.get("detail"),
        exposed and "(with a credential: revoke it)",
    )


def _keys(*keys: str) -> Callable[[Record], str]:
    """A sentence of the values of these keys, behind the type."""

    def said(record: Record) -> str:
        return _joined(record.get("type"), *(_plain(record.get(key)) for key in keys))

    return said


def _plain(value: object) -> object:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value


def _payload(record: Record) -> str:
    sealed = str(record.get("sealed") or "")
    cut = f", {record['cut']} bytes not recorded" if record.get("cut") else ""
    # In base64, with the share of a key and a tag of 48 bytes.
    size = max(0, len(sealed) * 3 // 4 - sealed.count("=") - 48)
    return f"payload {record.get('exchange')} {record.get('part')} {record.get('number')}: {size} bytes{cut}"


def _generation(record: Record) -> str:
    policy = record.get("policy")
    rules = policy.get("sha256") if isinstance(policy, Mapping) else None
    return _joined("generation", record.get("number"), "is in force, policy", str(rules)[:16])


_SENTENCES: Mapping[str, Callable[[Record], str]] = {
    "open": _open,
    "close": _close,
    "handshake": _handshake,
    "handshakes": _keys("where", "reason", "count"),
    "dropped": _keys("exchange", "reason", "detail"),
    "echo": _keys("exchange", "upstream", "what", "where"),
    "answered": _keys("exchange", "request"),
    "decision": _keys("hold", "exchange", "decided", "by", "why"),
    "definition": _keys("upstream", "tool", "what", "detail", "by"),
    "issuer": _keys("issuer", "what", "added", "removed", "detail"),
    "payload": _payload,
    "generation": _generation,
    "reload": _keys("what", "problem"),
    "repair": _keys("what", "file", "dropped"),
    "segment": _keys("gate", "worker", "segment", "mcpgate", "openssl"),
    "gap": _keys("exchanges", "lines", "why"),
    "clock": _keys("stepped"),
    "expired": _keys("worker", "segment", "lines"),
}


# One exchange.


def told(story: Story, bodies: Mapping[str, Body]) -> str:
    """An exchange, or whatever else it is, with what belongs to it."""
    parts = list(_told(story, bodies))
    return "\n\n".join(parts)


class Body:
    """A recorded body. C{text} is C{None} where it was not opened, and C{why} says so."""

    def __init__(self, raw: bytes | None, cut: int, why: str = "") -> None:
        self.raw = raw
        self.cut = cut
        self.why = why


def _told(story: Story, bodies: Mapping[str, Body]) -> Iterator[str]:
    opened, closed = story.opened, story.closed
    if opened is not None or closed is not None:
        yield _headline(opened, closed)
        yield outline({"exchange": _exchange(opened, closed)})
    for leg, shake in (("inbound leg", story.inbound), ("outbound leg", story.outbound)):
        if shake is not None:
            yield outline({leg: leg_facts(shake)})
    if closed is not None and closed.get("outbound") is None:
        yield "outbound leg\n  none: nothing was forwarded"
    others = [one for one in story.others if one.get("type") != "payload"]
    if story.opened is None and story.closed is None and len(others) == 1:
        (other,) = others
        facts = leg_facts(other) if other.get("type") == "handshake" else _rest(other)
        yield outline({f"{other.get('type')} {other.get('id')}": facts})
    elif others:
        lines = [f"  {cell(one.get('time'))}  {sentence(one)}" for one in others]
        yield "\n".join(["meanwhile", *lines])
    for part, body in bodies.items():
        yield _body(part, body)


def _headline(opened: Record | None, closed: Record | None) -> str:
    if opened is None:
        return f"The beginning of {cell(closed and closed.get('id'))} is not in this journal."
    why = ""
    if opened.get("verdict") is not None:
        rule = f" by the rule {opened['rule']}" if opened.get("rule") else ""
        why = f" Verdict: {opened['verdict']}{rule}."
    end = f"It ended {ending(closed)}." if closed is not None else "It has not ended, or nobody could say so."
    where = f" on {opened['route']}" if opened.get("route") else ""
    return cell(f"{caller(opened)} asked for {asked(opened)}{where}.{why} {end}")


def _exchange(opened: Record | None, closed: Record | None) -> dict[str, Any]:
    first, last = opened or {}, closed or {}
    facts: dict[str, Any] = {
        "id": (opened or last).get("id"),
        "began": first.get("time"),
        "ended": last.get("time"),
        "asked": asked(first) if opened is not None else None,
        "principal": first.get("principal"),
        "proved by": _joined(first.get("how"), first.get("proof"), first.get("issuer"), first.get("subject")),
        "listener": first.get("listener"),
        "route": first.get("route"),
        "upstream": first.get("upstream"),
        "http": first.get("http"),
        "revision": first.get("revision"),
        "session": first.get("session"),
        "trace": first.get("trace"),
        "verdict": first.get("verdict"),
        "rule": first.get("rule"),
        "shadow rules": first.get("shadow") and ", ".join(
            f"{name}: {says}" for name, says in _mapping(first.get("shadow")).items()
        ),
        "hold": first.get("hold") and _joined(first.get("hold"), first.get("decided"), first.get("by")),
        "reason": last.get("reason"),
        "detail": last.get("detail"),
        "outcome": last.get("outcome"),
        "status": last.get("status"),
        "bytes": closed and f"{last.get('bytes_in')} in, {last.get('bytes_out')} out",
        "took": milliseconds(last.get("seconds")),
        "of that, the upstream": milliseconds(last.get("waited")),
        "masked in the request": _counts(first.get("masked")),
        "masked in the answer": _counts(last.get("masked")),
        "budgets that only record": last.get("over"),
    }
    calls = first.get("calls")
    if isinstance(calls, list):
        facts["calls"] = [dict(one) for one in calls if isinstance(one, Mapping)]
    return {key: value for key, value in facts.items() if value not in (None, "", [])}


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _counts(value: object) -> str | None:
    return ", ".join(f"{count} {name}" for name, count in _mapping(value).items()) or None


def _pin(record: Record, pinned: object) -> str | None:
    if pinned is None:
        return "none is demanded" if record.get("leg") != "inbound" else None
    return "matched" if pinned is True else "did not match"


def leg_facts(record: Record) -> dict[str, Any]:
    """A handshake: what was negotiated, with whom, or what was offered and why it was refused."""
    seen, offer = _mapping(record.get("handshake")), _mapping(record.get("offer"))
    facts: dict[str, Any] = {
        "handshake": record.get("id"),
        "at": record.get("time"),
        "where": record.get("where"),
        "from": record.get("local") if record.get("leg") == "outbound" else record.get("peer"),
        "to": record.get("peer") if record.get("leg") == "outbound" else record.get("local"),
        "outcome": record.get("outcome"),
        "reason": record.get("reason"),
        "detail": record.get("detail"),
    }
    if seen:
        post_quantum = "post-quantum" if seen.get("post_quantum") else "not post-quantum"
        facts |= {
            "version": seen.get("version"),
            "suite": f"{seen.get('cipher')} ({seen.get('cipher_bits')} bits)",
            "group": f"{seen.get('group')} ({post_quantum})",
            "server name": seen.get("sni"),
            "alpn": seen.get("alpn"),
            "pin": _pin(record, seen.get("pinned")),
            "pins of the chain": seen.get("peer_chain_pins"),
            "exporter": seen.get("exporter_sha256"),
            "took": f"{seen.get('milliseconds')} ms",
            "generation": seen.get("generation"),
        }
        for whose, key in (("peer's certificate", "peer"), ("gate's certificate", "own")):
            certificate = _mapping(seen.get(key))
            facts[whose] = _certificate(certificate) if certificate else "none was shown"
    if offer and not seen:
        facts["offered"] = {key: value for key, value in offer.items() if value}
    if record.get("extra"):
        facts["extra"] = dict(_mapping(record.get("extra")))
    return {key: value for key, value in facts.items() if value not in (None, "", [])}


def _certificate(facts: Mapping[str, object]) -> dict[str, Any]:
    kinds = [facts.get(key) for key in ("dns_names", "uris", "addresses")]
    names = [name for found in kinds if isinstance(found, list) for name in found]
    shown = {
        "subject": facts.get("subject"),
        "issuer": facts.get("issuer"),
        "names": names,
        "valid": f"{facts.get('not_before')} to {facts.get('not_after')}",
        "key": facts.get("key"),
        "spki pin": facts.get("spki_pin"),
        "sha256": facts.get("sha256"),
    }
    return {key: value for key, value in shown.items() if value not in (None, "", [])}


def _rest(record: Record) -> dict[str, Any]:
    hidden = ("v", "type", "id", "seq", "prev", "sealed")
    return {key: value for key, value in record.items() if key not in hidden and value not in (None, [])}


def _body(part: str, body: Body) -> str:
    cut = f", and {body.cut} bytes that were not recorded" if body.cut else ""
    if body.raw is None:
        return f"{part} body: {body.why}{cut}"
    lines = body.raw.decode("utf-8", "replace").splitlines()
    return "\n".join([f"{part} body: {len(body.raw)} bytes{cut}", *(f"  {_shown(line)}" for line in lines)])


def _shown(line: str) -> str:
    """One line of a body, which cannot steer a terminal; unlike a cell it may be empty."""
    return cell(line) if line.strip() else ""


def row(found: Found) -> tuple[object, ...]:
    """One of a list."""
    first, last = found.record, found.closed
    if first.get("type") == "handshake":
        return (first.get("time"), first.get("id"), first.get("peer"), first.get("where"),
                f"{first.get('leg')} handshake", None, ending(first), None)  # fmt: skip
    return (
        first.get("time"),
        first.get("id"),
        first.get("principal"),
        first.get("route"),
        asked(first),
        _joined(first.get("verdict"), f"({first['rule']})" if first.get("rule") else None),
        ending(last),
        milliseconds(last.get("seconds")) if last is not None else None,
    )


HEADS = ("began", "id", "principal", "route", "asked", "verdict", "ended", "took")
