"""Identifiers of records: no two alike, and in the order of their making."""

from __future__ import annotations

import os
import secrets
import time
from itertools import count


class _Ids:
    """Identifiers that sort by time: when this process began, 40 random bits, a counter."""

    def __init__(self) -> None:
        self.begin()
        os.register_at_fork(after_in_child=self.begin)  # a child must not repeat its parent's ids

    def begin(self) -> None:
        self.process = f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(5)}"
        self.next = count().__next__


_ids = _Ids()


def new_id(prefix: str) -> str:
    """An identifier that no other process and no other call makes; a later one sorts behind."""
    return f"{prefix}-{_ids.process}-{_ids.next():08x}"
