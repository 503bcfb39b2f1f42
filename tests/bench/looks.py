"""What it takes to look for secrets: C{python -m tests.bench.looks}.

What passes without anything in it is what counts: its bytes are looked at once. The least of many short
runs is printed, as in C{tests.bench.parts}.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

from mcpgate.policy.detectors import NAMES, Detectors
from mcpgate.policy.runs import Runs
from mcpgate.policy.texts import find_across
from tests.bench.parts import microseconds

#: Ten of those that come with the gate.
TEN = Detectors.compile(NAMES - {"google-key"}, {})
OWN = Detectors.compile(NAMES | {"employee"}, {"employee": r"\bE[0-9]{6}\b"})

_LINE = "On 2026-11-26T10:00:00Z build 1732590000000 of main took 12.5 s and 4 of 17 tests were slow. "


def answer(*texts: str, **options: bool) -> bytes:
    """An answer to a call whose content is these texts."""
    content = [{"type": "text", "text": text} for text in texts]
    result = {"content": content, "structuredContent": {"count": len(texts)}, "isError": False}
    body = {"jsonrpc": "2.0", "id": 7, "result": result}
    return json.dumps(body, separators=(",", ":"), ensure_ascii=options.get("escaped", True)).encode()


def with_finds(size: int, finds: int) -> str:
    """A text of so many bytes with so many finds of several kinds in it."""
    secrets = ["foo@example.com", "4111 1111 1111 1111", "AKIA" + "IOSFODNN7EXAMPLE", "123-45-6789"]
    between = (_LINE * (size // finds // len(_LINE)))[: size // finds - 24]
    return "".join(f"{between} {secrets[number % 4]} " for number in range(finds))


def show(what: str, look: Callable[[], object], number: int) -> None:
    """One line."""
    print(f"{what:<58} {microseconds(look, number):8.1f} us")


def main() -> None:
    """All of them."""
    two = (_LINE * 22)[:1900]
    parts = [
        ("ten detectors: a clean answer of 2 KB", answer(two), TEN),
        ("the same with a line end every 40 characters", answer(two.replace("of main", "\n")), TEN),
        ("the same in four texts", answer(*(two[at : at + 475] for at in range(0, 1900, 475))), TEN),
        ("the same with other letters", answer(two.replace("took", "t\u00f6\u00f6k"), escaped=False), TEN),
        ("the same with other letters, escaped", answer(two.replace("took", "t\u00f6\u00f6k")), TEN),
        ("the same and an operator's expression", answer(two), OWN),
        ("ten detectors: a clean answer of 200 KB", answer(_LINE * 2150), TEN),
    ]
    for what, raw, detectors in parts:
        assert not detectors.suspicious(raw), what
        show(what, partial(detectors.suspicious, raw), 200)
    found = with_finds(200_000, 20)
    assert len(TEN.find(found)) == 20
    show("200 KB with 20 finds", partial(TEN.find, found), 3)
    texts = [found[at : at + 2000] for at in range(0, len(found), 2000)]
    show("the same in 100 texts", partial(find_across, texts, TEN), 3)
    runs: Runs[None] = Runs(TEN)
    show("an event of a log", partial(runs.hear, None, 120, "log", [_LINE], 0.0), 200)


if __name__ == "__main__":
    main()
