"""What is read out of a journal."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from attrs import evolve

from mcpgate.evidence.exchanges import (
    Outcome,
    batch_facts,
    call_facts,
    caller_facts,
    close_line,
    masked_facts,
    open_line,
)
from mcpgate.evidence.handshakes import handshake_line
from mcpgate.identity.principal import Principal
from mcpgate.policy.rules import Action, Verdict
from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.handshake import Certificate, Handshake
from mcpgate.trial import recorded
from mcpgate.trial.recorded import Reading

TIME = "2026-11-26T00:00:00.000000Z"
CERTIFICATE = Certificate(
    subject="CN=ci",
    issuer="CN=ca",
    serial="01",
    sha256="ab",
    spki_pin="sha256/x",
    not_before=datetime(2026, 1, 1, tzinfo=UTC),
    not_after=datetime(2027, 1, 1, tzinfo=UTC),
    key="EC 256",
    uris=("spiffe://acme/ci",),
)
HANDSHAKE = Handshake(
    version="TLSv1.3",
    cipher="TLS_AES_128_GCM_SHA256",
    cipher_bits=128,
    group="X25519MLKEM768",
    alpn="http/1.1",
    sni="gate",
    peer=CERTIFICATE,
    peer_chain_pins=("sha256/x",),
    own=None,
    exporter_sha256="cd",
    milliseconds=0.0,
    pinned=True,
    generation=3,
)
CI = Principal("ci", "token", "0123456789ab", None)
ALLOWED = Verdict(Action.ALLOW, "reads", None)


def shaken(id: str, peer: str = "10.0.0.7:5000") -> bytes:
    return handshake_line(
        id,
        time=TIME,
        leg="inbound",
        outcome="ok",
        where="public",
        peer=peer,
        local="[::1]:1",
        handshake=HANDSHAKE,
    )


def opened(id: str, call: str, *, principal: Principal | None = CI, inbound: str | None = "h1") -> bytes:
    caller = caller_facts(
        principal, listener="public", route="files", upstream="files", http="POST", revision="2025-11-25"
    )
    return open_line(id, time=TIME, inbound=inbound, outbound="h2", caller=caller, call=call)


def read(*lines: bytes) -> list[recorded.Recorded]:
    return list(Reading().messages(lines))


def test_a_message_is_read_with_its_connections() -> None:
    """Who, what, what became of it, and both handshakes as they were."""
    (one,) = read(
        shaken("h1"),
        shaken("h2", "[fd00::1]:443"),
        opened("x1", call_facts("tools/call", "read_file", ALLOWED)),
    )
    assert (one.principal, one.how, one.proof, one.route) == ("ci", "token", "0123456789ab", "files")
    assert (one.method, one.name, one.verdict, one.rule) == ("tools/call", "read_file", "allow", "reads")
    assert one.inbound is not None and one.outbound is not None
    assert one.inbound.handshake == evolve(HANDSHAKE, exporter_sha256="")
    assert (one.inbound.peer, one.outbound.peer) == ("10.0.0.7", "fd00::1")


def test_each_message_of_a_batch_is_one() -> None:
    """A response among them names no method, and is none."""
    calls = [
        call_facts("ping", None, ALLOWED),
        call_facts(None, None, ALLOWED),
        call_facts("tools/list", None, ALLOWED),
    ]
    assert [one.method for one in read(opened("x1", batch_facts(calls)))] == ["ping", "tools/list"]


def test_what_no_rule_is_about_is_left_out() -> None:
    """The gate's own requests, callers without a proof, streams, and how exchanges ended."""
    call = call_facts("ping", None, None)
    end = close_line(
        "x1",
        time=TIME,
        inbound=None,
        outbound=None,
        outcome=Outcome.COMPLETED,
        status=200,
        refusal=None,
        bytes_in=0,
        bytes_out=0,
        seconds=0.0,
        waited=None,
    )
    assert read(opened("x1", call, principal=None), opened("x2", call_facts(None, None, ALLOWED)), end) == []


def test_a_handshake_that_is_not_there_is_not_guessed() -> None:
    """A journal that was rotated begins in the middle of connections; one that failed has no facts."""
    failed = handshake_line(
        "h2",
        time=TIME,
        leg="outbound",
        outcome="refused",
        where="files",
        peer="10.0.0.7:1",
        local="",
        refusal=Refusal(Reason.TLS_PIN),
    )
    (one,) = read(failed, opened("x1", call_facts("ping", None, ALLOWED)))
    assert one.inbound is None and one.outbound is None


def test_lines_that_are_no_records_are_counted() -> None:
    """Half a line at the end, another version, another file."""
    reading = Reading()
    assert (
        list(
            reading.messages(
                [b'{"v":1,"type":"op', b'{"v":3}', b"[]", b'{"v":1,"type":"open","principal":"x"}']
            )
        )
        == []
    )
    assert reading.faulty == 4


def test_old_handshakes_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The latest are kept, so memory does not grow with the journal."""
    monkeypatch.setattr(recorded, "HANDSHAKES_MOST", 2)
    (one,) = read(shaken("h1"), shaken("h2"), shaken("h3"), opened("x1", call_facts("ping", None, ALLOWED)))
    assert one.inbound is None and one.outbound is not None


def closed(id: str, masked: dict[str, int] | None = None) -> bytes:
    return close_line(
        id,
        time=TIME,
        inbound="h1",
        outbound="h2",
        outcome=Outcome.COMPLETED,
        status=200,
        refusal=None,
        bytes_in=0,
        bytes_out=0,
        seconds=0.0,
        waited=None,
        masked=masked,
    )


def test_what_was_masked_is_told_by_how_an_exchange_ended() -> None:
    """
    And by how it began, but for what no rule has masked. Of a batch nobody can tell whose it was, and what
    did not end is told without.
    """
    call = call_facts("tools/call", "read_file", ALLOWED)
    batch = batch_facts([call, call])
    found = read(
        opened("x1", call + masked_facts({"card": 1})),
        opened("x2", batch),
        opened("x3", call),
        closed("x2", {"email": 1}),
        closed("x1", {"email": 2, "credential": 1}),
        closed("x4", {"email": 2}),
    )
    assert [(one.id, sorted(one.masked)) for one in found] == [
        ("x2", []),
        ("x2", []),
        ("x1", ["card", "email"]),
        ("x3", []),
    ]


def test_exchanges_that_never_end_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a gate that was killed again and again, say."""
    monkeypatch.setattr(recorded, "OPEN_MOST", 1)
    call = call_facts("ping", None, ALLOWED)
    lines = [opened("x1", call), opened("x2", call), closed("x1"), closed("x2")]
    assert [one.id for one in read(*lines)] == ["x1", "x2"]
