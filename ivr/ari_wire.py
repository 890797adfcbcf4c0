"""Asterisk's JSON into typed values and back: the only place that knows its shape.

Names are Asterisk's own. Unknown events become `Unknown`, to be counted and dropped.

Source: rest-api/events.json and channels.json of Asterisk 22; shapes checked on 22.10.1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from policy.clock import to_ms
from policy.vocabulary import CallId, Outcome, RecordingId

UNWANTED_EVENTS = ("ChannelVarset", "ChannelDialplan")
LONGEST_TEXT = 512
"""Caller-supplied text is cut here: it is data, shown masked, and used nowhere (I10)."""

_OLDEST_SAFE = {20: (20, 20, 1), 22: (22, 10, 1), 23: (23, 4, 1)}
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_RECORDING_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel as Asterisk shows it.

    Attributes:
        channel_id: Asterisk's uniqueid.
        name: Such as `PJSIP/trunk-00000012`.
        language: CHANNEL(language).
        caller_number: As the network gave it.
        app: The Stasis application it is in, or None.
        app_args: What the dial plan handed to that application.
    """

    channel_id: CallId
    name: str
    language: str
    caller_number: str
    app: str | None
    app_args: tuple[str, ...]

    @property
    def is_snoop(self) -> bool:
        """Whether it is no caller but our own whisper channel."""
        return self.name.startswith("Snoop/")


@dataclass(frozen=True, slots=True, kw_only=True)
class StasisStart:
    """A channel entered our application."""

    channel: Channel
    args: tuple[str, ...]
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StasisEnd:
    """A channel left our application."""

    channel_id: CallId
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackStarted:
    """A prompt begins."""

    playback_id: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackFinished:
    """A prompt is over.

    Attributes:
        failed: Missing file or hang-up. A deleted playback does not count as failed.
    """

    playback_id: str
    failed: bool
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelDtmfReceived:
    """A key was released."""

    channel_id: CallId
    digit: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelHangupRequest:
    """A channel is about to go; comes before `PlaybackFinished` and `StasisEnd` [M]."""

    channel_id: CallId
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelDestroyed:
    """A channel is gone."""

    channel_id: CallId
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationReplaced:
    """Somebody else registered our application's name and gets its events from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """An event that nobody here needs, or that could not be read."""

    kind: str


AriEvent = (
    StasisStart
    | StasisEnd
    | PlaybackStarted
    | PlaybackFinished
    | ChannelDtmfReceived
    | ChannelHangupRequest
    | ChannelDestroyed
    | ApplicationReplaced
    | Unknown
)


def parse_event(text: str) -> AriEvent:
    """Return the event in one websocket message; never raises."""
    try:
        message = json.loads(text)
        kind = str(message["type"])
        return _event(kind, message)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Unknown(kind="malformed")


def _event(kind: str, message: Mapping[str, Any]) -> AriEvent:
    match kind:
        case "StasisStart":
            args = tuple(str(arg) for arg in message["args"])
            return StasisStart(channel=_channel(message["channel"]), args=args, at_ms=_at_ms(message))
        case "StasisEnd":
            return StasisEnd(channel_id=_channel_id(message), at_ms=_at_ms(message))
        case "PlaybackStarted":
            return PlaybackStarted(playback_id=str(message["playback"]["id"]), at_ms=_at_ms(message))
        case "PlaybackFinished":
            playback = message["playback"]
            failed = playback["state"] != "done"
            return PlaybackFinished(playback_id=str(playback["id"]), failed=failed, at_ms=_at_ms(message))
        case "ChannelDtmfReceived":
            digit = str(message["digit"])
            return ChannelDtmfReceived(channel_id=_channel_id(message), digit=digit, at_ms=_at_ms(message))
        case "ChannelHangupRequest":
            return ChannelHangupRequest(channel_id=_channel_id(message), at_ms=_at_ms(message))
        case "ChannelDestroyed":
            return ChannelDestroyed(channel_id=_channel_id(message), at_ms=_at_ms(message))
        case "ApplicationReplaced":
            return ApplicationReplaced()
        case _:
            return Unknown(kind=kind)


def parse_channel(text: str) -> Channel:
    """Return the channel in a reply.

    Raises:
        ValueError: If it holds none.
    """
    try:
        return _channel(json.loads(text))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a channel: {error}") from error


def parse_channels(text: str) -> tuple[Channel, ...]:
    """Return the channels in a reply.

    Raises:
        ValueError: If it holds something else.
    """
    try:
        return tuple(_channel(one) for one in json.loads(text))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a list of channels: {error}") from error


def parse_version(text: str) -> str:
    """Return the version in a reply to `GET /asterisk/info`.

    Raises:
        ValueError: If it holds none.
    """
    try:
        return str(json.loads(text)["system"]["version"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"no version: {error}") from error


def is_safe_version(version: str) -> bool:
    """Return whether this Asterisk has the fixes that Consentline relies upon (fact 19)."""
    match = _VERSION.match(version)
    if match is None:
        return False
    numbers = (int(match[1]), int(match[2]), int(match[3]))
    oldest = _OLDEST_SAFE.get(numbers[0])
    return numbers >= oldest if oldest is not None else numbers[0] > max(_OLDEST_SAFE)


def event_filter() -> str:
    """Return the body that keeps the two noisiest events away (fact 5)."""
    return json.dumps({"disallowed": [{"type": kind} for kind in UNWANTED_EVENTS]})


def way_on(outcome: Outcome, recording_id: RecordingId | None) -> tuple[str, str]:
    """Return context and extension at which the dial plan goes on.

    Both come from closed sets: the outcome's own word, and 32 hexadecimal digits (I10).

    Raises:
        ValueError: If the recording id is not 32 lower-case hexadecimal digits, or the
            outcome permits no recording.
    """
    if recording_id is None:
        return "consentline-done", outcome.value
    if _RECORDING_ID.fullmatch(recording_id) is None or not outcome.permits_recording:
        raise ValueError("a recording needs an outcome that permits it and an id of 32 hexadecimal digits")
    return f"consentline-record-{outcome.value}", recording_id


def _channel(shown: Mapping[str, Any]) -> Channel:
    dialplan = shown["dialplan"]
    app: str | None = None
    args: tuple[str, ...] = ()
    if dialplan.get("app_name") == "Stasis":
        app, *rest = str(dialplan.get("app_data", "")).split(",")
        args = tuple(rest)
    return Channel(
        channel_id=CallId(str(shown["id"])),
        name=str(shown["name"])[:LONGEST_TEXT],
        language=str(shown["language"]),
        caller_number=str(shown["caller"]["number"])[:LONGEST_TEXT],
        app=app,
        app_args=args,
    )


def _channel_id(message: Mapping[str, Any]) -> CallId:
    return CallId(str(message["channel"]["id"]))


def _at_ms(message: Mapping[str, Any]) -> int:
    return to_ms(datetime.fromisoformat(message["timestamp"]))
