"""The withdraw code among the keys of a call."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.keypad import GAP_MS, Ears, Keypad, Listener, Meaning
from policy.agent_keys import AgentKey
from policy.vocabulary import CallId, WithdrawnBy

KEYS = "0123456789*#"


def press_all(keypad: Keypad, keys: str, *, gap_ms: int = 100) -> list[bool]:
    hits = []
    for index, key in enumerate(keys):
        keypad, hit = keypad.press(key, index * gap_ms)
        hits.append(hit)
        assert len(keypad.begun) < len(keypad.code)
        assert keypad.code.startswith(keypad.begun)
    return hits


@pytest.mark.parametrize(
    ("code", "keys", "hits"),
    [
        ("*9", "*9", 1),
        ("*9", "12*9", 1),
        ("*9", "**9", 1),
        ("*9", "*9*9", 2),
        ("*9", "*8 9", 0),
        ("**", "***", 1),
        ("**9", "***9", 1),
        ("#12", "#1#12", 1),
    ],
)
def test_the_code_is_found_wherever_it_stands(code: str, keys: str, hits: int) -> None:
    assert sum(press_all(Keypad(code=code), keys.replace(" ", ""))) == hits


def test_keys_more_than_two_seconds_apart_do_not_belong_together() -> None:
    assert press_all(Keypad(code="*9"), "*9", gap_ms=GAP_MS) == [False, True]
    assert press_all(Keypad(code="*9"), "*9", gap_ms=GAP_MS + 1) == [False, False]


@given(code=st.sampled_from(["*9", "**", "**9", "#123", "*11"]), keys=st.text(KEYS, max_size=60))
def test_the_code_is_found_as_often_as_a_plain_search_finds_it(code: str, keys: str) -> None:
    assert sum(press_all(Keypad(code=code), keys)) == keys.count(code)


def test_nothing_is_remembered_of_keys_that_cannot_begin_the_code() -> None:
    keypad = Keypad(code="*9")
    for index, key in enumerate("123456"):
        keypad, _ = keypad.press(key, index)
    assert keypad.begun == ""


def test_ears_hear_each_channel_for_itself_and_forget_what_they_are_told_to() -> None:
    ears = Ears()
    caller, agent = CallId("1.1"), CallId("1.2")
    ears.listen(caller, caller, {WithdrawnBy.CALLER_KEY: "*9"})
    ears.listen(agent, caller, {WithdrawnBy.AGENT_KEY: "*8"})
    assert ears.press(caller, "*", 0) is None
    assert ears.press(agent, "9", 1) is None
    assert ears.press(caller, "9", 2) == Listener(call_id=caller, meaning=WithdrawnBy.CALLER_KEY)
    assert ears.press(CallId("9.9"), "*", 3) is None
    assert ears.forget(agent)
    assert not ears.forget(agent)
    assert ears.channels() == (caller,)
    ears.forget_call(caller)
    assert ears.channels() == ()


AGENTS_CODES: Mapping[Meaning, str] = {AgentKey.WITHDRAW: "*9", AgentKey.FLAG: "*8"}


@pytest.mark.parametrize(
    ("keys", "meant"),
    [
        ("*8", [AgentKey.FLAG]),
        ("*9", [AgentKey.WITHDRAW]),
        ("**8*9", [AgentKey.FLAG, AgentKey.WITHDRAW]),
        ("*", []),
        ("89*", []),
    ],
)
def test_each_of_an_agents_codes_asks_for_its_own_thing(keys: str, meant: list[object]) -> None:
    ears, agent, caller = Ears(), CallId("1.2"), CallId("1.1")
    ears.listen(agent, caller, AGENTS_CODES)
    ears.listen(caller, caller, {WithdrawnBy.CALLER_KEY: "*9"})
    found = [ears.press(agent, key, index) for index, key in enumerate(keys)]
    assert [listener.meaning for listener in found if listener is not None] == meant
    assert all(listener.call_id == caller for listener in found if listener is not None)


def test_the_caller_who_presses_the_agents_code_asks_for_nothing() -> None:
    ears, caller = Ears(), CallId("1.1")
    ears.listen(caller, caller, {WithdrawnBy.CALLER_KEY: "*9"})
    assert [ears.press(caller, key, index) for index, key in enumerate("*8")] == [None, None]
