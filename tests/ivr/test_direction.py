from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.direction import Passing, endpoint_of, passing
from policy.load import Policies
from policy.numbers import normalise
from policy.scope import Direction
from tests.ivr.stage import policies

SERVED = policies()
TRUNKS = ("PJSIP/trunk", "IAX2/out")
FROM_TRUNK, FROM_DESK = "PJSIP/trunk-0000001a", "PJSIP/agent1-0000001b"


def eindhoven_with(*directions: Direction) -> Policies:
    eindhoven = SERVED.by_name["eindhoven"]
    changed = eindhoven.model_copy(
        update={"scope": eindhoven.scope.model_copy(update={"directions": directions})}
    )
    return replace(SERVED, by_name={"eindhoven": changed}, by_number={normalise("14040"): changed})


@pytest.mark.parametrize(
    ("channel", "endpoint"),
    [
        ("PJSIP/agent1-0000001a", "PJSIP/agent1"),
        ("PJSIP/my-trunk-0000001a", "PJSIP/my-trunk"),
        ("Local/agent1@sandbox-agents-00000003;1", "Local/agent1@sandbox-agents"),
        ("Local/14040@in-00000003;2", "Local/14040@in"),
        ("PJSIP/agent1", "PJSIP/agent1"),
    ],
)
def test_an_endpoint_is_a_channel_without_its_instance(channel: str, endpoint: str) -> None:
    assert endpoint_of(channel) == endpoint


@given(channel=st.text(), number=st.text("0123456789+"), named=st.none() | st.text())
def test_where_no_trunk_is_named_everybody_calls_from_outside(
    channel: str, number: str, named: str | None
) -> None:
    assert passing(SERVED, (), channel=channel, number=number, named=named) is None


@pytest.mark.parametrize("number", ["14040", "0612345678"])
def test_a_call_from_the_trunk_is_the_gates(number: str) -> None:
    assert passing(SERVED, TRUNKS, channel=FROM_TRUNK, number=number, named=None) is None


@pytest.mark.parametrize(
    ("number", "named", "policy", "direction"),
    [
        ("14040", None, "eindhoven", Direction.INTERNAL),
        ("0612345678", None, None, Direction.OUTBOUND),
        ("0612345678", "eindhoven", "eindhoven", Direction.OUTBOUND),
        ("14040", "nobody", None, Direction.INTERNAL),
    ],
)
def test_n1_our_own_telephones_pass_unasked(
    number: str, named: str | None, policy: str | None, direction: Direction
) -> None:
    how = passing(SERVED, TRUNKS, channel=FROM_DESK, number=number, named=named)
    assert how is not None
    assert (how.policy, how.direction) == (policy, direction)


def test_a_policy_may_name_internal_calls() -> None:
    known = eindhoven_with(Direction.INTERNAL)
    assert passing(known, TRUNKS, channel=FROM_DESK, number="14040", named=None) is None
    inbound = passing(known, TRUNKS, channel=FROM_TRUNK, number="14040", named=None)
    assert inbound == Passing(policy=known.by_name["eindhoven"].name, direction=Direction.INBOUND)


@pytest.mark.parametrize(
    ("directions", "is_asked"),
    [
        ((Direction.OUTBOUND,), False),
        ((Direction.CALL_BACK,), False),
        ((Direction.OUTBOUND, Direction.CALL_BACK), True),
    ],
)
def test_an_outbound_call_may_be_a_call_back_so_both_have_to_be_named(
    directions: tuple[Direction, ...], is_asked: bool
) -> None:
    known = eindhoven_with(*directions)
    how = passing(known, TRUNKS, channel=FROM_DESK, number="0612345678", named="eindhoven")
    assert (how is None) is is_asked
