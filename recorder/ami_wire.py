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
from recorder import ami_block
from recorder.ami_block import Block

LARGEST_MESSAGE_BYTES = 256 * 1024

_GREETING = "Asterisk Call Manager/"
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


def mute_mixmonitor(call_id: CallId, mixmonitor_id: str, *, on: bool) -> Action:
    """Have one tape write silence for both sides, or again what is said.

    Source: `apps/app_mixmonitor.c` of 22.10.1: one of the classes `system` and `call` is enough.
    """
    headers = (
        ("Channel", call_id),
        ("MixMonitorID", mixmonitor_id),
        ("Direction", "both"),
        ("State", "1" if on else "0"),
    )
    return Action(name="MixMonitorMute", headers=headers)


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
class MusicStarted:
    """A channel hears music on hold: it waits in a queue, or somebody put it on hold.

    Source: `main/manager_channels.c`, class `call`. That a caller joined a queue is told to class `agent`
    only (`apps/app_queue.c`, `queue_channel_to_ami`).
    """

    channel_id: CallId


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
    | MusicStarted
    | BridgeEntered
    | BridgeLeft
    | HungUp
    | TapeStarted
    | TapeStopped
    | Tampered
)
Message = Greeted | Answered | ChannelListed | ListEnded | Event | Unknown


class Decoder:
    """Turns a stream of bytes, cut anywhere, into messages.

    What was read and can still be given away by the rest of what Asterisk is just writing is kept back until
    that is there too.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._greeted = False
        self._read: list[tuple[Block, Message]] = []

    def feed(self, data: bytes) -> list[Message]:
        """Return the messages that are complete now.

        Raises:
            AmiGarbled: If this is not the manager interface; the stream is of no use any more.
        """
        self._buffer += data
        messages: list[Message] = []
        if not self._greeted:
            line, found, rest = self._buffer.partition(b"\r\n")
            if found:
                messages.append(_greeting(line.decode("utf-8", errors="replace")))
                self._greeted, self._buffer = True, rest
        while self._greeted:
            text, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                break
            self._buffer = rest.lstrip(b"\r\n")  # no message begins so; what was dialled can end so
            self._take(ami_block.read(text.decode("utf-8", errors="replace")))
        if len(self._buffer) > LARGEST_MESSAGE_BYTES:
            raise AmiGarbled(f"AMI: a message must be at most {LARGEST_MESSAGE_BYTES} bytes, got more")
        return messages + self._believed()

    def _take(self, block: Block) -> None:
        for prefix in block.left_over:
            self._doubt_front(prefix)
        self._read.append((block, _message(block)))

    def _doubt_front(self, prefix: str) -> None:
        """Believe nothing of the event that a rest was cut from: it may speak of another channel."""
        for at, (block, _) in reversed([*enumerate(self._read)]):
            if prefix in block.fronts:
                self._read[at] = (block, Tampered())
                return

    def _believed(self) -> list[Message]:
        until = len(self._read)
        if self._buffer:
            until = next((at for at in reversed(range(until)) if self._read[at][0].fronts), until)
        believed, self._read = self._read[:until], self._read[until:]
        return [message for _, message in believed]


def _greeting(line: str) -> Greeted:
    if not line.startswith(_GREETING):
        raise AmiGarbled(
            f'AMI: expected "{_GREETING}...", got "{line[:40]}"',
            hint="check asterisk.ami_host and asterisk.ami_port in the config file",
        )
    return Greeted(version=line.removeprefix(_GREETING))


def _message(block: Block) -> Message:
    if block.is_tampered:
        return Tampered()
    if block.is_answer:
        return _answer(block.headers)
    try:
        return _event(block.headers, block.variables)
    except KeyError:
        return Unknown(name=block.headers.get("Event", ""))


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
        case "MusicOnHoldStart":
            return MusicStarted(channel_id=CallId(headers["Uniqueid"]))
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
