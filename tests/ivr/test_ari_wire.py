"""Asterisk's JSON, as 22.10.1 really sent it, and as it never should."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr import ari_wire
from ivr.ari_wire import Channel, Unknown, parse_event, way_on
from policy.clock import from_ms, to_iso
from policy.vocabulary import CallId, Outcome, RecordingId

CHANNEL = {
    "id": "1795283160.1",
    "name": "Local/14040@gate-00000000;2",
    "state": "Up",
    "protocol_id": "",
    "caller": {"name": "", "number": "0612345678"},
    "connected": {"name": "", "number": ""},
    "accountcode": "",
    "dialplan": {
        "context": "consentline",
        "exten": "s",
        "priority": 1,
        "app_name": "Stasis",
        "app_data": "consentline,gate,14040,",
    },
    "creationtime": "2026-11-21T17:46:00.827+0000",
    "language": "nl",
}
PLAYBACK = {
    "id": "notice-1795283160.1",
    "media_uri": "sound:/prompts/nl/notice",
    "target_uri": "channel:1795283160.1",
    "language": "nl",
    "state": "done",
}
AT_MS = 1_795_283_161_329
ID = CallId("1795283160.1")


def message(kind: str, **fields: Any) -> str:
    frame = {"type": kind, "timestamp": "2026-11-21T17:46:01.329+0000", "application": "consentline"}
    return json.dumps(frame | fields)


@pytest.mark.parametrize(
    ("text", "event"),
    [
        (message("StasisEnd", channel=CHANNEL), ari_wire.StasisEnd(channel_id=ID, at_ms=AT_MS)),
        (
            message("PlaybackStarted", playback=PLAYBACK | {"state": "playing"}),
            ari_wire.PlaybackStarted(playback_id="notice-1795283160.1", at_ms=AT_MS),
        ),
        (
            message("PlaybackFinished", playback=PLAYBACK),
            ari_wire.PlaybackFinished(playback_id="notice-1795283160.1", failed=False, at_ms=AT_MS),
        ),
        (
            message("PlaybackFinished", playback=PLAYBACK | {"state": "failed"}),
            ari_wire.PlaybackFinished(playback_id="notice-1795283160.1", failed=True, at_ms=AT_MS),
        ),
        (
            message("ChannelDtmfReceived", digit="*", duration_ms=100, channel=CHANNEL),
            ari_wire.ChannelDtmfReceived(channel_id=ID, digit="*", at_ms=AT_MS),
        ),
        (
            message("ChannelHangupRequest", cause=16, channel=CHANNEL),
            ari_wire.ChannelHangupRequest(channel_id=ID, at_ms=AT_MS),
        ),
        (
            message("ChannelDestroyed", cause=16, cause_txt="Normal Clearing", channel=CHANNEL),
            ari_wire.ChannelDestroyed(channel_id=ID, at_ms=AT_MS),
        ),
        (message("ApplicationReplaced"), ari_wire.ApplicationReplaced()),
        (message("Dial", peer=CHANNEL), Unknown(kind="Dial")),
    ],
)
def test_events_become_values(text: str, event: ari_wire.AriEvent) -> None:
    assert parse_event(text) == event


def test_an_arrival_carries_the_channel_and_what_the_dial_plan_said() -> None:
    event = parse_event(message("StasisStart", args=["gate", "14040", ""], channel=CHANNEL))
    assert event == ari_wire.StasisStart(
        channel=Channel(
            channel_id=ID,
            name="Local/14040@gate-00000000;2",
            language="nl",
            caller_number="0612345678",
            app="consentline",
            app_args=("gate", "14040", ""),
        ),
        args=("gate", "14040", ""),
        at_ms=AT_MS,
    )


def test_a_channel_in_another_application_is_in_none_of_ours() -> None:
    elsewhere = CHANNEL | {"dialplan": {"app_name": "Queue", "app_data": "kcc"}}
    assert ari_wire.parse_channel(json.dumps(elsewhere)).app is None
    assert [one.app for one in ari_wire.parse_channels(json.dumps([CHANNEL, elsewhere]))] == [
        "consentline",
        None,
    ]


def test_a_caller_id_of_any_length_is_cut_and_otherwise_kept() -> None:
    long = CHANNEL | {"caller": {"name": "", "number": '"x",\n${SHELL(id)}' * 100}}
    assert len(ari_wire.parse_channel(json.dumps(long)).caller_number) == ari_wire.LONGEST_TEXT


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"type": 3}', '{"type": "StasisStart"}', "\udcff"])
def test_what_cannot_be_read_is_counted_and_never_raises(text: str) -> None:
    assert isinstance(parse_event(text), Unknown)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=12,
    ),
    st.sampled_from(["StasisStart", "PlaybackFinished", "ChannelDtmfReceived", "StasisEnd"]),
)
def test_no_event_of_any_shape_raises(content: Any, kind: str) -> None:
    parse_event(json.dumps({"type": kind, "channel": content, "playback": content, "timestamp": content}))
    parse_event(json.dumps(content))


@given(st.integers(0, 4_000_000_000_000))
def test_asterisks_time_is_read_to_the_millisecond(at_ms: int) -> None:
    timestamp = to_iso(from_ms(at_ms)).replace("Z", "+0000")
    text = json.dumps({"type": "StasisEnd", "timestamp": timestamp, "channel": CHANNEL})
    assert parse_event(text) == ari_wire.StasisEnd(channel_id=ID, at_ms=at_ms)


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ("22.10.1+dfsg+~cs6.17.60671434-1", True),
        ("22.10.0", False),
        ("20.20.1", True),
        ("21.9.9", False),
        ("23.4.0", False),
        ("24.0.0", True),
        ("GIT-master-abc", False),
    ],
)
def test_versions_without_the_needed_fixes_are_not_safe(version: str, safe: bool) -> None:
    assert ari_wire.is_safe_version(version) is safe
    assert ari_wire.parse_version(json.dumps({"system": {"version": version}})) == version


@pytest.mark.parametrize("text", ["{}", "[]", "null", '"x"', "nonsense"])
def test_replies_of_another_shape_are_value_errors(text: str) -> None:
    for parse in (ari_wire.parse_version, ari_wire.parse_channel):
        with pytest.raises(ValueError, match="."):
            parse(text)
    with pytest.raises(ValueError, match="."):
        ari_wire.parse_channels('[{"id": 1}]')


def test_the_way_on_is_made_of_closed_sets_only() -> None:
    recording_id = RecordingId("0123456789abcdef" * 2)
    assert way_on(Outcome.REFUSED, None) == ("consentline-done", "refused")
    assert way_on(Outcome.ACCEPTED, recording_id) == ("consentline-record-accepted", recording_id)
    for outcome, unfit in (
        (Outcome.REFUSED, recording_id),
        (Outcome.ACCEPTED, RecordingId("h")),
        (Outcome.ACCEPTED, RecordingId("A" * 32)),
        (Outcome.ACCEPTED, RecordingId("a" * 32 + "\n")),
    ):
        with pytest.raises(ValueError, match="recording needs"):
            way_on(outcome, unfit)
