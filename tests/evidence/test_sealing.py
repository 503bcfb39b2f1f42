"""Checkpoints are kept in their order in a thread, and tried again where they could not be."""

from __future__ import annotations

import threading
from typing import Any

from mcpgate.evidence.sealing import AGAIN, SealingAside


class Signing:
    """Keeps checkpoints, unless it is broken."""

    gate = "gate-1"

    def __init__(self) -> None:
        self.broken = False
        self.added: list[tuple[int, int]] = []
        self.tried = 0
        self.closed = False
        self.threads: set[int] = set()

    def add(self, segment: int, size: int, root: bytes, head: bytes, closed: bool) -> bool:
        self.tried += 1
        self.threads.add(threading.get_ident())
        if not self.broken:
            self.added.append((segment, size))
        return not self.broken

    def facts(self) -> dict[str, Any]:
        return {"failure": "broken" if self.broken else None}

    def close(self) -> None:
        self.closed = True


def waited(seals: SealingAside) -> None:
    done = threading.Event()
    seals.after(done.set)
    assert done.wait(10)


def test_they_are_kept_in_their_order_in_another_thread() -> None:
    signing = Signing()
    seals = SealingAside(signing)
    for size in range(1, 20):
        seals.add(1, size, b"", b"", False)
    seals.close()
    assert signing.added == [(1, size) for size in range(1, 20)]
    assert signing.threads.isdisjoint({threading.get_ident()}) and signing.closed
    assert (seals.gate, seals.facts()) == ("gate-1", {"failure": None})


def test_the_last_that_could_not_be_kept_is_tried_again_and_known_until_it_is() -> None:
    now = [0.0]
    signing = Signing()
    seals = SealingAside(signing, lambda: now[0])
    signing.broken = True
    seals.add(1, 5, b"", b"", False)
    waited(seals)
    now[0] = 3.0
    seals.add(1, 7, b"", b"", False)
    waited(seals)
    assert seals.behind() == 3.0
    seals.again()
    waited(seals)
    assert signing.tried == 2
    now[0] = 3.0 + AGAIN
    signing.broken = False
    seals.again()
    seals.again()
    waited(seals)
    assert (signing.tried, signing.added, seals.behind()) == (3, [(1, 7)], 0.0)
    seals.close()
