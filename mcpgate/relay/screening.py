"""What a caller sends as it may pass: masked, and with the headers that repeat what was masked."""

from __future__ import annotations

from attrs import frozen

from mcpgate.policy.masks import Masks
from mcpgate.reasons import Refusal
from mcpgate.relay.admission import Admission
from mcpgate.wire.jsonrpc import Message, parse
from mcpgate.wire.mcp import CLIENT


@frozen
class Screened:
    """
    A message that was changed.

    @ivar forward: The head for the upstream that goes with it (C{Admission.forward}).
    @ivar masked: How many values of each detector were masked.
    """

    message: Message
    body: bytes
    forward: bytes
    masked: dict[str, int]


def screened(masks: Masks, message: Message, body: bytes, admission: Admission) -> Screened | Refusal | None:
    """
    A request, notification or response of a caller as it may pass; C{None} where nothing is to be changed.

    The same on every round of a request that is sent again with more (2026-07-28, multi round-trip
    requests): what it is masked by is the message alone.
    """
    found = masks.apply(message, body, sender=CLIENT)
    if found is None or isinstance(found, Refusal):
        return found
    now = parse(found.raw)
    if isinstance(now, Refusal):
        return now
    forward = admission.forward
    name, arguments = now.params.get("name"), now.params.get("arguments")
    if admission.revision.modern and now.method == "tools/call" and type(name) is str:
        known = arguments if type(arguments) is dict else {}
        forward = admission.route.mirrors.retold(name, known, forward, masks.text)
    return Screened(now, found.raw, forward, dict(found.counts))
