"""When which certificate ends."""

from __future__ import annotations

from mcpgate.metrics.certificates import NAME_MOST, certificates
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


def test_a_name_that_somebody_else_chose_is_bounded() -> None:
    """And may be missing."""
    long, none = certificate(names=["x" * 1000]), certificate(names=[])
    facts = {"listeners": [{"name": "public", "certificates": [long, none]}]}
    assert [one.subject for one in certificates(facts)] == ["x" * NAME_MOST, "-"]
