"""Neither side agrees on a revision behind the gate's back; all else keeps its bytes."""

from __future__ import annotations

import json

import pytest

from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.clamp import HANDSHAKEN, answered, asked
from mcpgate.wire.jsonrpc import Message, parse


def message(raw: bytes) -> Message:
    found = parse(raw)
    assert isinstance(found, Message), found
    return found


def request(version: str) -> bytes:
    return (
        b'{ "jsonrpc": "2.0","id":1,"method":"initialize","params":{"capabilities":{"a":1e2,"b":"\\u0041"},'
        b'"protocolVersion" : %b, "clientInfo":{"name":"c","version":"1.10"}}}' % version.encode()
    )


def result(inside: str) -> bytes:
    return b'{"jsonrpc":"2.0","id":1,"result":{"n":1.10,%b}}' % inside.encode()


def test_the_handshake_knows_four_revisions() -> None:
    """The fifth has none. The last is what a client is lowered to."""
    assert HANDSHAKEN == ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")


@pytest.mark.parametrize("version", [*map('"{}"'.format, HANDSHAKEN), "7", "null", '["2030-01-01"]', "{}"])
def test_a_request_for_what_we_know_keeps_its_bytes(version: str) -> None:
    """And so does what names no version: it is the server's to refuse."""
    raw = request(version)
    assert asked(message(raw), raw) is raw


def test_a_request_without_a_version_keeps_its_bytes() -> None:
    """With or without params."""
    for params in (b"", b',"params":{}', b',"params":{"ProtocolVersion":"2030-01-01"}'):
        raw = b'{"jsonrpc":"2.0","id":1,"method":"initialize"%b}' % params
        assert asked(message(raw), raw) is raw


@pytest.mark.parametrize("version", ["2026-07-28", "2030-01-01", "", " 2025-11-25", "2025-11-25\\u0000"])
def test_a_request_for_another_is_lowered_and_nothing_else_of_it_changes(version: str) -> None:
    """To the newest that we know, as a server without the other would do."""
    raw = request(f'"{version}"')
    lowered = asked(message(raw), raw)
    was, now = json.loads(raw), json.loads(lowered)
    assert now["params"].pop("protocolVersion") == "2025-11-25"
    was["params"].pop("protocolVersion")
    assert now == was
    assert b'{"a":1e2,"b":"\\u0041"}' in lowered and b'"version":"1.10"' in lowered
    assert isinstance(parse(lowered), Message)


@pytest.mark.parametrize("version", HANDSHAKEN)
def test_a_server_may_agree_on_what_we_know(version: str) -> None:
    """Also on an older one than was asked for."""
    raw = result(f'"protocolVersion":"{version}"')
    assert answered("initialize", message(raw), raw) is raw


@pytest.mark.parametrize(
    "inside",
    [
        '"protocolVersion":"2026-07-28"',
        '"protocolVersion":"2030-01-01"',
        '"protocolVersion":""',
        '"protocolVersion":20251125',
        '"protocolVersion":null',
        '"protocolVersion":["2025-11-25"]',
        '"protocolversion":"2025-11-25"',
        '"a":1',
    ],
)
def test_a_server_may_agree_on_nothing_else(inside: str) -> None:
    """Nor on something that only some clients would find."""
    raw = result(inside)
    found = answered("initialize", message(raw), raw)
    assert isinstance(found, Refusal) and found.reason is Reason.UPSTREAM_REVISION


@pytest.mark.parametrize("method", ["initialize", "server/discover"])
def test_an_error_passes(method: str) -> None:
    """It agrees on nothing."""
    raw = (
        b'{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no","data":{"supported":["2030-01-01"]}}}'
    )
    assert answered(method, message(raw), raw) is raw


def test_what_a_server_offers_is_cut_to_what_we_know() -> None:
    """In its order; what is no text goes, too."""
    raw = result('"supportedVersions" : ["2030-01-01","2026-07-28", 7, "2025-11-25",null]')
    cut = answered("server/discover", message(raw), raw)
    assert isinstance(cut, bytes)
    assert json.loads(cut)["result"] == {"n": 1.1, "supportedVersions": ["2026-07-28", "2025-11-25"]}
    assert b'"n":1.10' in cut


def test_an_offer_of_what_we_know_keeps_its_bytes() -> None:
    """White space included; and so does what is no offer."""
    for inside in (
        '"supportedVersions" : [ "2026-07-28" ]',
        '"supportedVersions":[]',
        '"supportedVersions":1',
        '"a":1',
    ):
        raw = result(inside)
        assert answered("server/discover", message(raw), raw) is raw
