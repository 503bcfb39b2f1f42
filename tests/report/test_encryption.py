"""What was observed at each place, beside what was demanded of it."""

from __future__ import annotations

from attrs import evolve

from mcpgate.report.counts import Row
from mcpgate.report.encryption import PLACES_MOST, profile_called
from tests.report.written import CLASSICAL, MODERN, OLD, QUIET, at, generation, shake, summed


def test_each_place_has_what_its_handshakes_came_to() -> None:
    """Versions, suites, groups, the share of post-quantum, the first and the last."""
    place, _ = summed(*QUIET, shake("h-2", 5, handshake=OLD), shake("h-3", 9, handshake=CLASSICAL)).places
    assert (place.leg, place.where, place.finished) == ("inbound", "public", 3)
    assert place.versions.rows == (Row("TLSv1.3", 2), Row("TLSv1.2", 1))
    assert {row.name for row in place.groups.rows} == {"X25519MLKEM768", "x25519", "secp256r1"}
    assert place.post_quantum == 1
    assert (place.first, place.last) == (at(1), at(9))
    assert place.below == 0


def test_what_was_demanded_is_that_of_the_generation() -> None:
    """A handshake is held to the floor that was in force for it, and to no later one."""
    places = summed(
        generation(0, 1, profile="intermediate"),
        shake("h-1", 1, handshake=OLD),
        generation(2, 2, profile="modern+pq"),
        shake("h-2", 3, handshake=evolve(OLD, generation=2)),
        shake("h-3", 3, handshake=evolve(CLASSICAL, generation=2)),
        shake("h-4", 3, handshake=evolve(MODERN, generation=2)),
        shake("h-5", 3, handshake=evolve(MODERN, generation=3)),
    ).places
    demanded = [(one.demand.profile, one.handshakes, one.below) for one in places[0].demanded]
    assert demanded == [("intermediate", 1, 0), ("modern+pq", 3, 2)]
    assert places[0].undemanded == 1


def test_what_is_below_the_least_floor_is_told() -> None:
    """Whatever was configured: it should never be."""
    weak = evolve(OLD, cipher="ECDHE-RSA-AES128-SHA")
    assert summed(shake("h", handshake=weak)).places[0].below == 1


def test_made_up_places_do_not_fill_the_memory() -> None:
    """A journal that somebody else has made may name as many as it likes."""
    lines = (shake(f"h-{number}", where=f"place-{number}") for number in range(PLACES_MOST + 50))
    places = summed(*lines).places
    assert len(places) == PLACES_MOST + 1
    assert sum(place.finished for place in places) == PLACES_MOST + 50


def test_profiles_are_known_by_the_names_in_the_record() -> None:
    """With and without what was added to them."""
    assert profile_called("modern") is not None
    stricter = profile_called("intermediate+pq")
    assert stricter is not None and stricter.require_pq
    assert profile_called("lax") is None
    assert profile_called("modern+x") is None
