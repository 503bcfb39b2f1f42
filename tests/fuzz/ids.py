"""The id for the answer to a body that was refused: beyond doubt, or none (wire/jsonrpc.py)."""

from __future__ import annotations

from mcpgate.reasons import Refusal
from mcpgate.wire.jsonrpc import Kind, id_of, parse
from tests.fuzz.message import WORDS, seeds
from tests.fuzz.strict_json import lax, same
from tests.fuzz.target import Target


def check(body: bytes) -> None:
    """Whoever reads the body finds that id in it; a request that is accepted has no other."""
    found = parse(body)
    known = id_of(body)
    if not isinstance(found, Refusal):
        assert same(known, found.id if found.kind is Kind.REQUEST else None)
    if known is not None:
        assert type(known) in (int, str)
        for reading in lax(body):
            assert same(reading["id"], known), reading
            assert isinstance(reading["method"], str)


TARGET = Target(check, seeds, WORDS)
