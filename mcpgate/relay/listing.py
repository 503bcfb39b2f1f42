"""Lists on their way to a caller: what of them it may use, by the rules of today.

C{policy.lists} knows how; here is whose rules they are. A stream may be older than they.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mcpgate.policy.asked import Asked
from mcpgate.policy.decide import decide
from mcpgate.policy.lists import May, filtered
from mcpgate.policy.lists import news as judged_news
from mcpgate.policy.rules import BLOCK
from mcpgate.reasons import Refusal
from mcpgate.wire.call import Call
from mcpgate.wire.jsonrpc import Message
from mcpgate.wire.mcp import Nature, client_request

if TYPE_CHECKING:
    from mcpgate.relay.exchange import Exchange


def answer(exchange: Exchange, asked: Asked | None, message: Message, raw: bytes) -> bytes | Refusal:
    """What is passed on of an answer. C{asked}: what it answers, if that is known."""
    admission = exchange.admission
    assert admission is not None
    if asked is not None and asked.call.method == "tools/list" and isinstance(message.result, Mapping):
        tools = message.result.get("tools")
        if isinstance(tools, list):
            admission.route.mirrors.learn(tools)
    method = client_request(asked.call.method) if asked is not None else None
    if asked is not None and method is None:
        return raw
    cursor = asked.cursor if asked is not None else None
    left = filtered(method, message, raw, _may(exchange), pages=admission.route.pages, cursor=cursor)
    return left if isinstance(left, Refusal) else left.raw


def news(exchange: Exchange, message: Message, raw: bytes) -> bytes | None | Refusal:
    """What is passed on of a notification; C{None}: nothing."""
    return judged_news(message, raw, _may(exchange))


def _may(exchange: Exchange) -> May:
    """What this caller could use, by some rule."""
    assert exchange.admission is not None
    policy, route = exchange.inbound.force.generation.policy, exchange.admission.route.name

    def may(method: str, name: str) -> bool:
        return decide(policy, route, Call(method, name, Nature.NAMED, ((method, name),))).action is not BLOCK

    return may
