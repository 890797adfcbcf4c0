"""Inclusion and consistency, against the definitions of RFC 9162 written out once more."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.logbook import proofs

# The leaves and roots that the public test suites of RFC 6962 logs share.
LEAVES = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
SIZES = st.integers(1, 300)


def leaf(number: int) -> bytes:
    return hashlib.sha256(b"\x00" + number.to_bytes(4)).digest()


def tree(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + tree(leaves[:split]) + tree(leaves[split:])).digest()


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 9162, 2.1.3.1."""
    if len(leaves) == 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if index < split:
        return [*path(index, leaves[:split]), tree(leaves[split:])]
    return [*path(index - split, leaves[split:]), tree(leaves[:split])]


def subproof(first: int, leaves: list[bytes], *, whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 9162, 2.1.4.1."""
    if first == len(leaves):
        return [] if whole else [tree(leaves)]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if first <= split:
        return [*subproof(first, leaves[:split], whole=whole), tree(leaves[split:])]
    return [*subproof(first - split, leaves[split:], whole=False), tree(leaves[:split])]


def nodes_over(leaves: list[bytes]) -> proofs.Nodes:
    def node(level: int, number: int) -> bytes:
        found = leaves[number << level : (number + 1) << level]
        assert len(found) == 1 << level, "asked for a subtree that is not complete"
        return tree(found)

    return node


@pytest.mark.parametrize("size", ROOTS)
def test_the_roots_are_those_that_every_rfc_6962_log_gives(size: int) -> None:
    leaves = [hashlib.sha256(b"\x00" + bytes.fromhex(text)).digest() for text in LEAVES]
    assert proofs.root_at(nodes_over(leaves), size).hex() == ROOTS[size]


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert proofs.root_at(nodes_over([]), 0) == hashlib.sha256(b"").digest()


@given(size=SIZES, data=st.data())
def test_an_entry_is_proven_where_it_is_and_nowhere_else(size: int, data: st.DataObject) -> None:
    leaves = [leaf(number) for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    root, proof = tree(leaves), proofs.prove_inclusion(nodes_over(leaves), index, size)
    assert list(proof) == path(index, leaves)
    assert proofs.check_inclusion(leaves[index], index=index, size=size, proof=proof, root=root)
    other = data.draw(st.integers(-2, size + 3).filter(lambda number: number != index))
    assert not proofs.check_inclusion(leaves[index], index=other, size=size, proof=proof, root=root)
    assert not proofs.check_inclusion(leaf(size), index=index, size=size, proof=proof, root=root)
    assert not proofs.check_inclusion(leaves[index], index=index, size=size, proof=(*proof, root), root=root)
    if proof:
        spoiled = list(proof)
        at = data.draw(st.integers(0, len(proof) - 1))
        spoiled[at] = bytes([spoiled[at][0] ^ 1]) + spoiled[at][1:]
        assert not proofs.check_inclusion(leaves[index], index=index, size=size, proof=spoiled, root=root)
        assert not proofs.check_inclusion(leaves[index], index=index, size=size, proof=proof[1:], root=root)


@given(second=SIZES, data=st.data())
def test_a_later_tree_is_shown_to_hold_the_earlier_and_no_other(second: int, data: st.DataObject) -> None:
    leaves = [leaf(number) for number in range(second)]
    first = data.draw(st.integers(1, second))
    roots = {"first_root": tree(leaves[:first]), "second_root": tree(leaves)}
    proof = proofs.prove_consistency(nodes_over(leaves), first, second)
    assert list(proof) == subproof(first, leaves, whole=True)
    assert proofs.check_consistency(first=first, second=second, proof=proof, **roots)
    changed = [*leaves]
    changed[data.draw(st.integers(0, first - 1))] = leaf(second + 7)
    for forged in (
        {**roots, "first_root": tree(changed[:first])},
        {**roots, "second_root": tree([*changed[:-1], leaf(second + 8)])},
    ):
        assert not proofs.check_consistency(first=first, second=second, proof=proof, **forged)
    assert not proofs.check_consistency(first=first, second=second, proof=(*proof, leaf(0)), **roots)


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_there_is_no_proof_of_what_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="not among"):
        proofs.prove_inclusion(nodes_over([leaf(0)] * 3), index, size)


@pytest.mark.parametrize(("first", "second"), [(0, 3), (4, 3)])
def test_there_is_no_proof_from_nothing_or_backwards(first: int, second: int) -> None:
    with pytest.raises(ValueError, match="no beginning"):
        proofs.prove_consistency(nodes_over([leaf(0)] * 3), first, second)
    zero = bytes(32)
    assert not proofs.check_consistency(
        first=first, second=second, first_root=zero, second_root=zero, proof=()
    )


def test_a_hash_of_another_length_proves_nothing() -> None:
    assert not proofs.check_inclusion(b"", index=0, size=1, proof=(), root=b"")
