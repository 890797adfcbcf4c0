"""Real calls through a real Asterisk: what the sandbox promises to everybody who builds on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import deadline, ears, sipp
from sandbox.asterisk import Asterisk
from sandbox.fetch import SandboxError, Unpacked, sandbox_folder
from sandbox.sipp import BareCall
from sandbox.softphone import Call
from sandbox.speech import RATE_HZ, read_wav
from tests.sandbox.conftest import PhoneMaker, Voice

pytestmark = pytest.mark.asterisk

AGENTS = ("agent1", "agent2", "agent3", "agent4")


def _log(asterisk: Asterisk, name: str) -> str:
    return (asterisk.log / name).read_text(errors="replace")


def _speakers(heard: Path, voice: Voice, names: tuple[str, ...]) -> set[str]:
    recording = read_wav(heard)
    return {name for name in names if ears.holds_voice(recording, voice(name))}


def _talk(*calls: Call, seconds: float = 2.5) -> None:
    for call in calls:
        call.listen(seconds)


def test_asterisk_boots_without_a_complaint(unpacked: Unpacked, tmp_path: Path) -> None:
    instance = Asterisk(tmp_path, unpacked)
    instance.start()
    try:
        assert instance.version() == "22.10.1"
        assert instance.channels() == []
        complaints = [line for line in _log(instance, "messages").splitlines() if " ERROR" in line]
        assert complaints == []
    finally:
        instance.stop()
    assert not instance.is_running()


def test_a_caller_in_the_plain_queue_hears_an_agent_speak(
    asterisk: Asterisk, phone: PhoneMaker, voice: Voice
) -> None:
    call = phone("caller1").call("plain14040")
    call.wait("confirmed")
    _talk(call)
    assert call.hang_up().code == 200
    assert len(_speakers(call.heard, voice, AGENTS)) == 1
    assert _speakers(call.heard, voice, ("caller1",)) == set()


def test_a_caller_who_waits_in_the_queue_hears_its_music(phone: PhoneMaker) -> None:
    call = phone("caller1").call("plainslow14040")
    call.wait("confirmed")
    _talk(call)
    call.hang_up()
    assert ears.holds_tone(read_wav(call.heard), RATE_HZ, 330, at_least_s=1.5)


@pytest.mark.parametrize("method", ["rfc4733", "info"])
def test_keys_arrive_by_either_method(asterisk: Asterisk, phone: PhoneMaker, method: str) -> None:
    call = phone("caller1").call("digits")
    call.wait("media_active")
    call.dtmf("*9#" if method == "rfc4733" else "*8#", method=method)
    call.wait("disconnected")
    assert f"sandbox digits {'*9' if method == 'rfc4733' else '*8'}" in _log(asterisk, "full")


def test_an_agents_softphone_and_the_caller_hear_each_other(
    asterisk: Asterisk, phone: PhoneMaker, voice: Voice
) -> None:
    agent = phone("agent1")
    agent.register("agent1", asterisk.agent_password, answer_after_ms=100)
    call = phone("caller2").call("plainphones14040")
    answered = agent.incoming()
    _talk(answered, call)
    call.hang_up()
    answered.wait("disconnected")
    assert _speakers(call.heard, voice, ("agent1", "caller2")) == {"agent1"}
    assert _speakers(answered.heard, voice, ("agent1", "caller2")) == {"caller2"}


def test_a_wrong_password_is_refused(phone: PhoneMaker) -> None:
    with pytest.raises(SandboxError, match=r"401|403"):
        phone("agent2").register("agent2", "wrong")


def test_a_held_caller_hears_music_and_then_the_agent_again(
    asterisk: Asterisk, phone: PhoneMaker, voice: Voice
) -> None:
    agent = phone("agent1")
    agent.register("agent1", asterisk.agent_password, answer_after_ms=100)
    call = phone("caller2").call("plainphones14040")
    answered = agent.incoming()
    answered.wait("media_active")
    answered.hold()
    _talk(call, seconds=1.5)
    answered.unhold()
    _talk(call)
    call.hang_up()
    assert ears.holds_tone(read_wav(call.heard), RATE_HZ, 330, at_least_s=1)
    assert _speakers(call.heard, voice, ("agent1",)) == {"agent1"}


def test_an_agent_transfers_blindly_to_a_stranger(
    asterisk: Asterisk, phone: PhoneMaker, voice: Voice
) -> None:
    agent = phone("agent1")
    agent.register("agent1", asterisk.agent_password, answer_after_ms=100)
    call = phone("caller2").call("plainphones14040")
    answered = agent.incoming()
    _talk(answered, seconds=1)
    answered.transfer("160")
    answered.wait("disconnected")
    _talk(call)
    call.hang_up()
    assert _speakers(call.heard, voice, ("stranger",)) == {"stranger"}


def test_an_agent_transfers_to_a_colleague_after_asking(
    asterisk: Asterisk, phone: PhoneMaker, voice: Voice
) -> None:
    agent = phone("agent1")
    agent.register("agent1", asterisk.agent_password, answer_after_ms=100)
    call = phone("caller2").call("plainphones14040")
    answered = agent.incoming()
    answered.wait("media_active")
    answered.hold()
    question = agent.call("150", as_registered=True)
    question.wait("confirmed")
    answered.transfer_to(question)
    answered.wait("disconnected")
    _talk(call)
    call.hang_up()
    assert _speakers(call.heard, voice, ("agent4",)) == {"agent4"}


def test_an_agent_transfers_by_feature_code(asterisk: Asterisk, phone: PhoneMaker, voice: Voice) -> None:
    agent = phone("agent1")
    agent.register("agent1", asterisk.agent_password, answer_after_ms=100)
    call = phone("caller2").call("plainphones14040")
    answered = agent.incoming()
    answered.wait("media_active")
    answered.dtmf("#1")
    answered.dtmf("160")
    answered.wait("disconnected")
    _talk(call)
    call.hang_up()
    assert _speakers(call.heard, voice, ("stranger",)) == {"stranger"}


def test_two_instances_side_by_side_do_not_collide(
    asterisk: Asterisk, unpacked: Unpacked, phone: PhoneMaker, tmp_path: Path
) -> None:
    other = Asterisk(tmp_path / "other", unpacked)
    other.start()
    try:
        here = phone("caller1").call("plain14040")
        there = phone("caller2", server=other).call("plain14040")
        _talk(here, there, seconds=0.5)
        assert len(asterisk.channels()) == len(other.channels()) == 3
        here.hang_up()
        there.hang_up()
    finally:
        other.stop()
    assert asterisk.is_running()


def test_a_killed_asterisk_comes_back_on_its_ports(unpacked: Unpacked, tmp_path: Path) -> None:
    instance = Asterisk(tmp_path, unpacked)
    instance.start()
    try:
        before = instance.ports
        instance.kill()
        assert not instance.is_running()
        instance.start()
        assert instance.ports == before
        assert Asterisk.attach(tmp_path, unpacked).pid() == instance.pid()
    finally:
        instance.stop()


def test_twenty_sipp_callers_at_once_reach_an_agent(
    asterisk: Asterisk, unpacked: Unpacked, voices: Path, tmp_path: Path
) -> None:
    calls = [
        BareCall(number="plain14040", caller=f"<sip:06100000{n:02}@127.0.0.1>", talk_ms=3000)
        for n in range(20)
    ]
    sipp.call_many(unpacked, asterisk.sip_address(), calls, tmp_path, voice=voices / "caller1.wav")
    deadline.wait_until(lambda: not asterisk.channels(), within_s=5, what="all channels end")
    bridged = [line for line in _log(asterisk, "full").splitlines() if "joined 'simple_bridge'" in line]
    assert len([line for line in bridged if "PJSIP/" in line]) >= 20


def test_a_sipp_caller_is_heard_by_an_agent(
    asterisk: Asterisk, unpacked: Unpacked, phone: PhoneMaker, voice: Voice, tmp_path: Path
) -> None:
    agent = phone("agent1")
    agent.register("agent1", asterisk.agent_password, answer_after_ms=100)
    calls = [BareCall(number="plainphones14040", talk_ms=3000)]
    says = sandbox_folder() / "speech/caller3.wav"
    sipp.call_many(unpacked, asterisk.sip_address(), calls, tmp_path / "sipp", voice=says)
    answered = agent.incoming()
    answered.wait("disconnected")
    assert _speakers(answered.heard, voice, ("agent1", "caller3")) == {"caller3"}


STRANGE_CALLERS = (
    "<sip:anonymous@anonymous.invalid>",
    '"" <sip:127.0.0.1>',
    '"Comma, \\"quote\\" ${SHELL(touch stolen)}" <sip:0612345678@127.0.0.1>',
    '"A;B [x]" <sip:a;b@127.0.0.1>',
    f'"{"x" * 300}" <sip:{"1" * 300}@127.0.0.1>',
    '"Zoë ☎" <sip:0612345678@127.0.0.1>',
    "<sip:06%0D%0AAction%3A%20Originate@127.0.0.1>",
    "<tel:+31612345678>",
)


@pytest.mark.parametrize("caller", STRANGE_CALLERS, ids=lambda caller: caller[:24])
def test_a_strange_from_header_reaches_asterisk(
    asterisk: Asterisk, unpacked: Unpacked, tmp_path: Path, caller: str
) -> None:
    calls = [BareCall(number="plain14040", caller=caller, talk_ms=300)]
    sipp.call_many(unpacked, asterisk.sip_address(), calls, tmp_path)
