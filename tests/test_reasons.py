"""Reasons are what machines go by: each is unique, in its place, and has exactly one answer."""

from __future__ import annotations

import re
from http import HTTPStatus

import pytest

from mcpgate.reasons import (
    ANSWERS,
    CODE_AUTH,
    CODE_GATE,
    CODE_POLICY,
    CODE_UPSTREAM,
    HEADER_MISMATCH,
    PLAINTEXT,
    UNSUPPORTED_REVISION,
    Answer,
    Reason,
    Refusal,
)

#: JSON-RPC 2.0, section 5.1: reserved. MCP takes its own codes from there too.
RESERVED = range(-32768, -31999)

#: The codes of JSON-RPC itself that we may use, and MCP's own, each for what it means there.
STANDARD = {-32700, -32600, -32601, -32602, HEADER_MISMATCH, UNSUPPORTED_REVISION}

KINDS = {"tls", "proxy", "frame", "mcp", "route", "auth", "session", "policy"} | {
    "upstream", "limit", "client", "gate"
}


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_a_kind_and_a_word(reason: Reason) -> None:
    """So that a log can be searched by either, and the name in the code says the same."""
    kind, _, word = reason.value.partition(".")
    assert kind in KINDS
    assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", word)
    assert reason.name == reason.value.replace(".", "_").upper()


def test_no_two_reasons_are_written_alike() -> None:
    assert len({reason.value for reason in Reason}) == len(Reason.__members__)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_an_answer(reason: Reason) -> None:
    """A refusal is never in want of words, and they are a sentence or two for the caller."""
    answer = ANSWERS[reason]
    assert answer.words.endswith(".")
    assert answer.words.isascii() and answer.words.isprintable()
    # 499 is nginx's for a caller that went away: it is only ever recorded.
    assert answer.status in {*HTTPStatus, 499}


def test_there_are_no_answers_to_anything_else() -> None:
    assert set(ANSWERS) == set(Reason)


@pytest.mark.parametrize("answer", [*ANSWERS.values(), PLAINTEXT])
def test_codes_are_ours_outside_the_reserved_range_or_the_standards_own(answer: Answer) -> None:
    assert (answer.code in RESERVED) == (answer.code in STANDARD)


def test_mcps_own_codes_are_the_specifications() -> None:
    """2026-07-28, basic, "Error Codes": each is emitted for what it means there and for nothing else."""
    used = {reason: answer.code for reason, answer in ANSWERS.items() if answer.code in range(-32099, -32019)}
    assert used == {Reason.MCP_HEADER: -32020, Reason.MCP_REVISION: -32022}


def test_our_codes_are_outside_the_reserved_range_and_differ() -> None:
    ours = [CODE_AUTH, CODE_GATE, CODE_POLICY, CODE_UPSTREAM]
    assert len(set(ours)) == len(ours)
    assert not set(ours) & set(RESERVED)


@pytest.mark.parametrize(
    ("kind", "statuses"),
    [
        ("tls", {502}),
        # A token request is answered as RFC 6749 says (400); an issuer out of reach is no fault of a caller.
        ("auth", {400, 401, 403, 503}),
        ("policy", {200}),
        ("upstream", {502, 503, 504}),
        ("gate", {500, 503}),
        ("limit", {429, 503}),
        ("proxy", {400}),
        ("mcp", {400, 403, 404, 405}),
        ("route", {404}),
        ("session", {400, 404}),
    ],
)
def test_the_status_says_who_is_to_blame(kind: str, statuses: set[int]) -> None:
    """A caller's retry logic goes by the status alone."""
    found = {ANSWERS[reason].status for reason in Reason if reason.value.startswith(f"{kind}.")}
    assert found == statuses


def test_what_the_caller_did_wrong_is_its_error() -> None:
    """4xx, but for the version of HTTP, which RFC 9110 15.6.6 counts among the server's."""
    found = {reason: ANSWERS[reason].status for reason in Reason if reason.value.startswith("frame.")}
    assert found.pop(Reason.FRAME_VERSION) == 505
    assert all(400 <= status < 500 for status in found.values())


def test_a_caller_does_not_learn_how_the_other_leg_failed() -> None:
    """All failures of TLS upstream are answered alike; nor does it learn whether a rule blocks a tool."""
    assert len({ANSWERS[reason] for reason in Reason if reason.value.startswith("tls.")}) == 1
    assert ANSWERS[Reason.POLICY_BLOCKED] == ANSWERS[Reason.POLICY_UNLISTED]


def test_a_refusal_is_told_with_its_detail_if_it_has_one() -> None:
    assert str(Refusal(Reason.TLS_PIN, "none of 2 pins")) == "tls.pin: none of 2 pins"
    assert str(Refusal(Reason.TLS_PIN)) == "tls.pin"
