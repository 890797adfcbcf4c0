"""The keeper on virtual time: who is waited for, what is ended, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from daemon.scope_keeper import ScopeKeeper
from ivr.membership import Party
from policy.errors import Unavailable
from policy.model import Policy
from policy.scope import Scope
from policy.vocabulary import CallId, ConcludedBecause, PolicyName, RecordingId
from recorder.ami_wire import BridgeEntered, BridgeLeft, ChannelListed, HungUp, Rang
from tests import virtual_time
from tests.daemon.test_parties import AGENT, CALLER, FAR, NAMES, NEAR, OUTSIDER
from tests.ivr.stage import policies
from tests.virtual_time import VirtualClock

TAPE = RecordingId("0" * 32)
EINDHOVEN = policies().by_name[PolicyName("eindhoven")]


@dataclass
class Tapes:
    """The captures."""

    running: dict[CallId, RecordingId] = field(default_factory=lambda: {CALLER: TAPE})
    told: list[str] = field(default_factory=list)

    def running_on(self, call_id: CallId) -> RecordingId | None:
        return self.running.get(call_id)

    async def conclude(self, recording_id: RecordingId, because: ConcludedBecause) -> None:
        assert because is ConcludedBecause.TRANSFERRED_OUTSIDE
        self.told.append("concluded")
        self.running.clear()

    async def leave_out(self, recording_id: RecordingId) -> None:
        self.told.append("left out")
        self.running.clear()


class Scene:
    """A keeper and a caller who is recorded."""

    def __init__(self, *members: dict[str, str], transfer: str = "stop_and_keep") -> None:
        scope = {"answered_by": "kcc", "kcc": members, "transfer_outside": transfer}
        self.policy: Policy | None = EINDHOVEN.model_copy(
            update={"scope": Scope.model_validate(scope) if members else Scope()}
        )
        self.tapes = Tapes()
        self.asked: list[CallId] = []
        self.ended: list[tuple[CallId, RecordingId, bool]] = []
        self.application = ("Queue", "kcc,tT")
        self.is_away = False
        self.spoken: list[tuple[CallId, tuple[CallId, ...]]] = []
        self.all_told_at: list[datetime] = []
        self.keeper = ScopeKeeper(
            recordings=self.tapes,
            policy_of=self._policy_of,
            application_of=self._application_of,
            ended=lambda *told: self.ended.append(told),
            witness=self,
            clock=VirtualClock(),
        )

    def speaks_with(self, call_id: CallId, parties: Sequence[Party], at: datetime) -> None:
        self.spoken.append((call_id, tuple(party.channel_id for party in parties)))

    def all_told(self, at: datetime) -> None:
        self.all_told_at.append(at)

    async def _policy_of(self, recording_id: RecordingId) -> Policy | None:
        return self.policy

    async def _application_of(self, channel_id: CallId) -> tuple[str, str]:
        self.asked.append(channel_id)
        if self.is_away:
            raise Unavailable("AMI: no answer")
        await asyncio.sleep(0.01)
        return self.application

    def rings(self, by: CallId, dest: CallId, dial_string: str) -> None:
        self.keeper.hear(
            Rang(
                channel_id=by,
                channel=NAMES[by],
                dest_id=dest,
                dest_channel=NAMES[dest],
                dial_string=dial_string,
            )
        )

    def meets(self, *channels: CallId, bridge_id: str = "a") -> None:
        for channel_id in channels:
            self.keeper.hear(
                BridgeEntered(
                    channel_id=channel_id,
                    linked_id=CALLER,
                    channel=NAMES[channel_id],
                    bridge_id=bridge_id,
                    holding=False,
                )
            )


@asynccontextmanager
async def running(scene: Scene) -> AsyncIterator[Scene]:
    task = asyncio.create_task(scene.keeper.run())
    try:
        yield scene
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait([task])


AGENT_1 = {"endpoint": "PJSIP/agent1"}
QUEUE = {"queue": "kcc"}


def test_n1_answered_by_an_outsider_the_recording_goes_at_once() -> None:
    async def story() -> None:
        async with running(Scene(AGENT_1)) as scene:
            scene.meets(CALLER, OUTSIDER)
            await asyncio.sleep(0.001)
            assert scene.tapes.told == ["left out"]
            assert scene.ended == [(CALLER, TAPE, True)]

    virtual_time.run(story())


def test_after_the_kcc_an_outsider_ends_it_once_and_it_is_kept() -> None:
    async def story() -> None:
        async with running(Scene(AGENT_1)) as scene:
            scene.meets(CALLER, AGENT)
            await asyncio.sleep(60)
            assert scene.tapes.told == []
            scene.meets(OUTSIDER)
            scene.meets(OUTSIDER)
            await asyncio.sleep(1)
            assert scene.tapes.told == ["concluded"]
            assert scene.ended == [(CALLER, TAPE, False)]

    virtual_time.run(story())


def test_the_application_is_asked_for_while_it_rings_so_that_the_answer_waits_for_nothing() -> None:
    async def story() -> None:
        async with running(Scene(QUEUE)) as scene:
            scene.rings(CALLER, AGENT, "PJSIP/agent1")
            scene.meets(CALLER, AGENT)
            await asyncio.sleep(1)
            assert scene.asked == [CALLER]
            assert scene.tapes.told == []

    virtual_time.run(story())


def test_who_rings_and_is_not_known_is_no_kcc() -> None:
    async def story() -> None:
        for away, application in (
            (True, ("", "")),
            (False, ("Dial", "PJSIP/agent1")),
            (False, ("Queue", "x")),
        ):
            scene = Scene(QUEUE)
            scene.is_away, scene.application = away, application
            async with running(scene):
                scene.rings(CALLER, AGENT, "PJSIP/agent1")
                scene.meets(CALLER, AGENT)
                await asyncio.sleep(1)
                assert scene.tapes.told == ["left out"]

    virtual_time.run(story())


def test_half_a_local_channel_gets_a_moment_for_the_telephone_behind_it() -> None:
    async def story() -> None:
        async with running(Scene(AGENT_1)) as scene:
            scene.rings(CALLER, NEAR, "101@internal/n")
            scene.rings(FAR, AGENT, "agent1")
            scene.meets(CALLER, NEAR)
            await asyncio.sleep(0.1)
            scene.meets(FAR, AGENT, bridge_id="b")
            await asyncio.sleep(1)
            assert scene.tapes.told == []
        async with running(Scene(AGENT_1)) as scene:
            scene.rings(CALLER, NEAR, "101@internal/n")
            scene.meets(CALLER, NEAR)
            await asyncio.sleep(1)
            assert scene.tapes.told == ["left out"]

    virtual_time.run(story())


def test_where_anyone_may_answer_nothing_is_asked_and_nothing_ended() -> None:
    async def story() -> None:
        async with running(Scene()) as scene:
            scene.rings(CALLER, OUTSIDER, "PJSIP/wethouder")
            scene.meets(CALLER, OUTSIDER)
            await asyncio.sleep(1)
            assert scene.tapes.told == []
            assert scene.asked == []

    virtual_time.run(story())


def test_a_further_recording_of_the_call_is_judged_anew() -> None:
    async def story() -> None:
        async with running(Scene(AGENT_1)) as scene:
            scene.meets(CALLER, AGENT)
            await asyncio.sleep(1)
            scene.tapes.running = {CALLER: RecordingId("1" * 32)}
            scene.meets(OUTSIDER)
            await asyncio.sleep(1)
            assert scene.tapes.told == ["concluded"]

    virtual_time.run(story())


def test_the_witness_is_told_who_speaks_with_whom_at_each_change() -> None:
    async def story() -> None:
        scene = Scene()
        scene.tapes.running = {}
        async with running(scene):
            scene.meets(CALLER, AGENT)
            left = BridgeLeft(channel_id=AGENT, linked_id=CALLER, channel=NAMES[AGENT], bridge_id="a")
            scene.keeper.hear(left)
            scene.meets(OUTSIDER)
            scene.keeper.hear(HungUp(channel_id=CALLER, linked_id=CALLER, channel=NAMES[CALLER]))
            await asyncio.sleep(1)
        told = [parties for call_id, parties in scene.spoken if call_id == CALLER]
        assert told == [(), (AGENT,), (), (OUTSIDER,), ()]

    virtual_time.run(story())


def test_after_events_were_lost_the_witness_is_told_of_all_and_that_it_is_all() -> None:
    async def story() -> None:
        scene = Scene()
        async with running(scene):
            scene.meets(CALLER, AGENT)
            listed = ChannelListed(action_id="1", channel_id=CALLER, bridge_id=None, channel=NAMES[CALLER])
            scene.keeper.look_again([listed])
            await asyncio.sleep(1)
        assert scene.spoken[-2:] == [(CALLER, ()), (AGENT, ())]
        assert len(scene.all_told_at) == 1

    virtual_time.run(story())
