"""Whether connections were encrypted, with whom, and how strongly at least."""

from __future__ import annotations

from attrs import evolve

from mcpgate.reasons import Reason
from mcpgate.report.checks.answer import Answer, Facts, Finding
from mcpgate.report.checks.legs import encrypted, floor, trusted
from tests.report.written import OLD, OUTBOUND, QUIET, closed, opened, said, shake, summed, verified

WEAK = evolve(OLD, cipher="AES128-SHA", group=None)


def facts(*lines: bytes, sound: bool = True) -> Facts:
    """What is judged."""
    return Facts(summed(*lines), verified(sound=sound))


def figure(found: Finding, label: str) -> str:
    """A figure of an answer."""
    return {one.label: one.value for one in found.figures}[label]


def test_all_exchanges_over_known_handshakes_are_encrypted() -> None:
    """Every one names them."""
    found = encrypted(facts(*QUIET))
    assert found.answer is Answer.MET
    assert figure(found, "with both handshakes on record") == "all"


def test_a_handshake_below_the_floor_is_not_met() -> None:
    """One is enough."""
    assert encrypted(facts(*QUIET, shake("h-2", handshake=WEAK))).answer is Answer.NOT_MET
    assert floor(facts(*QUIET, shake("h-2", handshake=WEAK))).answer is Answer.NOT_MET


def test_below_what_was_demanded_is_not_met_either() -> None:
    """TLS 1.2 is above the least floor, and below "modern"."""
    found = floor(facts(*QUIET, shake("h-2", handshake=OLD)))
    assert found.answer is Answer.NOT_MET
    assert figure(found, "below what the configuration demanded then") == "1"
    assert encrypted(facts(*QUIET, shake("h-2", handshake=OLD))).answer is Answer.MET


def test_what_was_forwarded_off_the_record_shows_nothing() -> None:
    """It may have been anything."""
    found = encrypted(facts(*QUIET, said("gap", exchanges=3)))
    assert found.answer is Answer.NOT_SHOWN and "off the record" in found.why


def test_exchanges_whose_handshakes_are_not_there_show_nothing() -> None:
    """The reader is told what to do about it."""
    found = encrypted(facts(*QUIET, opened("x-2", inbound="h-before"), closed("x-2", inbound="h-before")))
    assert found.answer is Answer.NOT_SHOWN and "earlier" in found.why


def test_refused_clear_text_is_told_and_no_failure() -> None:
    """It was refused; what was exposed on the way is said."""
    line = shake("h-2", refused=Reason.TLS_PLAINTEXT, extra={"credential_exposed": True})
    found = encrypted(facts(*QUIET, line))
    assert found.answer is Answer.MET and "clear text" in found.why
    assert figure(found, "of these with a credential in them") == "1"


def test_broken_lines_show_nothing() -> None:
    """What they were nobody knows."""
    assert encrypted(facts(*QUIET, b"broken\n")).answer is Answer.NOT_SHOWN


def test_upstreams_are_trusted_if_pins_hold() -> None:
    """One that does not hold its pin, and was let through, is not."""
    assert trusted(facts(*QUIET)).answer is Answer.MET
    loose = shake("h-2", leg="outbound", where="files", handshake=evolve(OUTBOUND, pinned=False))
    assert trusted(facts(*QUIET, loose)).answer is Answer.NOT_MET
    refused = shake("h-2", leg="outbound", where="files", refused=Reason.TLS_PIN)
    found = trusted(facts(*QUIET, refused))
    assert found.answer is Answer.MET
    assert figure(found, "handshakes refused for a certificate, name, pin or key") == "1"


def test_without_a_connection_nobody_was_trusted() -> None:
    """Nothing is shown then."""
    assert trusted(facts(*QUIET[:3])).answer is Answer.NOT_SHOWN


def test_tampering_outweighs_all() -> None:
    """Also what would not have been met: nobody knows."""
    for check in (encrypted, floor, trusted):
        assert check(facts(*QUIET, shake("h-2", handshake=WEAK), sound=False)).answer is Answer.NOT_SHOWN
