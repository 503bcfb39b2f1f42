"""What was refused, by reason, with what clients had offered."""

from __future__ import annotations

from mcpgate.reasons import Reason
from mcpgate.report.counts import Row
from mcpgate.report.refusals import EXAMPLES_MOST, offer_words
from mcpgate.tls.handshake import Offer
from tests.report.written import QUIET, closed, opened, said, shake, summed

OLD_CLIENT = Offer(None, ("TLSv1.1", "TLSv1"), ("AES128-SHA",), ("secp256r1",), ())


def test_handshakes_are_told_by_leg_and_reason() -> None:
    """With where it was, what was offered, and examples."""
    lines = [
        shake(f"h-{n}", n, refused=Reason.TLS_VERSION, offer=OLD_CLIENT) for n in range(EXAMPLES_MOST + 2)
    ]
    (found,) = summed(*lines).refusals
    assert (found.kind, found.reason, found.count) == ("inbound", "tls.version", EXAMPLES_MOST + 2)
    assert found.where.rows == (Row("public", EXAMPLES_MOST + 2),)
    assert found.offers.rows == (Row("TLSv1.1, TLSv1; secp256r1; 1 suites", EXAMPLES_MOST + 2),)
    assert (len(found.examples.rows), found.examples.left_out) == (EXAMPLES_MOST, 2)
    assert found.examples.rows[0].who == "192.0.2.7:40000"


def test_exchanges_are_told_with_who_and_what() -> None:
    """The caller, the method and the name."""
    summary = summed(*QUIET, opened("x-2"), closed("x-2", outbound=None, refused=Reason.POLICY_BLOCKED))
    (found,) = summary.refusals
    assert (found.kind, found.reason, found.where.rows) == ("exchange", "policy.blocked", (Row("files", 1),))
    example = found.examples.rows[0]
    assert (example.who, example.what, example.detail) == ("ci", "tools/call read_file", "as it was")
    assert summary.refused_exchanges("policy.") == 1
    assert summary.refused_exchanges("auth.") == 0


def test_those_without_a_line_of_their_own_count() -> None:
    """Of a flood some are recorded, with how many were not; others are told in sums."""
    summary = summed(
        shake("h-1", refused=Reason.LIMIT_CONNECTIONS, extra={"unrecorded": 41}),
        said("handshakes", leg="inbound", where="public", reason="tls.closed", count=900),
    )
    assert [(one.reason, one.count, one.unrecorded) for one in summary.refusals] == [
        ("tls.closed", 900, 900),
        ("limit.connections", 42, 41),
    ]


def test_credentials_in_clear_text_are_told() -> None:
    """Whoever sent them has to be told, and they have to be revoked."""
    summary = summed(
        shake("h-1", refused=Reason.TLS_PLAINTEXT, extra={"credential_exposed": True}),
        shake("h-2", refused=Reason.TLS_PLAINTEXT, extra={"credential_exposed": False}),
    )
    assert (summary.plaintext, summary.exposed) == (2, 1)


def test_offers_are_said_in_a_few_words() -> None:
    """However long they are."""
    assert offer_words(None) == "no ClientHello"
    assert offer_words(Offer(None, (), (), (), ())) == "no versions; no groups; 0 suites"
    many = offer_words(Offer(None, ("TLSv1.3",), ("a",), tuple(f"g{n}" for n in range(30)), ()))
    assert "and 22 more" in many and len(many) < 100
