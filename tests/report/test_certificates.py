"""Certificates by their roles: on the wire, and in the configuration."""

from __future__ import annotations

from attrs import evolve

from mcpgate.report.certificates import ROLE_MOST
from tests.report.written import CERTIFICATE, MODERN, OUTBOUND, OWN, QUIET, at, shake, summed


def test_each_is_told_in_its_role_and_place() -> None:
    """Ours, the upstream's, and what the configuration trusts."""
    rows = summed(*QUIET).certificates.rows
    assert [(one.role, one.where, one.handshakes, one.configured) for one in rows] == [
        ("own", ("public",), 1, False),
        ("upstream", ("files",), 1, False),
        ("client_ca", ("public",), 0, True),
    ]
    assert rows[1].subject == CERTIFICATE.subject
    assert rows[1].not_after == "2027-06-01T00:00:00.000000Z"
    assert rows[1].pinned is True
    assert (rows[0].first, rows[0].last) == (at(1), at(1))


def test_one_unpinned_handshake_is_not_hidden_by_pinned_ones() -> None:
    """C{pinned} is true only if it always was."""
    outbound = [
        shake(f"h-{number}", leg="outbound", where="files", handshake=evolve(OUTBOUND, pinned=pinned))
        for number, pinned in enumerate((True, False, True))
    ]
    assert summed(*outbound).certificates.rows[0].pinned is False


def test_clients_do_not_crowd_out_what_is_ours() -> None:
    """Each role has room of its own, and what has none is counted."""
    clients = (
        shake(
            f"h-{number}",
            handshake=evolve(MODERN, peer=evolve(CERTIFICATE, sha256=f"{number:064x}"), own=None),
        )
        for number in range(ROLE_MOST + 7)
    )
    found = summed(*clients, shake("h-own")).certificates
    assert found.left_out == 7
    assert [one.sha256 for one in found.rows if one.role == "own"] == [OWN.sha256]
