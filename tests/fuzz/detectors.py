"""Wherever what is sought stands it is found, and one look at a document misses nothing (detectors.py)."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable

from mcpgate.policy.detectors import NAMES, Detectors
from mcpgate.policy.found import Found
from mcpgate.policy.runs import WAIT, Runs
from mcpgate.policy.texts import find_across
from tests.fuzz.splits import splits
from tests.fuzz.target import Target
from tests.policy.samples import NOTHING, WHOLE

ALL = Detectors.compile(NAMES | {"employee"}, {"employee": r"\bE[0-9]{6}\b"})
SAMPLES = [(name, text) for name, texts in WHOLE.items() for text in texts]
#: What ends one text and begins another; and between two things of which each stands for itself.
NEXT, APART = "\x1e", '"\n"'


def check(raw: bytes) -> None:
    """
    A secret that is put between any other two texts is covered by finds; where anything is found in texts,
    the document with them is suspicious; and whatever is said bit by bit passes, once and in order.
    """
    text = raw.decode("utf-8", "replace")
    name, secret = SAMPLES[zlib.crc32(raw) % len(SAMPLES)]
    before, _, after = text.partition(NEXT)
    whole = before + APART + secret + APART + after
    start = len(before) + len(APART)
    assert _covers(ALL.find(whole), start, start + len(secret.rstrip("\n"))), (name, whole)
    texts = text.split(NEXT)
    across = find_across(texts, ALL)
    for one, finds in zip(texts, across, strict=True):
        _in_order(one, finds)
    alone = any(ALL.find(one) for one in texts)
    for document in _documents(texts):
        assert ALL.suspicious(document) or not (alone or any(across)), document
    _bit_by_bit(raw)


def _covers(found: list[Found], start: int, end: int) -> bool:
    for one in found:
        if one.start <= start < one.end:
            start = one.end
    return start >= end


def _in_order(text: str, found: list[Found]) -> None:
    at = 0
    for one in found:
        assert at <= one.start < one.end <= len(text) and one.detector in ALL.names
        at = one.end


def _documents(texts: list[str]) -> Iterable[bytes]:
    content = [{"type": "text", "text": text} for text in texts]
    for escaped in (True, False):
        yield json.dumps({"content": content}, ensure_ascii=escaped).encode()
    yield json.dumps({text: 1 for text in texts}, separators=(",", ":")).encode() if len(texts) == 1 else (
        json.dumps({"contents": content}, indent=1).replace("/", "\\/").encode()
    )


def _bit_by_bit(raw: bytes) -> None:
    """Two runs, of which one is in time and the other late."""
    for pieces in splits(raw):
        runs: Runs[int] = Runs(ALL)
        passed = []
        texts = [piece.decode("utf-8", "replace") for piece in pieces]
        for number, text in enumerate(texts):
            passed += runs.hear(number, len(text), number % 2, [text], float(number))
            if runs.due is not None and number % 3:
                passed += runs.late(runs.due + WAIT * (number % 2))
        passed += runs.end_all()
        assert [one.event for one in passed] == list(range(len(texts)))
        for one in passed:
            _in_order(texts[one.event], one.found[0])


def seeds() -> Iterable[bytes]:
    """Everything that is found, whole, in halves and among other things; and what is nothing."""
    for number, (_, text) in enumerate(SAMPLES):
        half = len(text) // 2
        yield text.encode()
        yield (text[:half] + NEXT + text[half:] + NEXT + SAMPLES[number - 1][1]).encode()
    for text in NOTHING:
        yield (text + NEXT + "it").encode()


WORDS = (
    b"\x1e",
    b"@example.com",
    b"4111",
    b"DE89",
    b"+1 415",
    b"AKIA",
    b"ghp_",
    b"xoxb-",
    b"eyJ",
    b"-----BEGIN PRIVATE KEY-----",
    b"-----END PRIVATE KEY-----",
    b"secret_key=",
    "\u200b".encode(),
    "\uff11".encode(),
    b"\\n",
    b"\\u0041",
    b'"text":"',
)

TARGET = Target(check, seeds, WORDS)
