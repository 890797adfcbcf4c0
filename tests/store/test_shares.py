"""Shares: a whole path opens, no part of one does, and nothing opens where it was moved to."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.access import RoleName
from policy.key_groups import KeyPath, path_of
from policy.vocabulary import CallId, RecordingId
from store import keys
from store.keyring import shares
from store.keyring.shares import AccessId, Part, PathIncomplete, Share
from store.keys import EnvelopeRefused, PrivateHalf
from tests.store.scene import CountingRandomness

pytestmark = pytest.mark.exhaustive

ROLES = ("agent", "coach", "head", "officer")
HALVES: dict[RoleName, PrivateHalf] = {
    RoleName(role): keys.make_private_half(CountingRandomness(seed)) for seed, role in enumerate(ROLES)
}
PUBLIC = {role: half.public for role, half in HALVES.items()}
ANNA, PIET = (keys.make_private_half(CountingRandomness(seed)) for seed in (100, 101))
ONE = shares.recording(RecordingId("1" * 32))
OTHER = shares.recording(RecordingId("2" * 32))
KEY = bytes(range(32))
TOGETHER = path_of(["agent", "head"])
ACCESS = AccessId("7f" * 16)

PATHS = st.sets(st.sets(st.sampled_from(ROLES), min_size=1).map(path_of), min_size=1, max_size=4)


def split(*paths: KeyPath, secret: bytes = KEY, seed: int = 7) -> tuple[Share, ...]:
    return shares.split(secret, ONE, paths=paths, keys=PUBLIC, randomness=CountingRandomness(seed))


def opened(made: tuple[Share, ...], *roles: str) -> list[Part]:
    return [shares.open_share(share, ONE, HALVES[share.role]) for share in made if share.role in roles]


@given(paths=PATHS, secret=st.binary(min_size=1, max_size=64), seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=40)
def test_each_whole_path_opens_and_no_proper_part_of_any_does(
    paths: set[KeyPath], secret: bytes, seed: int
) -> None:
    made = split(*paths, secret=secret, seed=seed)
    for path in paths:
        needed = path.split("+")
        assert shares.join(path, opened(made, *needed)) == secret
        for size in range(len(needed)):
            for some in combinations(needed, size):
                with pytest.raises(PathIncomplete):
                    shares.join(path, opened(made, *some))


def test_fewer_parts_than_all_tell_nothing_about_the_key() -> None:
    made = split(TOGETHER, secret=bytes(32)), split(TOGETHER, secret=b"\xff" * 32, seed=8)
    for one in made:
        parts = {part.role: part.data for part in opened(one, "agent", "head")}
        # Either part is as random as the machine gives: never the key, and not its complement.
        assert all(data not in (bytes(32), b"\xff" * 32) for data in parts.values())
    again = split(TOGETHER, secret=b"\xff" * 32)
    (first,), (second,) = opened(made[0], "head"), opened(again, "head")
    assert first.data == second.data, "the part of one role is the same whatever the key is"


def test_parts_of_two_paths_do_not_mix() -> None:
    made = split(TOGETHER, path_of(["coach", "head"]))
    with pytest.raises(PathIncomplete):
        shares.join(TOGETHER, [part for part in opened(made, "coach", "head") if part.path != TOGETHER])


@pytest.mark.parametrize(
    "moved",
    ["recording", "purpose", "path", "role", "key"],
)
def test_a_share_that_was_moved_does_not_open(moved: str) -> None:
    (share, _) = split(TOGETHER)
    subject, half = ONE, HALVES[share.role]
    match moved:
        case "recording":
            subject = OTHER
        case "purpose":
            subject = shares.caller_number(CallId(ONE.id))
        case "path":
            share = replace(share, path=path_of(["agent", "coach"]))
        case "role":
            share = replace(share, role=RoleName("head"))
        case "key":
            half = HALVES[RoleName("head")]
    with pytest.raises(EnvelopeRefused):
        shares.open_share(share, subject, half)


def test_every_share_is_bound_to_another_text() -> None:
    infos = {
        shares.share_info(subject, path, RoleName(role))
        for subject in (ONE, OTHER, shares.caller_number(CallId("1.17")), shares.caller_number(CallId("")))
        for path in (TOGETHER, path_of(["agent"]))
        for role in ("agent", "head")
    }
    assert len(infos) == 16


def test_a_part_passed_on_opens_for_that_person_and_that_access_alone() -> None:
    made = split(TOGETHER)
    (agents,), (heads,) = opened(made, "agent"), opened(made, "head")
    passed = shares.pass_on(heads, ONE, access=ACCESS, to=ANNA.public)
    taken = shares.take(passed, ONE, access=ACCESS, private=ANNA)
    assert shares.join(TOGETHER, [agents, taken]) == KEY
    refused = (
        (passed, ONE, ACCESS, PIET),
        (passed, ONE, AccessId("80" * 16), ANNA),
        (passed, OTHER, ACCESS, ANNA),
        (replace(passed, role=RoleName("agent")), ONE, ACCESS, ANNA),
        (replace(passed, path=path_of(["head"])), ONE, ACCESS, ANNA),
        (replace(passed, sealed=passed.sealed[:-1]), ONE, ACCESS, ANNA),
        (passed, ONE, ACCESS, HALVES[RoleName("head")]),
    )
    for one, subject, access, private in refused:
        with pytest.raises(EnvelopeRefused):
            shares.take(one, subject, access=access, private=private)


def test_what_is_passed_on_is_not_enough_without_the_asking_persons_own_part() -> None:
    (heads,) = opened(split(TOGETHER), "head")
    passed = shares.pass_on(heads, ONE, access=ACCESS, to=ANNA.public)
    with pytest.raises(PathIncomplete, match="agent"):
        shares.join(TOGETHER, [shares.take(passed, ONE, access=ACCESS, private=ANNA)])


def test_a_role_with_a_new_key_gets_its_part_again_without_the_other_role() -> None:
    new = keys.make_private_half(CountingRandomness(55))
    agents, heads = split(TOGETHER)
    again = shares.reseal(heads, ONE, HALVES[heads.role], new.public)
    assert again.key_id == new.public.key_id
    parts = [*opened((agents,), "agent"), shares.open_share(again, ONE, new)]
    assert shares.join(TOGETHER, parts) == KEY
    with pytest.raises(EnvelopeRefused):
        shares.open_share(again, ONE, HALVES[heads.role])


def test_nothing_opened_is_shown() -> None:
    (share, other) = split(TOGETHER)
    assert "sealed" not in repr(share)
    assert repr(opened((share, other), "agent")).count("data") == 0
