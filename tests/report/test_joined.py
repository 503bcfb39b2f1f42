"""Exchanges put together from their lines."""

from __future__ import annotations

from mcpgate.reasons import Reason
from mcpgate.report.joined import Exchange, Joining, Sought
from mcpgate.report.span import Span
from tests.report.written import QUIET, SPAN, at, closed, opened, said


def joined(*lines: bytes, span: Span = SPAN) -> list[Exchange]:
    """The exchanges of lines, the unfinished ones last."""
    joining = Joining(span)
    found = [one for _, one in joining.read(lines) if isinstance(one, Exchange)]
    return [*found, *joining.unfinished()]


def test_both_lines_and_both_handshakes_come_together() -> None:
    """As they were written."""
    (found,) = joined(*QUIET)
    assert found.lines == QUIET[4:]
    assert found.closed is not None and found.inbound is not None and found.outbound is not None
    assert (found.inbound.where, found.outbound.where) == ("public", "files")


def test_an_exchange_without_an_end_comes_last() -> None:
    """With the one line that it has, and the connection that was leased for it."""
    _, found = joined(*QUIET, opened("x-2"))
    assert found.closed is None and len(found.lines) == 1
    assert found.outbound is not None


def test_what_began_before_the_span_is_left_out() -> None:
    """And what ends after it is in it."""
    span = Span(at(2.5), at(10))
    found = joined(*QUIET, opened("x-2", 9), closed("x-2", 11), span=span)
    assert [one.opened.id for one in found] == ["x-2"]


def test_exchanges_are_sought_by_what_is_known_of_them() -> None:
    """All that is asked has to be so."""
    calls = ',"calls":[{"method":"tools/call","name":"in_batch","verdict":"allow","rule":null}]'
    lines = (
        *QUIET,
        opened("x-2", name=None, method=None, more=calls),
        closed("x-2", refused=Reason.POLICY_BLOCKED),
    )

    def ids(**sought: str) -> list[str]:
        return [one.opened.id for one in joined(*lines) if Sought(**sought).holds(one)]

    assert ids() == ids(principal="ci") == ids(route="files") == ["x-1", "x-2"]
    assert ids(tool="in_batch") == ids(reason="policy.blocked") == ["x-2"]
    assert ids(tool="read_file", principal="ci") == ["x-1"]
    assert ids(principal="somebody") == []
    assert Sought().all and not Sought(route="files").all


def test_other_lines_of_the_span_pass() -> None:
    """And what is no record is counted."""
    joining = Joining(SPAN)
    found = list(joining.read((said("gap"), said("gap", 5000), b"broken\n")))
    assert len(found) == 1 and joining.faulty == 1
