"""Whose keys open a recording, for the five policies as reviewed and for grants made up."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.access import Access, Action, RoleName
from policy.key_groups import audio_paths, in_words, number_paths, path_of, roles_of
from policy.load import load_policy
from policy.sharing import Sharing
from tests.conftest import ROOT

REVIEWED = {
    # E6 the coach trains, also for the agent, who hears an own call only through the coach;
    # E8 the head listens to what was flagged; E9 the privacy officer hands out.
    "eindhoven": ("coach", "head", "privacy_officer"),
    # G8 agent and head only together; the coordinator alone. G7: the police get data, so the head
    # opens nothing alone.
    "groningen": ("agent+head", "aggression_coordinator", "privacy_officer"),
    # H3, H4, H7. H5: the I-Dienst runs the server and does not listen.
    "heerde": ("line_manager", "privacy_officer", "senior_agent"),
    # N5 the coach, for the agent too; N6 never the line manager; IT fetches and does not listen.
    "nunspeet": ("coach", "privacy_officer"),
    # R3: the agent who held the call on their own; DICTU fetches and does not listen.
    "rvo": ("agent", "coach", "line_manager", "privacy_officer", "trainer"),
}
ROLES = ("agent", "coach", "head", "officer")


@pytest.mark.parametrize("name", REVIEWED)
def test_the_paths_of_each_policy_are_those_that_were_reviewed(name: str) -> None:
    policy = load_policy(ROOT / "policies" / f"{name}.toml")
    assert audio_paths(policy.access, policy.sharing) == REVIEWED[name]
    assert number_paths(policy.access, policy.sharing) == ("privacy_officer",)


def test_without_an_access_table_there_is_no_path() -> None:
    assert audio_paths(None, Sharing()) == number_paths(None, Sharing()) == ()


def test_a_path_in_words_names_every_role_by_its_title() -> None:
    policy = load_policy(ROOT / "policies" / "groningen.toml")
    assert policy.access is not None
    said = in_words(path_of(["head", "agent"]), policy.access)
    assert said == "KCC-medewerker (agent) together with hoofd KCC (head)"


def _access(*grants: Mapping[str, object], denials: Mapping[str, object] | None = None) -> Access:
    head = {"source": "art. 1", "says": "as agreed"}
    return Access.model_validate(
        {
            **head,
            "roles": {role: {"title": role, "source": "art. 1"} for role in ROLES},
            "grants": {
                f"grant_{number}": {**head, "purposes": ["quality"], "calls": ["all"], **grant}
                for number, grant in enumerate(grants)
            },
            "denials": {} if denials is None else {"shut": {**head, "quote": "nooit", **denials}},
        }
    )


@pytest.mark.parametrize("action", ["find", "register", "retrieve"])
def test_what_needs_no_audio_gives_no_key(action: str) -> None:
    assert audio_paths(_access({"roles": ["head"], "actions": [action]}), Sharing()) == ()


@pytest.mark.parametrize("action", ["listen", "export", "erase"])
def test_what_needs_audio_gives_one(action: str) -> None:
    assert audio_paths(_access({"roles": ["head"], "actions": [action]}), Sharing()) == ("head",)


@pytest.mark.parametrize(
    ("police", "others", "opens"),
    [
        ({"when": "incident", "content": "audio", "decided_by": ["head"]}, [], True),
        ({"when": "incident", "content": "data", "decided_by": ["head"]}, [], False),
        ({"when": "incident", "content": "audio", "decided_by": ["officer"]}, [], False),
        ({"when": "never"}, ["officer"], False),
        ({"when": "never"}, ["head"], True),
    ],
)
def test_handing_over_needs_a_key_where_audio_is_given_by_that_role(
    police: dict[str, object], others: list[str], opens: bool
) -> None:
    source = {"source": "art. 2"}
    sharing = Sharing.model_validate(
        {"police": {**police, **source}, "third_parties": {"decided_by": others, **source}, **source}
    )
    paths = audio_paths(_access({"roles": ["head"], "actions": ["hand_over"]}), sharing)
    assert paths == (("head",) if opens else ())


def test_who_hears_through_another_gets_no_key_and_the_other_one_does() -> None:
    access = _access({"roles": ["agent"], "actions": ["listen"], "via": ["coach", "officer"]})
    assert audio_paths(access, Sharing()) == ("coach", "officer")


def test_a_pair_beside_one_of_its_roles_alone_adds_nothing() -> None:
    access = _access(
        {"roles": ["agent"], "actions": ["listen"], "together_with": ["head"]},
        {"roles": ["head"], "actions": ["export"]},
    )
    assert audio_paths(access, Sharing()) == ("head",)


@pytest.mark.parametrize(
    "denials", [{"roles": ["head"]}, {"actions": ["listen"]}, {"actions": ["listen"], "roles": ["agent"]}]
)
def test_a_door_that_a_denial_shuts_has_no_key(denials: dict[str, object]) -> None:
    listens = {"roles": ["agent"], "actions": ["listen", "find"], "together_with": ["head"]}
    still_open = {"roles": ["officer"], "actions": ["export", "find"]}
    access = _access(listens, still_open, denials=denials)
    assert audio_paths(access, Sharing()) == ("officer",)


GRANTS = st.lists(
    st.fixed_dictionaries(
        {
            "roles": st.lists(st.sampled_from(ROLES), min_size=1, max_size=2, unique=True),
            "actions": st.lists(
                st.sampled_from([one.value for one in Action if one is not Action.MONITOR]),
                min_size=1,
                unique=True,
            ),
            "together_with": st.lists(st.sampled_from(ROLES), max_size=2, unique=True),
        }
    ),
    min_size=1,
    max_size=5,
)


@given(grants=GRANTS, order=st.randoms())
def test_no_path_contains_another_every_granted_one_is_served_and_order_does_not_matter(
    grants: list[dict[str, list[str]]], order: Random
) -> None:
    paths = audio_paths(_access(*grants), Sharing())
    sets = [set(roles_of(path)) for path in paths]
    assert not any(one < other for one, other in product(sets, sets))
    for grant in grants:
        if {"listen", "export", "erase"} & set(grant["actions"]):
            for role in grant["roles"]:
                assert any(path <= {role, *grant["together_with"]} for path in sets)
    order.shuffle(grants)
    assert audio_paths(_access(*grants), Sharing()) == paths


def test_a_path_is_written_one_way_only() -> None:
    assert path_of(["head", "agent", "head"]) == path_of(["agent", "head"]) == "agent+head"
    assert roles_of(path_of(["head"])) == (RoleName("head"),)
