"""The header alone tells a request's revision, and what is unknown does not pass."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

from mcpgate.reasons import ANSWERS, Reason, Refusal
from mcpgate.wire.revision import ECHO_LENGTH, SUPPORTED, Revision, revision_of


@pytest.mark.parametrize("revision", Revision)
def test_each_published_revision_is_known_by_its_header(revision: Revision) -> None:
    assert revision_of(revision.header) is revision
    assert revision.header == revision.text.encode() == str(revision).encode()


def test_the_eras_are_those_of_the_official_sdk() -> None:
    """2026-07-28, basic/versioning, "Terminology"."""
    assert {one.text for one in Revision if one.modern} == set(MODERN_PROTOCOL_VERSIONS)
    assert {one.text for one in Revision if not one.modern} == set(HANDSHAKE_PROTOCOL_VERSIONS)


def test_only_one_revision_has_batches() -> None:
    """2025-03-26 and 2025-06-18, changelog."""
    assert [one.text for one in Revision if one.batches] == ["2025-03-26"]


def test_no_header_means_2025_03_26() -> None:
    """2025-06-18, basic/transports, "Protocol Version Header"."""
    assert revision_of(None) is Revision.V2025_03_26


@pytest.mark.parametrize(
    "header",
    [
        b"1900-01-01",
        b"v999.0.0",
        b"2026-07-29",
        b"draft",
        b"2025-11-25, 2026-07-28",
        b"2026-07-28 ",
        b"2026-7-28",
        "２０２６-07-28".encode(),
        b"",
        b"2026-07-28;q=1",
    ],
)
def test_an_unknown_revision_is_refused_with_what_to_fall_back_to(header: bytes) -> None:
    """2026-07-28, basic/versioning, "Protocol Version Negotiation": 400, -32022, supported, requested."""
    refusal = revision_of(header)
    assert isinstance(refusal, Refusal) and refusal.reason is Reason.MCP_REVISION
    answer = ANSWERS[refusal.reason]
    assert (answer.status, answer.code) == (400, -32022)
    assert refusal.told is not None
    assert refusal.told["supported"] == ["2026-07-28"]
    assert set(refusal.told) == {"supported", "requested"}


def test_what_was_asked_for_is_echoed() -> None:
    """The official suite's ServerUnsupportedVersionError compares it."""
    refusal = revision_of(b"v999.0.0")
    assert isinstance(refusal, Refusal) and refusal.told is not None
    assert refusal.told["requested"] == "v999.0.0"


@given(st.binary())
@example(b"x" * 10_000)
@example(b'"}\x7f\t\x80')
def test_the_echo_is_short_and_printable_whatever_was_asked_for(header: bytes) -> None:
    refusal = revision_of(header)
    if isinstance(refusal, Refusal):
        assert refusal.told is not None
        echo = refusal.told["requested"]
        assert isinstance(echo, str) and len(echo) <= ECHO_LENGTH and (echo.isascii() and echo.isprintable())
        assert len(refusal.detail) < 4 * ECHO_LENGTH


def test_what_is_offered_is_what_discovery_offers() -> None:
    """
    The suite demands that all of C{supported} be in C{server/discover}'s C{supportedVersions}, and the
    official servers name only the modern ones there.
    """
    assert list(SUPPORTED) == sorted(MODERN_PROTOCOL_VERSIONS, reverse=True)


def test_what_is_too_long_for_a_version_is_told_its_caller_and_not_recorded() -> None:
    """Somebody has put something else there, such as a key."""
    for header, recorded in ((b"2031-01-01-draft", True), (b"Bearer-s3cret-that-is-no-version", False)):
        refusal = revision_of(header)
        assert isinstance(refusal, Refusal) and refusal.detail and refusal.told
        assert (header.decode() in refusal.detail) is recorded
        assert refusal.told["requested"] == header.decode()
