"""How C{mcpgate status} words what a gate says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mcpgate.cli.status import as_configured, not_ready


def test_limits_are_written_as_in_the_file() -> None:
    """Durations and sizes with their units; facts of other kinds stay as they are."""
    limits = {"handshake_timeout": 10.0, "idle_timeout": 90.0, "head_size": 32768, "body_size": 1000}
    told = as_configured({"process": 7, "limits": limits})
    assert told == {
        "process": 7,
        "limits": {
            "handshake_timeout": "10s",
            "idle_timeout": "90s",
            "head_size": "32KiB",
            "body_size": "1000B",
        },
    }


def test_the_limits_of_upstreams_are_written_so_as_well() -> None:
    """Each with its own."""
    upstreams = [{"name": "a", "limits": {"quiet_timeout": 3600.0, "queue": 5}}, {"name": "b"}]
    assert as_configured({"upstreams": upstreams}) == {
        "upstreams": [{"name": "a", "limits": {"quiet_timeout": "1h", "queue": "5"}}, {"name": "b"}]
    }


def test_a_gate_of_another_version_is_shown_as_it_is() -> None:
    """A limit that is not known here, or no limits at all."""
    assert as_configured({"limits": {"patience": 5}}) == {"limits": {"patience": 5}}
    assert as_configured({"running": False}) == {"running": False}


def facts(**changed: object) -> dict[str, object]:
    """What a gate says that serves."""
    certificate = {"not_after": "2026-12-01T00:00:00+00:00"}
    row = {"name": "main", "address": "127.0.0.1:8443", "certificates": [certificate]}
    return {"running": True, "draining": False, "listeners": [row], "journal": {"failure": None}, **changed}


NOW = datetime(2026, 11, 26, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, None),
        ({"running": False}, "does not run"),
        ({"draining": True}, "is stopping"),
        # Of several workers none answers; the supervisor still does.
        ({"listeners": [], "workers": [{"number": 0, "state": "does not answer"}]}, "no worker serves"),
        ({"listeners": [{"name": "main", "address": "", "certificates": []}]}, "not every listener accepts"),
        ({"journal": {"failure": "the disk is full"}}, "journal cannot be written"),
    ],
)
def test_a_health_check_is_told_whether_it_serves(changed: dict[str, object], words: str | None) -> None:
    """And not only that somebody answers."""
    why = not_ready(facts(**changed), NOW)
    assert why is None if words is None else why is not None and words in why


def test_a_certificate_that_is_over_is_not_healthy() -> None:
    """No caller accepts it."""
    assert "certificate" in str(not_ready(facts(), NOW + 30 * 86400))
