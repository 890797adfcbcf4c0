"""The manager interface (AMI) as bytes: messages in, actions out, no I/O.

    Asterisk Call Manager/11.0.0 CRLF                 once, when the connection opens
    Key: value CRLF ... CRLF                          each message ends with an empty line

The actions are a closed list, and none of them can start a recording: the dialplan starts, this stops.

Source: Asterisk 22.10.1 `main/manager.c`, `apps/app_mixmonitor.c`; each message was seen on the wire.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policy.errors import Unavailable
from policy.vocabulary import CallId

LARGEST_MESSAGE_BYTES = 256 * 1024

_GREETING = "Asterisk Call Manager/"
_NEVER_TWICE = frozenset(
    {"Event", "Response", "DialString"}
    | {
        prefix + name
        for prefix in ("", "Dest")
        for name in ("Channel", "Exten", "Priority", "Uniqueid", "Linkedid")
    }
)
_CHANNEL = (
    "Channel",
    "ChannelState",
    "ChannelStateDesc",
    "CallerIDNum",
    "CallerIDName",
    "ConnectedLineNum",
    "ConnectedLineName",
    "AccountCode",
    "Context",
    "Exten",
    "Priority",
    "Uniqueid",
    "Linkedid",
)
_MARKS_OF_A_CHANNEL = ("ChannelState", "Priority")
"""One stands before `Exten`, one behind it. Source: main/manager_channels.c."""
_DESCRIBES = {
    "Newchannel": "",
    "DialBegin": "Dest",
    "BridgeEnter": "",
    "BridgeLeave": "",
    "Hangup": "",
    "MixMonitorStart": "",
    "MixMonitorStop": "",
    "Status": "",
}
"""Before the names of the headers that such an event never comes without."""

_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_BREAKS_A_LINE = re.compile(r"[\r\n\0]")


class AmiGarbled(Unavailable):
    """What answers is not the manager interface."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One request.

    Attributes:
        name: Such as `StopMixMonitor`.
        headers: In the order in which they are sent.
    """

    name: str
    headers: tuple[tuple[str, str], ...] = ()


def login(user: str, password: str) -> Action:
    """Name who asks; nothing else is answered before."""
    return Action(name="Login", headers=(("Username", user), ("Secret", password)))


def ping() -> Action:
    """Ask for a sign of life."""
    return Action(name="Ping")


def get_variable(call_id: CallId, variable: str) -> Action:
    """Ask for a channel variable; one that is not set is answered with an empty value.

    Never ask for `MIXMONITOR(<id>,filename)`: without a mixed file it reads a null pointer, and
    Asterisk is gone with every call in it (22.10.1, measured).
    """
    return Action(name="Getvar", headers=(("Channel", call_id), ("Variable", variable)))


def empty_variable(call_id: CallId, variable: str) -> Action:
    """Have a channel variable hold nothing; another value is never set from here."""
    return Action(name="Setvar", headers=(("Channel", call_id), ("Variable", variable)))


def stop_mixmonitor(call_id: CallId, mixmonitor_id: str | None) -> Action:
    """Stop one tape, or without an id the newest of the channel."""
    which = () if mixmonitor_id is None else (("MixMonitorID", mixmonitor_id),)
    return Action(name="StopMixMonitor", headers=(("Channel", call_id), *which))


def list_channels(variables: Sequence[str]) -> Action:
    """Ask for every channel, each with these variables."""
    return Action(name="Status", headers=(("Variables", ",".join(variables)),))


def show_channel(call_id: CallId) -> Action:
    """Ask for one channel."""
    return Action(name="Status", headers=(("Channel", call_id),))


def encode(action: Action, action_id: str) -> bytes:
    """Return the bytes of an action.

    Raises:
        ValueError: If a value would end its line (I10); nothing that came from outside belongs here.
    """
    lines = []
    for name, value in (("Action", action.name), ("ActionID", action_id), *action.headers):
        if _HEADER_NAME.fullmatch(name) is None:
            raise ValueError(f"not the name of an AMI header: {name!r}")
        if _BREAKS_A_LINE.search(value):
            raise ValueError(f"AMI header {name}: must hold no CR, LF or NUL, got {value!r}")
        lines.append(f"{name}: {value}\r\n")
    return ("".join(lines) + "\r\n").encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeted:
    """The first line."""

    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The reply to one action.

    Attributes:
        message: Words of Asterisk, such as `No such channel`.
        value: Of a variable; empty when it is not set.
        list_follows: Whether the answer goes on as events with the same action id.
    """

    action_id: str
    ok: bool
    message: str
    value: str
    list_follows: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelListed:
    """One channel of a list; a part of an answer.

    Attributes:
        bridge_id: The bridge it is in, or None.
        channel: Its name.
        application: Of the dialplan, in which it is.
        application_data: What that was given.
        variables: Those asked for that are set.
    """

    action_id: str
    channel_id: CallId
    bridge_id: str | None
    channel: str = ""
    application: str = ""
    application_data: str = ""
    variables: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEnded:
    """The last part of an answer."""

    action_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FullyBooted:
    """Asterisk has started; only heard by users with the `system` class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelCreated:
    """A channel came to be.

    Attributes:
        channel_id: Uniqueid.
        linked_id: Uniqueid of the oldest channel of the same conversation: of a caller, the call.
    """

    channel_id: CallId
    linked_id: CallId
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rang:
    """A channel had another one rung, by Dial(), Queue() or a transfer after asking.

    Attributes:
        channel_id: Who rings; of Queue() the caller's own channel.
        channel: Its name.
        dest_id: Who is rung.
        dial_string: Of Queue() the member's interface; of Dial() what stands behind the technology.
    """

    channel_id: CallId
    channel: str
    dest_id: CallId
    dest_channel: str
    dial_string: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeEntered:
    """A channel entered a bridge.

    Attributes:
        holding: Whether it is a parking place, where nobody speaks to anybody.
    """

    channel_id: CallId
    linked_id: CallId
    channel: str
    bridge_id: str
    holding: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeLeft:
    """A channel left a bridge."""

    channel_id: CallId
    linked_id: CallId
    channel: str
    bridge_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HungUp:
    """A channel is gone."""

    channel_id: CallId
    linked_id: CallId
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeStarted:
    """Some MixMonitor was asked for on a channel; whose, and whether its file opened, is not told."""

    channel_id: CallId


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeStopped:
    """Some MixMonitor was stopped on a channel; a hang-up tells nothing."""

    channel_id: CallId


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A message that nobody here waits for, or that lacks what it should have; counted and dropped."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tampered:
    """What Asterisk cannot have written, for somebody's line breaks are in it; it tells nothing else."""


Event = (
    FullyBooted
    | ChannelCreated
    | Rang
    | BridgeEntered
    | BridgeLeft
    | HungUp
    | TapeStarted
    | TapeStopped
    | Tampered
)
Message = Greeted | Answered | ChannelListed | ListEnded | Event | Unknown


class Decoder:
    """Turns a stream of bytes, cut anywhere, into messages."""

    def __init__(self) -> None:
        self._buffer = b""
        self._greeted = False

    def feed(self, data: bytes) -> list[Message]:
        """Return the messages that are complete now.

        Raises:
            AmiGarbled: If this is not the manager interface; the stream is of no use any more.
        """
        self._buffer += data
        messages: list[Message] = []
        while True:
            end = b"\r\n\r\n" if self._greeted else b"\r\n"
            block, found, rest = self._buffer.partition(end)
            if not found:
                break
            self._buffer = rest
            text = block.decode("utf-8", errors="replace")
            messages.append(_parse(text) if self._greeted else _greeting(text))
            self._greeted = True
        if len(self._buffer) > LARGEST_MESSAGE_BYTES:
            raise AmiGarbled(f"AMI: a message must be at most {LARGEST_MESSAGE_BYTES} bytes, got more")
        return messages


def _greeting(line: str) -> Greeted:
    if not line.startswith(_GREETING):
        raise AmiGarbled(
            f'AMI: expected "{_GREETING}...", got "{line[:40]}"',
            hint="check asterisk.ami_host and asterisk.ami_port in the config file",
        )
    return Greeted(version=line.removeprefix(_GREETING))


def _parse(text: str) -> Message:
    headers: dict[str, str] = {}
    variables: list[tuple[str, str]] = []
    twice = False
    for line in text.split("\r\n"):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        twice = twice or (name in _NEVER_TWICE and name in headers)
        headers.setdefault(name, value)  # what Asterisk wrote first counts
        if name == "Variable":
            variable, _, content = value.partition("=")
            if content not in ("", "(null)"):
                variables.append((variable, content))
    if text.startswith("Response:"):  # some events have such a header too
        return _answer(headers)
    if text and (twice or "Event" not in headers or not _is_whole(headers)):
        return Tampered()
    try:
        return _event(headers, tuple(variables))
    except KeyError:
        return Unknown(name=headers.get("Event", ""))


def _is_whole(headers: Mapping[str, str]) -> bool:
    """Tell whether each channel is described wholly or not at all, and the one that the event is about is.

    Asterisk writes the description of a channel at once, and the number dialled, `Exten`, unescaped in the
    midst of it (22.10.1): who dials a line break cuts it in two. A number has at most 79 bytes
    (`AST_MAX_EXTENSION`), too few for the missing part of both halves. `DialString` stands last and can hold
    such a number too: it cuts nothing off, but what it adds is an event that describes no channel.
    """
    described = {
        name.removesuffix(mark) for name in headers for mark in _MARKS_OF_A_CHANNEL if name.endswith(mark)
    }
    about = _DESCRIBES.get(headers["Event"])
    if about is not None:
        described.add(about)
    return all(prefix + part in headers for prefix in described for part in _CHANNEL)


def _answer(headers: Mapping[str, str]) -> Answered:
    return Answered(
        action_id=headers.get("ActionID", ""),
        ok=headers["Response"] in ("Success", "Pong"),
        message=headers.get("Message", ""),
        value=headers.get("Value", ""),
        list_follows=headers.get("EventList") == "start",
    )


def _event(headers: Mapping[str, str], variables: tuple[tuple[str, str], ...]) -> Message:
    match headers.get("Event", ""):
        case "FullyBooted":
            return FullyBooted()
        case "Newchannel":
            return ChannelCreated(**_channel(headers))
        case "DialBegin":
            return Rang(
                channel_id=CallId(headers["Uniqueid"]),
                channel=headers["Channel"],
                dest_id=CallId(headers["DestUniqueid"]),
                dest_channel=headers["DestChannel"],
                dial_string=headers["DialString"],
            )
        case "BridgeEnter":
            return BridgeEntered(
                **_channel(headers),
                bridge_id=headers["BridgeUniqueid"],
                holding=headers.get("BridgeTechnology") == "holding_bridge",
            )
        case "BridgeLeave":
            return BridgeLeft(**_channel(headers), bridge_id=headers["BridgeUniqueid"])
        case "Hangup":
            return HungUp(**_channel(headers))
        case "MixMonitorStart":
            return TapeStarted(channel_id=CallId(headers["Uniqueid"]))
        case "MixMonitorStop":
            return TapeStopped(channel_id=CallId(headers["Uniqueid"]))
        case "Status":
            return ChannelListed(
                action_id=headers["ActionID"],
                channel_id=CallId(headers["Uniqueid"]),
                bridge_id=headers.get("BridgeID") or None,
                channel=headers.get("Channel", ""),
                application=headers.get("Application", ""),
                application_data=headers.get("Data", ""),
                variables=variables,
            )
        case "StatusComplete":
            return ListEnded(action_id=headers["ActionID"])
        case name:
            return Unknown(name=name)


def _channel(headers: Mapping[str, str]) -> dict[str, Any]:
    """Return what every event about a channel tells: a codec's bare dict, spread at once."""
    return {
        "channel_id": CallId(headers["Uniqueid"]),
        "linked_id": CallId(headers.get("Linkedid", headers["Uniqueid"])),
        "channel": headers["Channel"],
    }
