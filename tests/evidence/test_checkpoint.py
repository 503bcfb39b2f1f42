"""Checkpoints and successions: what they say has one form, and whatever has another is neither."""

from __future__ import annotations

import re

import pytest
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st

from mcpgate.evidence.checkpoint import (
    FIRST,
    Checkpoint,
    Succession,
    hash_of,
    read_checkpoint,
    read_succession,
)
from mcpgate.evidence.note import NoteError, SigningKey

GATE = "gate.example-0001"
ONE = Checkpoint(
    gate=GATE,
    worker=0,
    segment=12,
    size=345,
    root=bytes(range(32)),
    time="2026-11-26T09:30:00.123456Z",
    head=bytes(32),
    closed=False,
    previous=FIRST,
)
NEXT = Succession(GATE, SigningKey(GATE, bytes(32)).verifier, "2026-11-26T09:30:00.123456Z")


def test_the_text_is_that_of_the_specification_and_some_lines_of_ours() -> None:
    """Origin, size and root as c2sp.org/tlog-checkpoint has them; no line is empty."""
    assert ONE.text().split("\n") == [
        "gate.example-0001/0/12",
        "345",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "time 2026-11-26T09:30:00.123456Z",
        "head " + "0" * 64,
        "state open",
        "previous " + "0" * 64,
        "",
    ]


@given(
    st.integers(0, 999_999_999),
    st.integers(1, 999_999_999),
    st.integers(1, 10**15),
    st.binary(min_size=32, max_size=32),
    st.booleans(),
)
def test_what_is_written_is_read(worker: int, segment: int, size: int, hash: bytes, closed: bool) -> None:
    one = evolve(
        ONE, worker=worker, segment=segment, size=size, root=hash, head=hash, closed=closed, previous=hash
    )
    assert read_checkpoint(one.text()) == one


def test_a_succession_is_read() -> None:
    assert read_succession(NEXT.text()) == NEXT
    with pytest.raises(NoteError, match="another name"):
        read_succession(NEXT.text().replace(f"{GATE}/succession", "other/succession"))


@given(st.text(max_size=300), st.integers(0, 400), st.integers(0, 400))
@example("", 0, 0)
@example("\n", len(ONE.text()), 400)
def test_whatever_comes_is_read_or_refused(junk: str, begin: int, end: int) -> None:
    """And what is read would be written like that."""
    for text, read in ((ONE.text(), read_checkpoint), (NEXT.text(), read_succession)):
        begin, end = sorted((begin, end))
        damaged = text[:begin] + junk + text[end:]
        try:
            found = read(damaged)
        except NoteError:
            assert damaged != text
        else:
            assert found.text() == damaged


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n345\n", "\n0345\n"),
        ("\n345\n", "\n0\n"),
        ("\n345\n", "\n-345\n"),
        ("\n345\n", "\n٣٤٥\n"),
        ("/0/12", "/00/12"),
        ("/0/12", "/0/0"),
        ("Hh8=", "Hh9="),
        ("state open", "state Open"),
        ("head 0", "head A"),
        ("T09:30", " 09:30"),
        ("previous ", "extra line\nprevious "),
        ("$", "\n"),
    ],
)
def test_another_way_to_write_it_is_refused(old: str, new: str) -> None:
    text = re.sub(old, new, ONE.text(), count=1)
    assert text != ONE.text()
    with pytest.raises(NoteError):
        read_checkpoint(text)


def test_the_note_before_counts_with_its_signature() -> None:
    key = SigningKey(GATE, bytes(32))
    note = key.sign(ONE.text())
    assert len(hash_of(note)) == 32
    assert hash_of(note) != hash_of(SigningKey(GATE, bytes(range(32))).sign(ONE.text()))
