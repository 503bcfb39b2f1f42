"""What a leg negotiated, or why it came to nothing: all of it is in its line."""

from __future__ import annotations

from mcpgate.evidence.record import VERSION, parse_line
from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.handshake import Certificate, Handshake, Offer
from tests.evidence.lines import OFFER, shake


def test_a_handshake_line_says_everything_that_was_observed() -> None:
    line = shake()
    assert list(parse_line(line))[:5] == ["v", "type", "id", "time", "leg"]
    assert parse_line(line) == {
        "v": VERSION,
        "type": "handshake",
        "id": "h-1",
        "time": "2027-01-15T08:00:00.500000Z",
        "leg": "outbound",
        "outcome": "ok",
        "where": "github",
        "peer": "192.0.2.1:443",
        "local": "192.0.2.2:55555",
        "reason": None,
        "detail": None,
        "handshake": {
            "version": "TLSv1.3",
            "cipher": "TLS_AES_256_GCM_SHA384",
            "cipher_bits": 256,
            "group": "X25519MLKEM768",
            "post_quantum": True,
            "alpn": "http/1.1",
            "sni": "server.example",
            "peer": {
                "subject": "CN=server",
                "issuer": "CN=ca",
                "serial": "01ab",
                "sha256": "cd" * 32,
                "spki_pin": "sha256/AAAA",
                "not_before": "2026-01-01T00:00:00.000000Z",
                "not_after": "2027-01-01T00:00:00.000000Z",
                "key": "EC P-256",
                "dns_names": ["server.example"],
                "uris": [],
                "addresses": [],
            },
            "peer_chain_pins": ["sha256/AAAA", "sha256/BBBB"],
            "pinned": True,
            "own": None,
            "exporter_sha256": "ef" * 32,
            "milliseconds": 1.235,
            "generation": 3,
        },
        "offer": None,
        "extra": None,
    }


def test_no_observed_fact_is_left_out() -> None:
    """A field added to the observation must be added to the record, or it is no evidence."""
    seen = parse_line(shake())["handshake"]
    assert isinstance(seen, dict)
    assert set(seen) == {field.name for field in Handshake.__attrs_attrs__} | {"post_quantum"}
    assert set(seen["peer"]) == {field.name for field in Certificate.__attrs_attrs__}
    offer = parse_line(shake(offer=OFFER))["offer"]
    assert isinstance(offer, dict)
    assert set(offer) == {field.name for field in Offer.__attrs_attrs__}


def test_a_refused_handshake_says_why_and_what_was_offered() -> None:
    record = parse_line(
        shake(
            leg="inbound",
            outcome="refused",
            handshake=None,
            offer=OFFER,
            refusal=Refusal(Reason.TLS_VERSION, "TLSv1.2 is below TLSv1.3"),
            extra={"times": 3},
        )
    )
    assert (record["reason"], record["detail"]) == ("tls.version", "TLSv1.2 is below TLSv1.3")
    assert record["offer"] == {
        "sni": "server.example",
        "versions": ["TLSv1.2"],
        "ciphers": ["X"],
        "groups": ["P-521"],
        "alpn": ["h2"],
    }
    assert record["handshake"] is None
    assert record["extra"] == {"times": 3}
