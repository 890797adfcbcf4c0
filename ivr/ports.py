"""What the gate needs from others, in its own words."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Protocol

from ivr.ari_wire import Channel
from ivr.direction import Passing
from ivr.events import Earlier
from policy.agent_keys import AgentKey
from policy.evidence import Arrival, Decision, Prompt
from policy.model import Policy, PromptName
from policy.vocabulary import CallId, RecordingId, TakenBack, WithdrawnBy


class Answer(Enum):
    """What became of a command.

    `GONE`: the channel or playback does not exist (any more). `ELSEWHERE`: it exists, but is not
    in our application. `UNKNOWN`: no answer came; the command may have been or may yet be obeyed.
    """

    DONE = "done"
    GONE = "gone"
    ELSEWHERE = "elsewhere"
    UNKNOWN = "unknown"


class Whisper(Enum):
    """Who hears what is said over a channel: both parties, or only whoever is at that channel."""

    BOTH = "both"
    OUT = "out"


class Channels(Protocol):
    """Commands on channels. All raise `Unavailable` when Asterisk certainly did not take the command."""

    async def list(self) -> tuple[Channel, ...]:
        """Return every channel of the PBX."""

    async def get(self, channel_id: CallId) -> Channel | None:
        """Return one channel, or None when it is gone."""

    async def answer(self, channel_id: CallId) -> Answer:
        """Answer a call; one that is answered already stays so."""

    async def play(self, channel_id: CallId, playback_id: str, *, path: str, language: str) -> Answer:
        """Queue a sound file, given as absolute path without extension."""

    async def set_variable(self, channel_id: CallId, name: str, value: str) -> Answer:
        """Set a channel variable; while a prompt plays this blocks."""

    async def continue_in_dialplan(self, channel_id: CallId, *, context: str, extension: str) -> Answer:
        """Send a channel out of our application to priority 1 of an extension."""

    async def play_tones(self, channel_id: CallId, playback_id: str, tones: str) -> Answer:
        """Queue tones, as Asterisk writes them; their playback does not end by itself."""

    async def snoop(self, channel_id: CallId, snoop_id: CallId, *, whisper: Whisper) -> Answer:
        """Make a channel that whispers into the call of another; it enters our application."""

    async def hangup(self, channel_id: CallId) -> Answer:
        """Hang up a channel."""


class Playbacks(Protocol):
    """Commands on playbacks."""

    async def stop(self, playback_id: str) -> Answer:
        """Delete a playback, queued or playing."""


class Applications(Protocol):
    """Commands on our own Stasis application."""

    async def subscribe(self, channel_id: CallId) -> Answer:
        """Have a channel's events also when it is not in our application; twice is harmless."""

    async def unsubscribe(self, channel_id: CallId) -> Answer:
        """Undo that; harmless when the channel is gone."""


class Telephony(Protocol):
    """Asterisk, as far as the gate commands it."""

    @property
    def channels(self) -> Channels:
        """Commands on channels."""

    @property
    def playbacks(self) -> Playbacks:
        """Commands on playbacks."""

    @property
    def applications(self) -> Applications:
        """Commands on our own application."""


class Register(Protocol):
    """The store. Every method raises `ConsentlineError` when it could not do what was asked."""

    async def open_call(self, arrival: Arrival) -> Earlier | None:
        """Put a call on record, durable; a second time changes nothing.

        Returns:
            What an earlier gate decided about this call: the strictest outcome, the recording that
            runs and under which policy, and whether one was withdrawn. None when nothing was decided yet.
        """

    async def store_decision(self, decision: Decision) -> None:
        """Make a decision durable (I1), with the recording's row when it names one.

        A call may have several decisions; the strictest is the call's.
        """

    async def pass_unasked(self, call_id: CallId, passing: Passing) -> None:
        """Count a call that goes on unasked, and remember nothing else of it (N1)."""

    async def end_call(self, call_id: CallId, at: datetime) -> None:
        """Put the end of a call on record; a second time, or an unknown call, changes nothing."""


class Recorder(Protocol):
    """Whoever keeps the tapes. Methods raise `ConsentlineError` when they could not do what was asked."""

    async def ready(self) -> bool:
        """Tell whether another recording may start: enough room, tapes under control."""

    async def started(self, recording_id: RecordingId, call_id: CallId) -> None:
        """Take note that a capture starts now, a moment before the dial plan starts it."""

    async def dropped(self, recording_id: RecordingId) -> None:
        """Take note that a capture whose row exists will never start."""

    async def conclude(self, recording_id: RecordingId) -> None:
        """Stop it while its call goes on, and keep what it holds; returns when it cannot run any more.

        One that does not run is left as it is.
        """

    async def withdraw(self, recording_id: RecordingId, by: WithdrawnBy) -> TakenBack:
        """Stop it and destroy what there is (I6); returns when it is gone. Twice is harmless.

        Where the policy restricts and an incident or a hold is open it is kept, closed, and that is returned.
        """

    async def call_ended(self, call_id: CallId) -> None:
        """Take note that the caller is gone; returns at once, finishing the capture goes on beside it."""


class Prompts(Protocol):
    """Spoken prompts."""

    async def prepare(self, policy: Policy, prompt: PromptName, language: str) -> Prompt:
        """Return a prompt fit to be played, its audio hashed just now.

        Raises:
            PromptUnfit: If it is missing or not what was attested.
        """


class AgentKeys(Protocol):
    """Who sees to what an agent's key asks for."""

    def pressed(self, call_id: CallId, channel_id: CallId, key: AgentKey) -> None:
        """Take in that the party at this channel of the call pressed a code; only note it."""


class Alarms(Protocol):
    """Where an operator looks."""

    async def alarm(self, kind: str, text: str, call_id: CallId | None) -> None:
        """Raise an alarm; `kind` from a closed list, `text` one line without personal data."""
