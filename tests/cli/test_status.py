"""How C{mcpgate status} words what a gate says."""

from mcpgate.cli.status import as_configured


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
