"""Lines for tests of what reads them, made by the functions that write real ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import evolve

from mcpgate.evidence.exchanges import call_facts, caller_facts, close_line, open_line, outcome_of
from mcpgate.evidence.handshakes import Leg, handshake_line
from mcpgate.evidence.record import VERSION, timestamp
from mcpgate.identity.principal import Principal
from mcpgate.policy.rules import Action, Verdict
from mcpgate.reasons import Reason, Refusal
from mcpgate.report.counts import Listed
from mcpgate.report.profiles import PROFILES
from mcpgate.report.report import Report, make_report
from mcpgate.report.span import Span
from mcpgate.report.summary import Summary, Summing
from mcpgate.report.verified import Found, Verified
from mcpgate.tls.handshake import Certificate, Handshake, Offer

BEGIN = datetime(2026, 11, 10, tzinfo=UTC)
SPAN = Span("2026-11-10T00:00:00.000000Z", "2026-11-11T00:00:00.000000Z")
PRINCIPAL = Principal(name="ci", how="token", id="t1", expires=None)

CERTIFICATE = Certificate(
    subject="CN=files.example.com",
    issuer="CN=Example CA",
    serial="01ab",
    sha256="cd" * 32,
    spki_pin="sha256/" + "A" * 43 + "=",
    not_before=datetime(2026, 1, 1, tzinfo=UTC),
    not_after=datetime(2027, 6, 1, tzinfo=UTC),
    key="EC-secp256r1",
    dns_names=("files.example.com",),
)
OWN = evolve(
    CERTIFICATE,
    subject="CN=gate.example.com",
    sha256="ef" * 32,
    dns_names=("gate.example.com",),
    key="RSA-3072",
)
MODERN = Handshake(
    version="TLSv1.3",
    cipher="TLS_AES_256_GCM_SHA384",
    cipher_bits=256,
    group="X25519MLKEM768",
    alpn="http/1.1",
    sni="gate.example.com",
    peer=None,
    peer_chain_pins=(),
    own=OWN,
    exporter_sha256="00" * 32,
    milliseconds=1.0,
    generation=1,
)
CLASSICAL = evolve(MODERN, group="x25519")
OLD = evolve(MODERN, version="TLSv1.2", cipher="ECDHE-RSA-AES128-GCM-SHA256", group="secp256r1")
OUTBOUND = evolve(MODERN, peer=CERTIFICATE, own=None, pinned=True)
OFFER = Offer(
    "gate.example.com",
    ("TLSv1.3", "TLSv1.2"),
    ("TLS_AES_256_GCM_SHA384", "ECDHE-RSA-AES128-GCM-SHA256"),
    ("X25519MLKEM768", "x25519", "secp256r1"),
    ("http/1.1",),
)


def at(minutes: float) -> str:
    """A time of the span."""
    return timestamp((BEGIN + timedelta(minutes=minutes)).timestamp())


def shake(
    id: str,
    minutes: float = 1,
    *,
    leg: Leg = "inbound",
    where: str = "public",
    peer: str = "192.0.2.7:40000",
    handshake: Handshake | None = MODERN,
    offer: Offer | None = None,
    refused: Reason | None = None,
    extra: dict[str, object] | None = None,
) -> bytes:
    """A handshake."""
    return handshake_line(
        id,
        time=at(minutes),
        leg=leg,
        outcome="ok" if refused is None else "refused",
        where=where,
        peer=peer,
        local="192.0.2.1:8443",
        handshake=handshake if refused is None else None,
        offer=offer,
        refusal=Refusal(refused, "as it was") if refused is not None else None,
        extra=extra,
    )


def opened(
    id: str,
    minutes: float = 2,
    *,
    inbound: str | None = "h-in",
    outbound: str | None = "h-out",
    principal: Principal | None = PRINCIPAL,
    route: str | None = "files",
    method: str | None = "tools/call",
    name: str | None = "read_file",
    action: Action = Action.ALLOW,
    more: str = "",
) -> bytes:
    """An exchange begins."""
    caller = caller_facts(
        principal, listener="public", route=route, upstream=route, http="POST", revision="2026-07-28"
    )
    call = call_facts(method, name, Verdict(action, "a-rule", None)) + more
    return open_line(id, time=at(minutes), inbound=inbound, outbound=outbound, caller=caller, call=call)


def closed(
    id: str,
    minutes: float = 3,
    *,
    inbound: str | None = "h-in",
    outbound: str | None = "h-out",
    refused: Reason | None = None,
    masked: dict[str, int] | None = None,
    detail: str = "as it was",
) -> bytes:
    """An exchange ends."""
    refusal = Refusal(refused, detail) if refused is not None else None
    return close_line(
        id,
        time=at(minutes),
        inbound=inbound,
        outbound=outbound,
        outcome=outcome_of(refusal),
        status=200,
        refusal=refusal,
        bytes_in=100,
        bytes_out=1000,
        seconds=0.25,
        waited=0.2,
        masked=masked or {},
    )


def said(type: str, minutes: float = 1, **facts: object) -> bytes:
    """A line of another type."""
    line = {"v": VERSION, "type": type, "id": f"{type}-{minutes}", "time": at(minutes), **facts}
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def generation(
    minutes: float = 0, number: int = 1, *, profile: str = "modern", fips: bool = False, **more: Any
) -> bytes:
    """A configuration comes into force."""
    facts: dict[str, object] = {
        "number": number,
        "mcpgate": "0.7",
        "openssl": "OpenSSL 3.5.0",
        "fips": fips,
        "configuration": {"sha256": "aa" * 32},
        "policy": {"sha256": "bb" * 32},
        "listeners": [{"name": "public", "profile": profile, "client_certificates": "optional"}],
        "upstreams": [
            {"name": "files", "profile": profile, "pins": ["p"], "pin_mode": "enforce", "revocation_lists": 1}
        ],
        "providers": [],
        "certificates": [
            {
                "role": "client_ca",
                "where": "public",
                "sha256": "12" * 32,
                "subject": "CN=Staff CA",
                "not_after": at(10),
            }
        ],
        "certificates_left_out": 0,
    }
    return said("generation", minutes, **(facts | more))


#: A day on which all was well: two handshakes, an exchange over both.
QUIET = (
    said("segment", 0, gate="gate-1", worker=0, segment=1, mcpgate="0.7", openssl="OpenSSL 3.5.0"),
    generation(),
    shake("h-in", offer=OFFER),
    shake("h-out", leg="outbound", where="files", peer="192.0.2.9:443", handshake=OUTBOUND),
    opened("x-1"),
    closed("x-1"),
)


def summed(*lines: bytes, span: Span = SPAN, worker: int = 0) -> Summary:
    """What lines come to."""
    summing = Summing(span)
    summing.take_all(lines, worker)
    return summing.summary()


def verified(*findings: Found, sound: bool = True, **facts: Any) -> Verified:
    """What verification might have found."""
    known = {"lines": 6, "unsealed": 0, "checkpoints": 2, "key": "gate-1+00000000+AAAA", "given": True}
    return Verified(sound=sound, findings=Listed(findings), **(known | facts))


def reported(*lines: bytes, profile: str = "pci-4.2.1", found: Verified | None = None) -> Report:
    """A report on lines."""
    return make_report(PROFILES[profile], summed(*lines), found or verified(), made=at(2000), version="0.7")
