"""What becomes of a recording at each transfer, under each of the five policies.

The queue is the installation's, and so are the telephones of the KCC: listed beside the queue, as the files
say, or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from policy.load import load_policies
from policy.model import Policy
from policy.scope import KccMember
from policy.vocabulary import CallId
from tests import virtual_time
from tests.conftest import ROOT
from tests.daemon.test_parties import AGENT, CALLER, NAMES, OUTSIDER
from tests.daemon.test_scope_keeper import TAPE, Scene, running

FIVE = load_policies(ROOT / "policies").by_name
ANYONE = "eindhoven"
KCC_ONLY = sorted(set(FIVE) - {ANYONE})
COLLEAGUE = CallId("1.5")
NAMES[COLLEAGUE] = "PJSIP/agent2-00000005"

Story = Callable[[Scene], None]


def _scene(policy: Policy, *, lists_telephones: bool = True) -> Scene:
    scene = Scene({"queue": "unused"})
    desks = tuple(KccMember(endpoint=name) for name in ("PJSIP/agent1", "PJSIP/agent2"))
    kcc = (*policy.scope.kcc, *(desks if lists_telephones and policy.scope.kcc else ()))
    scene.policy = policy.model_copy(update={"scope": policy.scope.model_copy(update={"kcc": kcc})})
    scene.application = ("Queue", f"kcc-{policy.name},tT")
    return scene


def _played(scene: Scene, *steps: Story) -> list[str]:
    """Return what was told to the captures after the KCC had the call, and then these steps."""

    async def story() -> None:
        async with running(scene):
            scene.rings(CALLER, AGENT, "PJSIP/agent1")
            await asyncio.sleep(1)
            scene.meets(CALLER, AGENT)
            for step in steps:
                await asyncio.sleep(60)
                step(scene)
            await asyncio.sleep(60)

    virtual_time.run(story())
    return scene.tapes.told


def blind(to: CallId) -> Story:
    """The caller's own channel rings somebody by Dial()."""

    def step(scene: Scene) -> None:
        scene.application = ("Dial", NAMES[to].rpartition("-")[0])
        scene.rings(CALLER, to, NAMES[to].rpartition("-")[0])
        scene.meets(CALLER, to, bridge_id=f"blind-{to}")

    return step


def after_asking(to: CallId) -> Story:
    """The agent rings somebody, who then takes the agent's place."""

    def step(scene: Scene) -> None:
        scene.rings(AGENT, to, NAMES[to].rpartition("-")[0])
        scene.meets(to)

    return step


def back_to_the_queue(scene: Scene) -> None:
    scene.rings(CALLER, COLLEAGUE, "PJSIP/agent2")
    scene.meets(CALLER, COLLEAGUE, bridge_id="queue again")


WAYS = pytest.mark.parametrize("transfer", [blind, after_asking])


@WAYS
@pytest.mark.parametrize("name", sorted(FIVE))
def test_from_one_kcc_agent_to_another_it_goes_on(name: str, transfer: Callable[[CallId], Story]) -> None:
    assert _played(_scene(FIVE[name]), transfer(COLLEAGUE)) == []


@pytest.mark.parametrize("name", sorted(FIVE))
def test_a_call_that_goes_back_into_the_queue_goes_on_whether_telephones_are_listed_or_not(name: str) -> None:
    assert _played(_scene(FIVE[name], lists_telephones=False), back_to_the_queue) == []


@WAYS
@pytest.mark.parametrize("name", KCC_ONLY)
def test_to_somebody_outside_it_ends_and_is_kept(name: str, transfer: Callable[[CallId], Story]) -> None:
    scene = _scene(FIVE[name])
    assert _played(scene, transfer(OUTSIDER)) == ["concluded"]
    assert scene.ended == [(CALLER, TAPE, False)]


@WAYS
def test_e1_eindhoven_names_no_team_so_it_goes_on_to_anybody(transfer: Callable[[CallId], Story]) -> None:
    assert _played(_scene(FIVE[ANYONE]), transfer(OUTSIDER)) == []


@WAYS
@pytest.mark.parametrize("name", KCC_ONLY)
def test_with_the_queue_alone_a_colleagues_telephone_ends_it_as_the_file_says(
    name: str, transfer: Callable[[CallId], Story]
) -> None:
    assert _played(_scene(FIVE[name], lists_telephones=False), transfer(COLLEAGUE)) == ["concluded"]
    assert 'endpoint = "' in (ROOT / "policies" / f"{name}.toml").read_text(encoding="utf-8")
    assert all("telephones" in (member.source or "") for member in FIVE[name].scope.kcc)


@pytest.mark.parametrize("name", KCC_ONLY)
def test_n1_answered_by_somebody_else_it_is_not_kept(name: str) -> None:
    scene = _scene(FIVE[name])

    async def story() -> None:
        async with running(scene):
            scene.application = ("Dial", "PJSIP/wethouder")
            scene.rings(CALLER, OUTSIDER, "PJSIP/wethouder")
            await asyncio.sleep(1)
            scene.meets(CALLER, OUTSIDER)
            await asyncio.sleep(60)

    virtual_time.run(story())
    assert scene.tapes.told == ["left out"]
