"""Proofs over the log's tree: an entry is in it, and a later tree holds the earlier one.

The makers ask for complete subtrees by level and number (`Nodes`), which is how the log stores
them; the checkers need nothing but the proof, and run on any machine.

Source: RFC 9162, sections 2.1.3 and 2.1.4; its tree is that of RFC 6962.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeAlias

from store.logbook.ledger import HASH_BYTES, node_hash

Nodes: TypeAlias = Callable[[int, int], bytes]
"""Gives the hash of the complete subtree `number` of 2**level leaves; level 0 is the leaves."""

Proof: TypeAlias = tuple[bytes, ...]


def root_at(nodes: Nodes, size: int) -> bytes:
    """Return the tree hash over the first `size` leaves."""
    return hashlib.sha256(b"").digest() if size == 0 else _over(nodes, 0, size)


def prove_inclusion(nodes: Nodes, index: int, size: int) -> Proof:
    """Return the path from leaf `index` to the root over the first `size` leaves.

    Raises:
        ValueError: If there is no such leaf in that tree.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not among {size}")
    return _path(nodes, index, 0, size)


def prove_consistency(nodes: Nodes, first: int, second: int) -> Proof:
    """Return the proof that the tree of `second` leaves begins with that of `first`.

    Raises:
        ValueError: If the first tree is empty or the larger.
    """
    if not 0 < first <= second:
        raise ValueError(f"a tree of {first} leaves is no beginning of one of {second}")
    return _subproof(nodes, first, 0, second, whole=True)


def check_inclusion(leaf: bytes, *, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Tell whether the proof shows that `leaf` has this index under this root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size or not _hashes(leaf, root, *proof):
        return False
    at, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def check_consistency(
    *, first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Tell whether the proof shows that the second tree begins with the first (RFC 9162, 2.1.4.2)."""
    if not 0 < first <= second or not _hashes(first_root, second_root, *proof):
        return False
    if first == second:
        return not proof and first_root == second_root
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    if not path:
        return False
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


def _over(nodes: Nodes, start: int, end: int) -> bytes:
    """Return the hash over leaves `start` to before `end`; `start` is a multiple of the tree's size."""
    count = end - start
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return nodes(level, start >> level)
    middle = start + _left(count)
    return node_hash(_over(nodes, start, middle), _over(nodes, middle, end))


def _path(nodes: Nodes, index: int, start: int, end: int) -> Proof:
    if end - start == 1:
        return ()
    middle = start + _left(end - start)
    if index < middle:
        return (*_path(nodes, index, start, middle), _over(nodes, middle, end))
    return (*_path(nodes, index, middle, end), _over(nodes, start, middle))


def _subproof(nodes: Nodes, first: int, start: int, end: int, *, whole: bool) -> Proof:
    """Return SUBPROOF of RFC 9162 for the leaves `start` to before `end`, `first` counted from 0."""
    if first == end:
        return () if whole else (_over(nodes, start, end),)
    middle = start + _left(end - start)
    if first <= middle:
        return (*_subproof(nodes, first, start, middle, whole=whole), _over(nodes, middle, end))
    return (*_subproof(nodes, first, middle, end, whole=False), _over(nodes, start, middle))


def _hashes(*found: bytes) -> bool:
    return all(len(one) == HASH_BYTES for one in found)


def _left(count: int) -> int:
    """Return the largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)
