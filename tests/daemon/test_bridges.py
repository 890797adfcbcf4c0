from __future__ import annotations

from daemon.bridges import Bridges, Met, Parted
from policy.vocabulary import CallId
from recorder.ami_wire import BridgeEntered, BridgeLeft

CALLER, AGENT, COLLEAGUE = CallId("1.1"), CallId("1.2"), CallId("1.3")


def bridges() -> Bridges:
    return Bridges(lambda channel_id: channel_id == CALLER)


def entered(channel_id: CallId, bridge_id: str) -> BridgeEntered:
    return BridgeEntered(
        channel_id=channel_id,
        linked_id=CALLER,
        channel=f"PJSIP/{channel_id}",
        bridge_id=bridge_id,
        holding=False,
    )


def left(channel_id: CallId, bridge_id: str) -> BridgeLeft:
    return BridgeLeft(
        channel_id=channel_id, linked_id=CALLER, channel=f"PJSIP/{channel_id}", bridge_id=bridge_id
    )


def test_whoever_comes_last_the_agent_meets_the_caller() -> None:
    for first, second in ((CALLER, AGENT), (AGENT, CALLER)):
        known = bridges()
        assert known.hear(entered(first, "a")) == ()
        assert known.hear(entered(second, "a")) == (Met(channel_id=AGENT, call_id=CALLER),)


def test_two_agents_in_consultation_are_nobodys_partners() -> None:
    known = bridges()
    assert known.hear(entered(AGENT, "b")) == ()
    assert known.hear(entered(COLLEAGUE, "b")) == ()


def test_after_a_transfer_the_colleague_is_met_and_the_agent_parted() -> None:
    known = bridges()
    known.hear(entered(CALLER, "a"))
    known.hear(entered(AGENT, "a"))
    assert known.hear(entered(COLLEAGUE, "a")) == (Met(channel_id=COLLEAGUE, call_id=CALLER),)
    assert known.hear(left(AGENT, "a")) == (Parted(channel_id=AGENT),)


def test_when_the_caller_moves_to_another_bridge_the_old_partners_are_parted() -> None:
    known = bridges()
    known.hear(entered(AGENT, "a"))
    known.hear(entered(CALLER, "a"))
    known.hear(entered(COLLEAGUE, "b"))
    assert known.hear(entered(CALLER, "b")) == (
        Parted(channel_id=AGENT),
        Met(channel_id=COLLEAGUE, call_id=CALLER),
    )


def test_leaving_twice_and_leaving_what_was_never_entered_is_harmless() -> None:
    known = bridges()
    known.hear(entered(AGENT, "a"))
    assert known.hear(left(AGENT, "a")) == (Parted(channel_id=AGENT),)
    assert known.hear(left(AGENT, "a")) == ()
    assert known.hear(left(CALLER, "z")) == ()
