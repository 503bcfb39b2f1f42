"""What a rule demands of a leg."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mcpgate.config.tables.rule import RequireTable
from mcpgate.policy.demand import WAYS_MOST, Demand, demand_inbound, demand_outbound, together
from mcpgate.tls.handshake import Certificate
from tests.policy.calling import handshake

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SHOWN = Certificate("CN=a", "CN=ca", "01", "00" * 32, "sha256/x", NOW, NOW, "EC-secp256r1")
SMALL = Certificate("CN=a", "CN=ca", "01", "00" * 32, "sha256/x", NOW, NOW, "RSA-1024")
OLD = {"version": "TLSv1.2", "cipher": "ECDHE-RSA-AES128-GCM-SHA256", "group": "x25519"}


@pytest.mark.parametrize(
    ("keys", "leg", "met"),
    [
        ({"version": ("TLSv1.3",)}, {}, True),
        ({"version": ("TLSv1.3",)}, OLD, False),
        ({"version": ("TLSv1.2", "TLSv1.3")}, OLD, True),
        ({"cipher": ("TLS_AES_256_GCM_SHA384",)}, {}, True),
        ({"cipher": ("TLS_AES_256_GCM_SHA384",)}, {"cipher": "TLS_AES_128_GCM_SHA256"}, False),
        ({"group": ("X25519MLKEM768",)}, {}, True),
        ({"group": ("X25519MLKEM768",)}, {"group": None}, False),
        ({"post_quantum": True}, {}, True),
        ({"post_quantum": True}, {"group": "x25519"}, False),
        ({"profile": "modern"}, {}, True),
        ({"profile": "modern"}, OLD, False),
        ({"profile": "intermediate"}, OLD, True),
        ({"profile": "modern"}, {"peer": SMALL}, False),
        ({"version": ("TLSv1.3",), "post_quantum": True}, {"group": "x25519"}, False),
    ],
)
def test_both_legs_can_be_asked_the_same(keys: dict[str, Any], leg: dict[str, Any], met: bool) -> None:
    for name, compiled in (("inbound", demand_inbound), ("outbound", demand_outbound)):
        table = RequireTable(**{f"{name}_{key}": value for key, value in keys.items()})
        demand = compiled("r", table)
        assert demand is not None and demand.met_by(handshake(**leg)) is met


@pytest.mark.parametrize(("pinned", "met"), [(True, True), (False, False), (None, False)])
def test_a_pin_that_did_not_match_or_is_not_there_is_none(pinned: bool | None, met: bool) -> None:
    """Also where a mismatch is only reported."""
    demand = demand_outbound("r", RequireTable(outbound_pinned=True))
    assert demand is not None and demand.met_by(handshake(pinned=pinned)) is met


def test_a_client_certificate_is_the_callers_inbound_and_ours_outbound() -> None:
    inbound = demand_inbound("r", RequireTable(inbound_client_certificate=True))
    outbound = demand_outbound("r", RequireTable(outbound_client_certificate=True))
    assert inbound is not None and outbound is not None
    assert inbound.met_by(handshake(peer=SHOWN)) and not inbound.met_by(handshake(own=SHOWN))
    assert outbound.met_by(handshake(own=SHOWN, peer=SMALL)) and not outbound.met_by(handshake(peer=SHOWN))


def test_nothing_demanded_is_no_demand() -> None:
    assert demand_inbound("r", RequireTable(outbound_pinned=True)) is None
    assert demand_outbound("r", RequireTable(inbound_profile="modern")) is None


def test_two_things_on_one_connection_need_a_way_to_meet_both() -> None:
    new, quick = Demand("a", versions=frozenset({"TLSv1.3"})), Demand("b", groups=frozenset({"x25519"}))
    assert together((), (new,)) == (new,) == together((new,), ())
    assert together((new,), (new,)) == (new,)
    ways = together((new,), (new, quick))
    assert ways is not None
    assert ways[0] == new
    assert not ways[1].met_by(handshake()) and ways[1].met_by(handshake(group="x25519"))
    assert not ways[1].met_by(handshake(**OLD))


def test_more_ways_than_anybody_would_look_at_are_none() -> None:
    some = tuple(Demand(f"r{number}") for number in range(WAYS_MOST))
    assert together(some, (Demand("a"), Demand("b"))) is None
