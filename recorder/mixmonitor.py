"""Tapes on a real Asterisk: the dialplan starts them, the `call` class of AMI is enough to stop them.

Source: `apps/app_mixmonitor.c` of 22.10.1: a stop by id closes the files before it is answered; "Could
not stop" means that no tape of that id hangs on the channel.
"""

from __future__ import annotations

from policy.errors import Unavailable
from policy.vocabulary import CallId, RecordingId
from recorder.ami import Ami
from recorder.ami_wire import (
    Action,
    Answered,
    empty_variable,
    get_variable,
    list_channels,
    mute_mixmonitor,
    stop_mixmonitor,
)
from recorder.ports import LiveChannel, StopOutcome
from recorder.spool import is_recording_id

MIXMONITOR_VARIABLE = "CONSENTLINE_MMID"
RECORDING_VARIABLE = "CONSENTLINE_RECORDING"
ANNOUNCE_VARIABLE = "CONSENTLINE_ANNOUNCE"

_NO_CHANNEL = "No such channel"
_NOT_RUNNING = "Could not stop monitoring channel"


class MixMonitors:
    """`recorder.ports.Tape` over AMI."""

    def __init__(self, ami: Ami) -> None:
        self._ami = ami

    async def stop(self, call_id: CallId, recording_id: RecordingId) -> StopOutcome:
        """Stop the tape of one recording on a channel, by the tape's id.

        A call can have several recordings, one after the other: `CONSENTLINE_MMID` names the latest tape,
        and the dialplan keeps the id of each under the name of its recording.

        Raises:
            Unavailable: If Asterisk did not answer, or refused.
        """
        found = await self._find(call_id, recording_id)
        return found if isinstance(found, StopOutcome) else await self._stop(stop_mixmonitor(call_id, found))

    async def mute(self, call_id: CallId, recording_id: RecordingId, *, on: bool) -> bool:
        """Have the tape of a recording write silence, or again what is said; return whether it does.

        Raises:
            Unavailable: If Asterisk did not answer, or refused.
        """
        found = await self._find(call_id, recording_id)
        if isinstance(found, StopOutcome):
            return False
        return (await self._ami.ask(mute_mixmonitor(call_id, found, on=on))).ok

    async def unname(self, call_id: CallId, recording_id: RecordingId) -> None:
        """Have the dialplan not take this recording, which runs no more, for the one that runs.

        Nor announce it to the next agent. The mark before the caller's name stays until a gate or a key has
        the dialplan show it anew: the name is the caller's own word, so it is not sent back from here (I10).
        Over AMI, for ARI refuses to set a variable on a channel that left our application (22.10.1).

        Raises:
            Unavailable: If Asterisk did not answer.
        """
        named = await self._ami.ask(get_variable(call_id, RECORDING_VARIABLE))
        if named.ok and named.value == recording_id:
            for variable in (RECORDING_VARIABLE, ANNOUNCE_VARIABLE):
                await self._ami.ask(empty_variable(call_id, variable))

    async def stop_newest(self, call_id: CallId) -> StopOutcome:
        """Stop the newest tape on a channel, whosesoever.

        Raises:
            Unavailable: If Asterisk did not answer, or refused.
        """
        return await self._stop(stop_mixmonitor(call_id, None))

    async def alive(self, call_id: CallId) -> bool:
        """Tell whether the channel exists.

        Raises:
            Unavailable: If Asterisk did not answer, or refused.
        """
        variable = get_variable(call_id, MIXMONITOR_VARIABLE)
        answer = await self._ami.ask(variable)
        return answer.ok or _gone_or_refused(variable, answer) is not StopOutcome.CHANNEL_GONE

    async def channels(self) -> tuple[LiveChannel, ...]:
        """Return every channel.

        Raises:
            Unavailable: If Asterisk did not answer, or refused.
        """
        listed = await self._ami.ask_list(list_channels([MIXMONITOR_VARIABLE, RECORDING_VARIABLE]))
        return tuple(
            LiveChannel(
                channel_id=channel.channel_id,
                bridge_id=channel.bridge_id,
                recording_id=_recording_id(channel.variables),
            )
            for channel in listed
        )

    async def _find(self, call_id: CallId, recording_id: RecordingId) -> str | StopOutcome:
        """Return Asterisk's id of a tape, or why there is none."""
        variable = get_variable(call_id, f"{MIXMONITOR_VARIABLE}_{recording_id}")
        answer = await self._ami.ask(variable)
        if not answer.ok:
            return _gone_or_refused(variable, answer)
        return answer.value or StopOutcome.NOT_STARTED

    async def _stop(self, action: Action) -> StopOutcome:
        answer = await self._ami.ask(action)
        if answer.ok:
            return StopOutcome.STOPPED
        if answer.message == _NOT_RUNNING:
            return StopOutcome.NOT_RUNNING
        return _gone_or_refused(action, answer)


def _gone_or_refused(action: Action, answer: Answered) -> StopOutcome:
    if answer.message == _NO_CHANNEL:
        return StopOutcome.CHANNEL_GONE
    raise Unavailable(
        f"AMI {action.name}: {answer.message}", hint="manager.conf: the user needs read = call, write = call"
    )


def _recording_id(variables: tuple[tuple[str, str], ...]) -> RecordingId | None:
    value = dict(variables).get(RECORDING_VARIABLE, "")
    return RecordingId(value) if is_recording_id(value) else None
