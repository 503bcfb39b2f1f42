"""Who would have been refused under a stricter floor."""

from __future__ import annotations

import pytest
from attrs import evolve

from mcpgate.reasons import Reason
from mcpgate.report.counts import Row
from mcpgate.report.lines import Offered
from mcpgate.report.what_if import Fate, Forecast, Forecasting, fate_of
from mcpgate.tls.handshake import Handshake
from mcpgate.tls.profile import PROFILES, Profile, with_pq
from tests.report.written import CERTIFICATE, CLASSICAL, MODERN, OFFER, OLD, OUTBOUND, SPAN, at, opened, shake

MODERN_FLOOR = PROFILES["modern"]
QUANTUM = with_pq(MODERN_FLOOR)
OLD_OFFER = evolve(OFFER, versions=("TLSv1.2",), groups=("secp256r1",))
SUITES13 = ("TLS_AES_256_GCM_SHA384",)
SUITES12 = ("ECDHE-RSA-AES128-GCM-SHA256",)


def forecast(*lines: bytes, floor: Profile = MODERN_FLOOR) -> Forecast:
    """What lines come to."""
    forecasting = Forecasting(floor, SPAN)
    forecasting.take_all(lines)
    return forecasting.forecast()


@pytest.mark.parametrize(
    ("floor", "seen", "offer", "fate", "reason"),
    [
        (MODERN_FLOOR, MODERN, None, Fate.FINE, None),
        (
            MODERN_FLOOR,
            OLD,
            Offered(None, ("TLSv1.3", "TLSv1.2"), SUITES13, ("x25519",)),
            Fate.BETTER,
            "tls.version",
        ),
        (MODERN_FLOOR, OLD, Offered(None, ("TLSv1.2",), SUITES12, ("x25519",)), Fate.SHUT_OUT, "tls.version"),
        (MODERN_FLOOR, OLD, None, Fate.SHUT_OUT, "tls.version"),
        # TLS 1.3 without a suite of it that we take, or without a group.
        (MODERN_FLOOR, OLD, Offered(None, ("TLSv1.3",), SUITES12, ("x25519",)), Fate.SHUT_OUT, "tls.cipher"),
        (
            MODERN_FLOOR,
            evolve(OLD, group="secp521r1"),
            Offered(None, ("TLSv1.3",), SUITES13, ("secp521r1",)),
            Fate.SHUT_OUT,
            "tls.group",
        ),
        (QUANTUM, CLASSICAL, Offered(None, ("TLSv1.3",), SUITES13, ("x25519",)), Fate.SHUT_OUT, "tls.group"),
        (
            QUANTUM,
            CLASSICAL,
            Offered(None, ("TLSv1.3",), SUITES13, ("x25519", "X25519MLKEM768")),
            Fate.BETTER,
            "tls.group",
        ),
        # Post-quantum groups are of no use to TLS 1.2.
        (
            QUANTUM,
            OLD,
            Offered(None, ("TLSv1.2",), SUITES12, ("X25519MLKEM768",)),
            Fate.SHUT_OUT,
            "tls.version",
        ),
        # No offer mends a weak key.
        (
            MODERN_FLOOR,
            evolve(MODERN, peer=evolve(CERTIFICATE, key="RSA-1024")),
            Offered(None, ("TLSv1.3",), SUITES13, ("x25519",)),
            Fate.SHUT_OUT,
            "tls.key",
        ),
    ],
)
def test_whoever_could_have_is_told_from_whoever_could_not(
    floor: Profile, seen: Handshake, offer: Offered | None, fate: Fate, reason: str | None
) -> None:
    """By the judge of handshakes, of what was negotiated and of the best that was offered."""
    found, refusal = fate_of(floor, seen, offer)
    assert (found, refusal and refusal.reason.value) == (fate, reason)


def test_clients_are_named_with_who_called_through_them() -> None:
    """By the address, whatever its ports were; and with the last time."""
    found = forecast(
        shake("h-1", 1, handshake=OLD, offer=OLD_OFFER, peer="192.0.2.7:1"),
        shake("h-2", 5, handshake=OLD, offer=OLD_OFFER, peer="192.0.2.7:2"),
        shake("h-3", 6, handshake=OLD, offer=OLD_OFFER, peer="[2001:db8::1]:2"),
        shake("h-4", 6, refused=Reason.TLS_VERSION),
        shake("h-5", 6),
        opened("x-1", inbound="h-1"),
        opened("x-2", inbound="h-2"),
    )
    assert (found.handshakes, found.fine, found.shut_out, found.refused) == (4, 1, 3, 1)
    assert [(one.address, one.handshakes, one.last) for one in found.peers] == [
        ("192.0.2.7", 2, at(5)),
        ("2001:db8::1", 1, at(6)),
    ]
    assert found.peers[0].callers.rows == (Row("ci", 2),)
    assert "TLSv1.2" in found.peers[0].offered


def test_upstreams_were_offered_all_that_there_is() -> None:
    """So what they did not take, they would not take then either."""
    lines = shake("h-1", leg="outbound", where="files", handshake=evolve(OUTBOUND, group="x25519"))
    assert forecast(lines).fine == 1
    (found,) = forecast(lines, floor=QUANTUM).peers
    assert (found.leg, found.where, found.fate, found.offered) == (
        "outbound",
        "files",
        Fate.SHUT_OUT,
        "not known",
    )


def test_what_is_outside_the_span_is_not_judged() -> None:
    """Nor what is no record."""
    assert forecast(shake("h", 5000, handshake=OLD), b"broken\n").handshakes == 0


def test_many_peers_fill_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound they are counted."""
    monkeypatch.setattr("mcpgate.report.what_if.PEERS_MOST", 100)
    found = forecast(*(shake(f"h-{n}", handshake=OLD, peer=f"10.0.0.{n}:1") for n in range(105)))
    assert (len(found.peers), found.left_out, found.shut_out) == (100, 5, 105)
