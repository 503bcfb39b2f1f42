"""From one key to those that it has named, forward only."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.evidence.checkpoint import Succession
from mcpgate.evidence.note import NoteError, SigningKey
from mcpgate.evidence.trusted import Trusted, follow, read_keys, written_keys

GATE = "gate.example-0001"
TIME = "2026-11-26T09:30:00.123456Z"
KEYS = [SigningKey(GATE, bytes([number]) * 32) for number in range(4)]
PUBLIC = tuple(key.verifier for key in KEYS)


def named(old: SigningKey, new: SigningKey) -> bytes:
    return old.sign(Succession(new.name, new.verifier, TIME).text())


NOTES = [named(old, new) for old, new in pairwise(KEYS)]


@given(st.permutations(NOTES), st.integers(0, 3))
def test_a_key_leads_to_those_after_it_and_to_none_before(notes: list[bytes], first: int) -> None:
    trusted = follow(Trusted(PUBLIC[first]), [*notes, notes[0]])
    assert trusted.keys == PUBLIC[first:]
    assert [trusted.age(key) for key in trusted.keys] == list(range(4 - first))
    assert trusted.gate == GATE


def test_a_gap_ends_it() -> None:
    assert follow(Trusted(PUBLIC[0]), [NOTES[0], NOTES[2]]).keys == PUBLIC[:2]
    assert follow(Trusted(PUBLIC[0]), []).keys == PUBLIC[:1]


def test_two_successors_are_one_too_many() -> None:
    """Whoever has the key of before names one of their own: which of them is the gate's cannot be told."""
    with pytest.raises(NoteError, match="two successors"):
        follow(Trusted(PUBLIC[0]), [NOTES[0], named(KEYS[0], KEYS[3])])


def test_a_circle_ends() -> None:
    assert follow(Trusted(PUBLIC[0]), [NOTES[0], named(KEYS[1], KEYS[0])]).keys == PUBLIC[:2]


def test_what_a_stranger_says_says_nothing() -> None:
    stranger = SigningKey("other", bytes(32))
    note = stranger.sign(Succession("other", stranger.verifier, TIME).text())
    assert follow(Trusted(PUBLIC[0]), [note, NOTES[1], NOTES[0]]).keys == PUBLIC[:3]
    forged = NOTES[0].replace(TIME.encode(), TIME.replace("2026", "2025").encode())
    with pytest.raises(NoteError, match="is wrong"):
        follow(Trusted(PUBLIC[0]), [forged])


def test_keys_are_written_and_read_again() -> None:
    raw = written_keys(PUBLIC, NOTES)
    assert read_keys(raw) == (PUBLIC[0], tuple(NOTES))
    assert raw.startswith(str(PUBLIC[0]).encode() + b"\n")


def test_one_key_in_one_line_is_enough() -> None:
    assert read_keys(f"{PUBLIC[2]}\n".encode()) == (PUBLIC[2], ())
    assert read_keys(str(PUBLIC[2]).encode()) == (PUBLIC[2], ())


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(raw: bytes) -> None:
    try:
        read_keys(raw)
    except NoteError:
        pass
