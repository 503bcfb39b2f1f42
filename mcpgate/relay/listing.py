"""Lists on their way to a caller: what of them it may use, and what is new in them.

C{policy.lists} knows what is shown, by the rules of today, which a stream may be older than;
C{definitions.guard} what the upstream said of its tools before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mcpgate.definitions.telling import tell
from mcpgate.policy.asked import Asked
from mcpgate.policy.decide import could_use
from mcpgate.policy.lists import May, filtered
from mcpgate.policy.lists import news as judged_news
from mcpgate.reasons import Refusal
from mcpgate.wire.jsonrpc import Message
from mcpgate.wire.mcp import client_request
from mcpgate.wire.spans import found_at

if TYPE_CHECKING:
    from mcpgate.relay.exchange import Exchange

_NOTHING = frozenset[str]()

#: What was found of names in lists is remembered per route, as it is of calls (C{relay.judged}): servers
#: list the same tens of tools to everybody, and some thousands of resources. Longer names are looked at
#: each time.
REMEMBERED = 8192
REMEMBERED_LENGTH = 256


def answer(exchange: Exchange, asked: Asked | None, message: Message, raw: bytes) -> bytes | Refusal:
    """What is passed on of an answer. C{asked}: what it answers, if that is known."""
    admission = exchange.admission
    assert admission is not None
    method = client_request(asked.call.method) if asked is not None else None
    if asked is not None and method is None:
        return raw
    going = _NOTHING
    if asked is None or asked.call.method == "tools/list":
        result = message.result
        tools = result.get("tools") if isinstance(result, Mapping) else None
        if isinstance(tools, list):
            admission.route.mirrors.learn(tools)
            going = _guarded(exchange, tools, raw)
    left = filtered(
        method,
        message,
        raw,
        _may(exchange, going),
        pages=admission.route.pages,
        cursor=asked.cursor if asked is not None else None,
    )
    return left if isinstance(left, Refusal) else left.raw


def news(exchange: Exchange, message: Message, raw: bytes) -> bytes | None | Refusal:
    """What is passed on of a notification; C{None}: nothing."""
    return judged_news(message, raw, _may(exchange, _NOTHING))


def schema_of(exchange: Exchange, asked: Asked | None) -> Mapping[str, object] | None:
    """What the result of a tool must fit, as far as its upstream has shown it to anybody."""
    if asked is None or asked.call.method != "tools/call" or asked.call.name is None:
        return None
    assert exchange.admission is not None
    guard = exchange.inbound.force.guards.of(exchange.admission.route.upstream.name)
    return guard.schema_of(asked.call.name) if guard is not None else None


def _guarded(exchange: Exchange, tools: list[object], raw: bytes) -> frozenset[str]:
    """The tools that must not be shown, whoever asks."""
    assert exchange.admission is not None
    upstream = exchange.admission.route.upstream.name
    guard = exchange.inbound.force.guards.of(upstream)
    if guard is None:
        return _NOTHING
    begin, end = found_at(raw, ("result", "tools"))
    peer = exchange.leg.peer if exchange.leg is not None else None
    seen = guard.see(tools, raw[begin:end], peer.spki_pin if peer is not None else None)
    if seen.news:
        tell(exchange.inbound.force.witness, upstream, seen.news, exchange.id)
    return seen.going


def _may(exchange: Exchange, going: frozenset[str]) -> May:
    """What this caller could use, by some rule. C{going}: tools that nobody may."""
    admission = exchange.admission
    assert admission is not None
    callers = exchange.inbound.force.generation.policy.callers(admission.caller)
    route, usable = admission.route.name, admission.route.usable

    def may(method: str, name: str) -> bool:
        if name in going and method == "tools/call":
            return False
        key = (callers, method, name)
        known = usable.get(key)
        if known is None:
            known = could_use(callers, route, method, name)
            if len(name) <= REMEMBERED_LENGTH:
                if len(usable) >= REMEMBERED:
                    usable.clear()
                usable[key] = known
        return known

    return may
