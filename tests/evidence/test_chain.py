"""The chain and its tree: what RFC 9162 says, whatever grows."""

from __future__ import annotations

import json
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from mcpgate.evidence.chain import NOTHING_BEFORE, Tree, leaf, linked


def root_of(leaves: list[bytes]) -> bytes:
    """RFC 9162 2.1.1, as it is written there."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + root_of(leaves[:split]) + root_of(leaves[split:])).digest()


@given(st.integers(min_value=0, max_value=300))
def test_the_tree_that_grows_has_the_root_that_the_rfc_defines(size: int) -> None:
    leaves = [leaf(b"%d\n" % number) for number in range(size)]
    tree = Tree()
    for one in leaves:
        tree.append(one)
    assert (tree.size, tree.root()) == (size, root_of(leaves))


@given(st.lists(st.integers(min_value=0, max_value=70), max_size=8))
def test_the_tree_grows_by_many_as_by_one_after_the_other(shares: list[int]) -> None:
    one, many = Tree(), Tree()
    for share in shares:
        leaves = [leaf(b"%d\n" % (one.size + number)) for number in range(share)]
        many.extend(leaves)
        for each in leaves:
            one.append(each)
        assert (many.size, many.root()) == (one.size, one.root())


def test_a_leaf_is_hashed_apart_from_a_node() -> None:
    assert leaf(b"{}\n") == sha256(b"\x00{}\n").digest()


def test_a_line_says_its_place_behind_all_that_it_says() -> None:
    line = linked(b'{"v":2,"type":"open"}\n', 7, NOTHING_BEFORE)
    assert line.endswith(b"\n")
    assert list(json.loads(line).items()) == [("v", 2), ("type", "open"), ("seq", 7), ("prev", "0" * 64)]


@given(st.integers(min_value=0, max_value=70))
def test_the_root_that_there_would_be_is_the_one_that_comes(size: int) -> None:
    """And the tree is as it was."""
    tree = Tree()
    for number in range(size):
        tree.append(leaf(b"%d\n" % number))
    before, more = tree.root(), leaf(b"more\n")
    there_would_be = tree.root_with(more)
    assert (tree.size, tree.root()) == (size, before)
    tree.append(more)
    assert tree.root() == there_would_be
