"""Identifiers of records."""

from __future__ import annotations

import os

from mcpgate.evidence.ids import new_id


def test_ids_are_unique_and_sort_by_time() -> None:
    ids = [new_id("x") for _ in range(10_000)]
    assert len(set(ids)) == len(ids)
    assert ids == sorted(ids)
    assert all(id.startswith("x-") and id.isascii() and id.isprintable() for id in ids)


def test_a_forked_child_makes_other_ids_than_its_parent() -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, new_id("x").encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(read, 100).decode()
    os.close(read)
    os.close(write)
    assert theirs.split("-")[1] != new_id("x").split("-")[1]
