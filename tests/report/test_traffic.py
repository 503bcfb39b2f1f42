"""Exchanges: how they ended, and over which encryption."""

from __future__ import annotations

from mcpgate.evidence.exchanges import own_facts
from mcpgate.policy.rules import Action
from mcpgate.reasons import Reason
from mcpgate.report.counts import Row
from mcpgate.report.span import Span
from mcpgate.report.traffic import Flow
from tests.report.written import (
    CLASSICAL,
    OUTBOUND,
    QUIET,
    at,
    closed,
    opened,
    shake,
    summed,
)


def test_an_exchange_is_told_with_the_encryption_of_both_legs() -> None:
    """By the handshakes that its lines name."""
    traffic = summed(*QUIET).traffic
    assert (traffic.exchanges, traffic.forwarded) == (1, 1)
    assert traffic.inbound.rows == traffic.outbound.rows == (Row("TLSv1.3, X25519MLKEM768", 1),)
    assert (traffic.inbound_post_quantum, traffic.outbound_post_quantum, traffic.both_post_quantum) == (
        1,
        1,
        1,
    )
    assert traffic.flows == (Flow("files", "allow", "completed", 1),)
    assert traffic.unfinished.total == 0


def test_one_classical_leg_makes_the_whole_classical() -> None:
    """Whoever recorded that leg may read it one day."""
    lines = (
        shake("h-in", handshake=CLASSICAL),
        shake("h-out", leg="outbound", where="files", handshake=OUTBOUND),
        opened("x"),
        closed("x"),
    )
    traffic = summed(*lines).traffic
    assert (traffic.inbound_post_quantum, traffic.outbound_post_quantum, traffic.both_post_quantum) == (
        0,
        1,
        0,
    )


def test_the_connection_that_was_used_in_the_end_counts() -> None:
    """The one that was leased first may have been gone."""
    lines = (*QUIET[:4], opened("x", outbound="h-other"), closed("x"))
    assert summed(*lines).traffic.outbound_unknown == 0


def test_connections_from_before_the_span_are_known_and_not_counted() -> None:
    """Their handshakes are among the lines before it."""
    span = Span(at(1.5), at(10))
    summary = summed(*QUIET, span=span)
    assert summary.traffic.inbound_unknown == 0
    assert [(one.finished, one.exchanges) for one in summary.places] == [(0, 1), (0, 1)]


def test_handshakes_that_were_not_read_are_told() -> None:
    """An exchange without them shows nothing of encryption."""
    traffic = summed(opened("x"), closed("x")).traffic
    assert (traffic.inbound_unknown, traffic.outbound_unknown) == (1, 1)


def test_an_exchange_belongs_to_the_span_in_which_it_began() -> None:
    """One that began before is not told, and one that ends behind it is told whole."""
    span = Span(at(5), at(10))
    lines = (opened("x-1", 4), opened("x-2", 6), closed("x-1", 7), closed("x-2", 11), opened("x-3", 10))
    traffic = summed(*lines, span=span).traffic
    assert (traffic.exchanges, traffic.unfinished.total) == (1, 0)


def test_what_was_never_closed_is_named() -> None:
    """With who and what it was."""
    traffic = summed(*QUIET, opened("x-2", 4, name="write_file")).traffic
    (found,) = traffic.unfinished.rows
    assert (found.id, found.principal, found.name) == ("x-2", "ci", "write_file")
    assert Flow("files", "allow", "unfinished", 1) in traffic.flows


def test_masked_values_are_counted_by_detector_and_direction() -> None:
    """Never the values."""
    lines = (opened("x", more=',"masked":{"card":2}'), closed("x", masked={"email": 3}))
    traffic = summed(*lines).traffic
    assert traffic.masked_requests.rows == (Row("card", 2),)
    assert traffic.masked_answers.rows == (Row("email", 3),)


def test_a_batch_has_the_strictest_of_its_verdicts() -> None:
    """Its messages are counted one by one."""
    calls = (
        ',"calls":[{"method":"tools/call","name":"a","verdict":"allow","rule":null},'
        '{"method":"tools/call","name":"b","verdict":"block","rule":"r"}]'
    )
    lines = (opened("x", method=None, name=None, more=calls), closed("x", refused=Reason.POLICY_BLOCKED))
    traffic = summed(*lines).traffic
    assert traffic.flows == (Flow("files", "block", "refused", 1),)
    assert {row.name for row in traffic.methods.rows} == {"tools/call (allow)", "tools/call (block)"}


def test_the_gates_own_requests_have_no_caller() -> None:
    """They are neither anonymous nor unknown."""
    lines = (
        *QUIET[:4],
        opened("x-1", inbound=None, principal=None),
        closed("x-1", inbound=None),
        opened("x-2", principal=None, route=None, more=own_facts("resource-metadata"), outbound=None),
        closed("x-2", outbound=None),
    )
    traffic = summed(*lines).traffic
    assert (traffic.own, traffic.inbound_unknown, traffic.principals.total) == (1, 0, 0)
    assert Flow("", "own", "completed", 1) in traffic.flows


def test_held_calls_are_counted() -> None:
    """By the word that they were held at all."""
    lines = (
        opened("x", action=Action.HOLD, more=',"hold":"w-1","decided":"approved","by":"op"'),
        closed("x"),
    )
    assert summed(*lines).traffic.held == 1
