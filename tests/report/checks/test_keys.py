"""Certificates, keys and kinds of cryptography."""

from __future__ import annotations

from datetime import UTC, datetime

from attrs import evolve

from mcpgate.report.checks.answer import Answer, Facts
from mcpgate.report.checks.keys import inventory, keys, module, strength, suites, valid
from tests.report.written import (
    CERTIFICATE,
    MODERN,
    OUTBOUND,
    OWN,
    QUIET,
    generation,
    shake,
    summed,
    verified,
)


def facts(*lines: bytes) -> Facts:
    """What is judged."""
    return Facts(summed(*lines), verified())


def upstream(**changes: object) -> bytes:
    """A handshake with an upstream whose certificate differs."""
    peer = evolve(CERTIFICATE, sha256="34" * 32, **changes)
    return shake("h-9", 5, leg="outbound", where="files", handshake=evolve(OUTBOUND, peer=peer))


def test_certificates_are_valid_if_none_is_used_after_its_end() -> None:
    """And revocation lists are there for all."""
    assert valid(facts(*QUIET)).answer is Answer.MET
    ended = upstream(not_after=datetime(2026, 11, 1, tzinfo=UTC))
    found = valid(facts(*QUIET, ended))
    assert found.answer is Answer.NOT_MET and "CN=files.example.com" in found.why


def test_without_revocation_lists_it_is_not_shown_that_none_was_revoked() -> None:
    """Nor where nothing says what was configured."""
    without = generation(0, 1, upstreams=[{"name": "files", "profile": "modern", "revocation_lists": 0}])
    found = valid(facts(QUIET[0], without, *QUIET[2:]))
    assert found.answer is Answer.NOT_SHOWN and "revocation" in found.why
    assert valid(facts(QUIET[0], *QUIET[2:])).answer is Answer.NOT_SHOWN


def test_weak_keys_are_not_met() -> None:
    """Also our own."""
    assert strength(facts(*QUIET)).answer is Answer.MET
    assert strength(facts(*QUIET, upstream(key="RSA-1024"))).answer is Answer.NOT_MET
    own = evolve(MODERN, own=evolve(OWN, key="RSA-1024", sha256="56" * 32))
    assert strength(facts(*QUIET, shake("h-9", handshake=own))).answer is Answer.NOT_MET


def test_an_inventory_needs_what_was_configured() -> None:
    """What was seen on the wire is a part of it."""
    assert inventory(facts(*QUIET)).answer is Answer.MET
    assert inventory(facts(*QUIET[2:])).answer is Answer.NOT_SHOWN
    more = generation(0, 1, certificates_left_out=3)
    assert inventory(facts(*QUIET, more)).answer is Answer.NOT_SHOWN


def test_what_people_do_is_not_shown() -> None:
    """Reviews, plans, the life of keys, and what was prescribed."""
    for check in (suites, keys, module):
        found = check(facts(*QUIET))
        assert found.answer is Answer.NOT_SHOWN and found.figures
