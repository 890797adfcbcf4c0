"""A dispatch among fakes, ready to be called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ivr.ari import Connected
from ivr.dispatch import Dispatch
from policy.load import Policies, load_policies
from policy.vocabulary import CallId
from tests.ivr.fakes import (
    APP,
    CountingRandomness,
    FakeAgentKeys,
    FakeAlarms,
    FakePbx,
    FakePrompts,
    FakeRecorder,
    FakeRegister,
    outcome_of_way,
)
from tests.virtual_time import VirtualClock

ROOT = Path(__file__).resolve().parents[2]


def policies() -> Policies:
    """Return Eindhoven (14040, opt-out) and the sandbox's own (14050, announce; 14030, opt-in)."""
    real, sandbox = load_policies(ROOT / "policies"), load_policies(ROOT / "sandbox" / "policies")
    return Policies(
        by_name={**real.by_name, **sandbox.by_name},
        by_number={**real.by_number, **sandbox.by_number},
        texts={**real.texts, **sandbox.texts},
    )


class Stage:
    """Everything there is."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.pbx = FakePbx(self.clock)
        self.register = FakeRegister()
        self.recorder = FakeRecorder(self.register)
        self.prompts = FakePrompts()
        self.alarms = FakeAlarms()
        self.policies = policies()
        self.randomness = CountingRandomness()
        self.agent_keys = FakeAgentKeys()
        self.trunks: tuple[str, ...] = ()
        self.dispatch = self.new_dispatch()

    def new_dispatch(self) -> Dispatch:
        dispatch = Dispatch(
            app=APP,
            telephony=self.pbx,
            register=self.register,
            recorder=self.recorder,
            prompts=self.prompts,
            alarms=self.alarms,
            policies=self.policies,
            clock=self.clock,
            randomness=self.randomness,
            agent_keys=self.agent_keys,
            trunks=self.trunks,
        )
        self.pbx.inbox = dispatch.inbox
        return dispatch

    def decided(self) -> list[str]:
        """Return the stored outcomes, in order."""
        return [decision.outcome.value for decision in self.register.decisions]

    def ways(self, call_id: CallId | None = None) -> list[str]:
        """Return how calls went on: the outcome, and a star where a recording begins."""
        return [
            outcome_of_way(way).value + ("*" if "record" in way[1] else "")
            for way in self.pbx.ways
            if call_id in (None, way[0])
        ]


@asynccontextmanager
async def running(stage: Stage) -> AsyncIterator[Stage]:
    """Run the dispatch as long as the body; it must not die meanwhile."""
    stage.dispatch.inbox.put_nowait(Connected())
    task = asyncio.get_running_loop().create_task(stage.dispatch.run())
    try:
        yield stage
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait([task])


async def after(seconds: float) -> None:
    """Let virtual time pass."""
    await asyncio.sleep(seconds)
