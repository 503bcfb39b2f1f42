"""The page about reasons."""

from __future__ import annotations

from mcpgate.config.advice import ADVICE
from mcpgate.config.reference import answered
from mcpgate.reasons import ANSWERS, Reason
from mcpgate.reference.reasons import CODES, KINDS, reasons_page
from mcpgate.reference.words import plain


def test_every_reason_is_there() -> None:
    """With what callers are told, and what to do about it; once."""
    page = reasons_page()
    for reason in Reason:
        assert page.count(f"\n### {reason}\n\n{answered(reason)}\n\n{plain(ADVICE[reason])}\n") == 1


def test_every_kind_is_explained_and_no_other() -> None:
    """What reasons begin with."""
    assert set(KINDS) == {reason.value.partition(".")[0] for reason in Reason}


def test_every_code_of_our_own_is_explained() -> None:
    """Those outside of what JSON-RPC reserves, and MCP with it."""
    assert set(CODES) == {each.code for each in ANSWERS.values() if not -32768 <= each.code <= -32000}
