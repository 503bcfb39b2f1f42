"""Lines to try things on, and what every line must be."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from mcpgate.evidence.exchanges import Outcome, call_facts, caller_facts, close_line, open_line
from mcpgate.evidence.handshakes import handshake_line
from mcpgate.evidence.record import parse_line, timestamp
from mcpgate.identity.principal import Principal
from mcpgate.policy.rules import Action, Verdict
from mcpgate.tls.handshake import Certificate, Handshake, Offer

TIME = timestamp(1_800_000_000.5)
CERTIFICATE = Certificate(
    subject="CN=server",
    issuer="CN=ca",
    serial="01ab",
    sha256="cd" * 32,
    spki_pin="sha256/AAAA",
    not_before=datetime(2026, 1, 1, tzinfo=UTC),
    not_after=datetime(2027, 1, 1, tzinfo=UTC),
    key="EC P-256",
    dns_names=("server.example",),
)
HANDSHAKE = Handshake(
    version="TLSv1.3",
    cipher="TLS_AES_256_GCM_SHA384",
    cipher_bits=256,
    group="X25519MLKEM768",
    alpn="http/1.1",
    sni="server.example",
    peer=CERTIFICATE,
    peer_chain_pins=("sha256/AAAA", "sha256/BBBB"),
    own=None,
    exporter_sha256="ef" * 32,
    milliseconds=1.23456,
    pinned=True,
    generation=3,
)
OFFER = Offer("server.example", ("TLSv1.2",), ("X",), ("P-521",), ("h2",))
#: Everything that a C{str} can hold, and often what breaks lines, terminals or encoders.
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30) | st.text(
    "\ud800\udc00\x7f\x85\u2028\x9b\x1b\n"
)


def shake(**changes: Any) -> bytes:
    facts: dict[str, Any] = {
        "time": TIME,
        "leg": "outbound",
        "outcome": "ok",
        "where": "github",
        "peer": "192.0.2.1:443",
        "local": "192.0.2.2:55555",
        "handshake": HANDSHAKE,
    }
    return handshake_line("h-1", **(facts | changes))


def opened(**changes: Any) -> bytes:
    facts: dict[str, Any] = {
        "time": TIME,
        "inbound": "h-1",
        "outbound": "h-2",
        "principal": Principal("ci", "token", "0123456789ab", None),
        "listener": "public",
        "route": "github",
        "upstream": "github",
        "http": "POST",
        "revision": "2025-11-25",
        "session": "0a1b2c3d",
        "method": "tools/call",
        "name": "get_weather",
        "verdict": Verdict(Action.ALLOW, "reads", None),
    }
    facts |= changes
    call = call_facts(*[facts.pop(key) for key in ("method", "name", "verdict")])
    keys = ("listener", "route", "upstream", "http", "revision", "session")
    caller = caller_facts(facts.pop("principal"), **{key: facts.pop(key) for key in keys})
    return open_line("x-1", caller=caller, call=call, **facts)


def closed(**changes: Any) -> bytes:
    facts: dict[str, Any] = {
        "time": TIME,
        "inbound": "h-1",
        "outbound": "h-2",
        "outcome": Outcome.COMPLETED,
        "status": 200,
        "refusal": None,
        "bytes_in": 100,
        "bytes_out": 200,
        "seconds": 0.0123456789,
        "waited": 0.0078901234,
    }
    return close_line("x-1", **(facts | changes))


def one_line(line: bytes) -> dict[str, Any]:
    """Assert that the bytes are one line to every kind of reader; return what a strict one reads."""
    assert line.endswith(b"}\n")
    text = line[:-1].decode("ascii")
    assert text.isprintable() and text.splitlines() == [text]
    record: dict[str, Any] = json.loads(text)
    assert parse_line(line) == record
    return record


def mended(text: str) -> str:
    """What a reader gets: the text, with a lone surrogate shown as U+FFFD (a pair is its character)."""
    units = text.encode("utf-16-le", "surrogatepass")
    return units.decode("utf-16-le", "replace")
