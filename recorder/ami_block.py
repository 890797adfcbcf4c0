"""One message of AMI as headers, and whether Asterisk can have written it: pure.

Theory of operation
===================

Asterisk writes the description of a channel at once, and the number dialled, `Exten`, unescaped in the midst
of it. Who dials line breaks cuts the event in two, and may put something of their own in between:

    Event: Hangup ... Channel: ... Context: ... Exten: 1     a front
    ...
    Priority: 1, Uniqueid: ..., Linkedid: ...                a tail

A number has at most 79 bytes (`AST_MAX_EXTENSION`). That is too few for a front, so whatever is put in
between describes no channel, and an event that has to and does not is tampered with. It is enough for a tail:
the front can be made to speak of another channel. But then the true tail is left over, without a front; it
gives away the front before it. A `DialString` stands last in its event and can hold such a number too; it
cuts nothing off, and what it adds describes no channel.

Source: Asterisk 22.10.1, main/manager_channels.c.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_FRONT = (
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
)
_TAIL = ("Priority", "Uniqueid", "Linkedid")
_PREFIXES = ("", "Dest")
_IS_ABOUT = {
    "Newchannel": "",
    "DialBegin": "Dest",
    "BridgeEnter": "",
    "BridgeLeave": "",
    "Hangup": "",
    "MixMonitorStart": "",
    "MixMonitorStop": "",
    "MusicOnHoldStart": "",
    "Status": "",
}
"""Before the names of the headers that such an event never comes without."""
_NEVER_TWICE = frozenset(
    {"Event", "Response", "DialString"}
    | {prefix + name for prefix in _PREFIXES for name in ("Channel", "Exten", *_TAIL)}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The headers of one message.

    Attributes:
        headers: What Asterisk wrote first counts.
        variables: Of a list; those that are set.
        is_answer: Whether it answers an action; some events have such a header too.
        is_tampered: Whether Asterisk cannot have written it so.
        fronts: Of which channels, by the prefix of their headers, all stands here up to the number dialled.
        left_over: Of which channels only the rest stands here.
    """

    headers: Mapping[str, str]
    variables: tuple[tuple[str, str], ...]
    is_answer: bool
    is_tampered: bool
    fronts: frozenset[str]
    left_over: frozenset[str]


def read(text: str) -> Block:
    """Return the headers of a message."""
    headers: dict[str, str] = {}
    variables: list[tuple[str, str]] = []
    twice = False
    for line in text.split("\r\n"):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        twice = twice or (name in _NEVER_TWICE and name in headers)
        headers.setdefault(name, value)
        if name == "Variable":
            variable, _, content = value.partition("=")
            if content not in ("", "(null)"):
                variables.append((variable, content))
    is_answer = text.startswith("Response:")
    return Block(
        headers=headers,
        variables=tuple(variables),
        is_answer=is_answer,
        is_tampered=twice or not (_may_answer if is_answer else _may_tell)(headers),
        fronts=frozenset(prefix for prefix in _PREFIXES if _has(headers, prefix, _FRONT)),
        left_over=frozenset(
            prefix
            for prefix in _PREFIXES
            if prefix + "Priority" in headers and not _has(headers, prefix, _FRONT)
        ),
    )


def _may_answer(headers: Mapping[str, str]) -> bool:
    """Tell whether an answer describes no channel: none does."""
    return not any(prefix + name in headers for prefix in _PREFIXES for name in (*_FRONT[1:], *_TAIL))


def _may_tell(headers: Mapping[str, str]) -> bool:
    """Tell whether an event describes channels wholly or not at all, and the one that it is about."""
    event = headers.get("Event")
    if event is None:
        return False
    described = {prefix for prefix in _PREFIXES if _begins_or_ends(headers, prefix)}
    if event in _IS_ABOUT:
        described.add(_IS_ABOUT[event])
    return all(_has(headers, prefix, (*_FRONT, *_TAIL)) for prefix in described)


def _begins_or_ends(headers: Mapping[str, str], prefix: str) -> bool:
    return prefix + "ChannelState" in headers or prefix + "Priority" in headers


def _has(headers: Mapping[str, str], prefix: str, names: tuple[str, ...]) -> bool:
    return all(prefix + name in headers for name in names)
