"""When which certificate ends."""

from __future__ import annotations

from mcpgate.metrics.certificates import NAME_MOST, Expiry, certificates, shown_by_provider
from tests.metrics.records import handshake, refused
from tests.metrics.test_gauges import END, FACTS, certificate


def test_own_ones_and_those_of_upstreams_are_found() -> None:
    """With whose they are."""
    found = list(certificates(FACTS))
    assert [(one.kind, one.name, one.serial) for one in found] == [
        ("listener", "public", "0a"),
        ("client", "files", "0b"),
        ("upstream", "files", "0c"),
    ]
    assert {one.not_after for one in found} == {END.timestamp()}


def test_whoever_else_is_asked_has_one_too() -> None:
    """It is known by the record of the last handshake alone."""
    peer = {"dns_names": ["login.test"], "serial": "0d", "not_after": "2027-01-02T00:00:00.000000Z"}
    record = handshake(leg="provider", where="login", handshake={"peer": peer})
    shown = shown_by_provider(record)
    (one,) = certificates({"providers": [shown]})
    assert one == Expiry("provider", "login", "login.test", "0d", END.timestamp())
    assert shown_by_provider(handshake()) is None
    assert shown_by_provider(refused(leg="provider", where="login")) is None


def test_a_name_that_somebody_else_chose_is_bounded() -> None:
    """And may be missing."""
    long, none = certificate(names=["x" * 1000]), certificate(names=[])
    facts = {"listeners": [{"name": "public", "certificates": [long, none]}]}
    assert [one.subject for one in certificates(facts)] == ["x" * NAME_MOST, "-"]
