from __future__ import annotations

from daemon.parties import Parties
from policy.scope import Answered
from policy.vocabulary import CallId
from recorder.ami_wire import BridgeEntered, BridgeLeft, ChannelListed, HungUp, Rang

CALLER = CallId("1.1")
AGENT = CallId("1.2")
NEAR, FAR = CallId("1.3"), CallId("1.4")
OUTSIDER = CallId("1.9")
NAMES = {
    CALLER: "PJSIP/trunk-00000001",
    AGENT: "PJSIP/agent1-00000002",
    NEAR: "Local/101@internal-00000003;1",
    FAR: "Local/101@internal-00000003;2",
    OUTSIDER: "PJSIP/wethouder-00000004",
}


class Scene:
    """Events in the order in which AMI tells them."""

    def __init__(self) -> None:
        self.parties = Parties()

    def rings(self, by: CallId, dest: CallId, dial_string: str) -> None:
        self.parties.hear(
            Rang(
                channel_id=by,
                channel=NAMES[by],
                dest_id=dest,
                dest_channel=NAMES[dest],
                dial_string=dial_string,
            )
        )

    def enters(self, channel_id: CallId, bridge_id: str, *, holding: bool = False) -> tuple[CallId, ...]:
        return self.parties.hear(
            BridgeEntered(
                channel_id=channel_id,
                linked_id=CALLER,
                channel=NAMES[channel_id],
                bridge_id=bridge_id,
                holding=holding,
            )
        )

    def leaves(self, channel_id: CallId, bridge_id: str) -> None:
        self.parties.hear(
            BridgeLeft(
                channel_id=channel_id, linked_id=CALLER, channel=NAMES[channel_id], bridge_id=bridge_id
            )
        )

    def answers(self) -> list[tuple[CallId, tuple[Answered, ...]]]:
        return [(party.channel_id, party.answers) for party in self.parties.of(CALLER)]

    def pipe(self) -> None:
        """The queue rings a Local channel, behind which agent 1 is rung and answers."""
        self.rings(CALLER, NEAR, "Local/101@internal/n")
        self.parties.rung_from(NEAR, "kcc")
        self.rings(FAR, AGENT, "agent1")
        self.enters(CALLER, "a")
        self.enters(NEAR, "a")


BY_QUEUE = Answered(endpoint="PJSIP/agent1", queue="kcc", queue_member="PJSIP/agent1")
BEHIND = (
    Answered(endpoint="PJSIP/agent1"),
    Answered(endpoint="Local/101@internal", queue="kcc", queue_member="Local/101@internal/n", dialled="101"),
)


def test_whom_the_queue_rang_counts_by_it_and_by_what_it_calls_the_member() -> None:
    scene = Scene()
    scene.rings(CALLER, AGENT, "PJSIP/agent1")
    scene.parties.rung_from(AGENT, "kcc")
    scene.enters(CALLER, "a")
    assert set(scene.enters(AGENT, "a")) == {CALLER, AGENT}
    assert scene.answers() == [(AGENT, (BY_QUEUE,))]


def test_who_came_by_a_transfer_after_asking_has_an_endpoint_and_nothing_else() -> None:
    scene = Scene()
    scene.enters(CALLER, "a")
    scene.enters(AGENT, "a")
    scene.rings(AGENT, OUTSIDER, "wethouder")
    scene.leaves(AGENT, "a")
    assert CALLER in scene.enters(OUTSIDER, "a")
    assert scene.answers() == [(OUTSIDER, (Answered(endpoint="PJSIP/wethouder"),))]


def test_a_telephone_behind_half_a_local_channel_is_the_party_and_stands_in_for_it() -> None:
    scene = Scene()
    scene.pipe()
    (half,) = scene.parties.of(CALLER)
    assert (half.channel_id, half.is_certain) == (NEAR, False)
    scene.enters(FAR, "b")
    assert CALLER in scene.enters(AGENT, "b")
    assert scene.answers() == [(AGENT, BEHIND)]


def test_the_next_telephone_behind_it_came_by_a_transfer_and_stands_in_for_nobody() -> None:
    scene = Scene()
    scene.pipe()
    scene.enters(FAR, "b")
    scene.enters(AGENT, "b")
    scene.leaves(AGENT, "b")
    scene.leaves(FAR, "b")
    assert scene.answers() == []
    scene.rings(FAR, OUTSIDER, "wethouder")
    scene.enters(FAR, "c")
    assert CALLER in scene.enters(OUTSIDER, "c")
    assert scene.answers() == [(OUTSIDER, (Answered(endpoint="PJSIP/wethouder"),))]


def test_a_parking_place_is_no_meeting() -> None:
    scene = Scene()
    scene.enters(CALLER, "park", holding=True)
    scene.enters(OUTSIDER, "park", holding=True)
    assert scene.answers() == []


def test_after_events_were_lost_what_is_there_counts_and_a_ring_that_was_heard_still_does() -> None:
    scene = Scene()
    scene.rings(CALLER, AGENT, "PJSIP/agent1")
    scene.parties.rung_from(AGENT, "kcc")
    listed = [
        ChannelListed(action_id="1", channel_id=channel_id, bridge_id="a", channel=NAMES[channel_id])
        for channel_id in (CALLER, AGENT)
    ]
    assert set(scene.parties.look_again(listed)) == {CALLER, AGENT}
    assert scene.answers() == [(AGENT, (BY_QUEUE,))]
    scene.parties.look_again(listed[:1])
    assert scene.answers() == []


def test_bridges_that_reach_themselves_through_local_channels_are_walked_once() -> None:
    scene = Scene()
    scene.enters(CALLER, "a")
    scene.enters(NEAR, "a")
    scene.enters(FAR, "a")
    assert scene.answers() == []


def test_who_hung_up_is_forgotten() -> None:
    scene = Scene()
    scene.enters(CALLER, "a")
    scene.enters(AGENT, "a")
    scene.parties.hear(HungUp(channel_id=AGENT, linked_id=CALLER, channel=NAMES[AGENT]))
    assert scene.answers() == []
