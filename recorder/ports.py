"""What the recorder needs from others, in its own words.

`Register` is the store behind the daemon's one worker thread. Its calls are carried out one at a time, in
the order in which they were asked, and a call that has begun is carried out even if its asker is cancelled:
so a withdrawal that comes while a recording is being sealed finds it sealed, and destroys it with its key.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Protocol

from policy.vocabulary import (
    CallId,
    ConcludedBecause,
    ControllerLost,
    ErasedBecause,
    RecordingId,
    RecordingState,
    ResumedBecause,
    TakenBack,
    WithdrawnBy,
)

Delays = Callable[[], Iterator[float]]
"""Seconds to wait before each next attempt; never ends."""


class AlarmKind(Enum):
    """What an operator is told about a capture."""

    CAPTURE_NOT_STARTED = "capture_not_started"
    CAPTURE_STALLED = "capture_stalled"
    CAPTURE_ENDED_EARLY = "capture_ended_early"
    CAPTURE_LOST = "capture_lost"
    CAPTURE_DAMAGED = "capture_damaged"
    LEGS_UNEVEN = "legs_uneven"
    WRITER_NOT_CLOSED = "writer_not_closed"
    SEALING_FAILED = "sealing_failed"
    WITHDRAWAL_UNFINISHED = "withdrawal_unfinished"
    TAPE_RUNS_ON = "tape_runs_on"
    CONTROLLER_LOST = "controller_lost"
    FOREIGN_TAPE = "foreign_tape"
    SPOOL_UNWATCHED = "spool_unwatched"
    RECORDER_FAULT = "recorder_fault"
    AMI_TAMPERED = "ami_tampered"
    PAUSE_NOT_MUTED = "pause_not_muted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A recording as the store knows it.

    Attributes:
        bridged_at: Since when the caller speaks with somebody; None while waiting.
        bridge_id: In which bridge.
        controller_lost: Of the policy under which it was recorded.
        ended: Whether the call's end is on record, so that the daemon saw it.
        marked: Whether a mark says that the daemon's absence mattered to this call.
    """

    recording_id: RecordingId
    call_id: CallId
    state: RecordingState
    bridged_at: datetime | None
    bridge_id: str | None
    controller_lost: ControllerLost
    marked: bool
    ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A stretch of a recording in which nothing may be heard; `recorder/silence.py` says how exact it is.

    Attributes:
        from_sample: What the spool's files held when it began.
        until_sample: What they held when it ended; None: it goes to the end.
        lasted_ms: By a steady clock.
        muted: Whether Asterisk said, at both ends, that it obeyed.
    """

    from_sample: int
    until_sample: int | None
    lasted_ms: int | None
    muted: bool


class PauseNotes(Protocol):
    """Where pauses are noted. Methods raise `ConsentlineError` when they could not do what was asked."""

    async def paused(self, recording_id: RecordingId, channel_id: CallId, *, from_sample: int) -> int:
        """Commit that it is paused by the agent at this channel; return the number of the pause."""

    async def resumed(
        self,
        pause_id: int,
        *,
        until_sample: int,
        lasted_ms: int,
        because: ResumedBecause,
        muted: bool,
    ) -> None:
        """Commit that it goes on."""


class Register(Protocol):
    """The store. Every method raises `ConsentlineError` when it could not do what was asked."""

    async def captured(self, recording_id: RecordingId, *, duration_ms: int) -> None:
        """Commit that the call is over and its capture complete; harmless when it was committed before."""

    async def seal(self, recording_id: RecordingId, flac: Path) -> None:
        """Seal the audio and commit `sealed` (I2); leaves `flac` alone."""

    async def pauses(self, recording_id: RecordingId) -> tuple[Pause, ...]:
        """Return the stretches of it in which nothing may be heard."""

    async def quarantine(self, recording_id: RecordingId, paths: tuple[Path, ...], problem: str) -> None:
        """Commit that plaintext could not be sealed, and where it lies; it is due like any other."""

    async def lost(self, recording_id: RecordingId, problem: str) -> None:
        """Commit that there are no bytes, without anybody's doing."""

    async def concluded(self, recording_id: RecordingId, because: ConcludedBecause) -> None:
        """Commit why it ends while its call goes on."""

    async def note_withdrawal(self, recording_id: RecordingId, by: WithdrawnBy) -> TakenBack:
        """Commit who said stop, in any state, and return what becomes of the recording.

        `RESTRICTED`: an incident or a hold is open, and the policy has it kept, closed. A second note
        changes nothing.
        """

    async def destroy(
        self, recording_id: RecordingId, because: ErasedBecause, paths: tuple[Path, ...]
    ) -> None:
        """Destroy key and bytes, the given paths included (I4); a path that is gone already is fine.

        An id without a row is fine too: then there are only the paths.
        """

    async def bridged(self, recording_id: RecordingId, at: datetime, bridge_id: str) -> None:
        """Commit since when, and in which bridge, the caller speaks with somebody."""

    async def waiting(self, recording_id: RecordingId) -> None:
        """Commit that the caller waits again."""

    async def rows(self, also: Collection[RecordingId]) -> tuple[Row, ...]:
        """Return every row in `recording` or `captured`, and those of `also` in whatever state."""


class Alarms(Protocol):
    """Where an operator looks."""

    async def alarm(self, kind: str, text: str, call_id: CallId | None) -> None:
        """Raise an alarm; `kind` from a closed list, `text` one line without personal data."""


class StopOutcome(Enum):
    """What became of the wish to stop a tape."""

    STOPPED = "stopped"
    NOT_RUNNING = "not_running"
    CHANNEL_GONE = "channel_gone"
    NOT_STARTED = "not_started"

    @property
    def holds(self) -> bool:
        """Whether the tape cannot run any more; one not started yet still may."""
        return self is not StopOutcome.NOT_STARTED


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveChannel:
    """A channel that exists now.

    Attributes:
        bridge_id: Asterisk's unique id of the bridge it is in, or None.
        recording_id: Under which the dialplan started a tape on it, or None.
    """

    channel_id: CallId
    bridge_id: str | None
    recording_id: RecordingId | None


class Tape(Protocol):
    """The recording side of Asterisk. Every method raises `Unavailable` when Asterisk did not answer."""

    async def stop(self, call_id: CallId, recording_id: RecordingId) -> StopOutcome:
        """Stop the tape of one recording on a channel, by the tape's id; never another recording's."""

    async def mute(self, call_id: CallId, recording_id: RecordingId, *, on: bool) -> bool:
        """Have the tape of a recording write silence, or again what is said; return whether it does."""

    async def unname(self, call_id: CallId, recording_id: RecordingId) -> None:
        """Have the dialplan not take this recording, which runs no more, for the one that runs."""

    async def stop_newest(self, call_id: CallId) -> StopOutcome:
        """Stop the newest tape on a channel, whosesoever; never on a call that may be recorded."""

    async def alive(self, call_id: CallId) -> bool:
        """Tell whether the channel exists."""

    async def channels(self) -> tuple[LiveChannel, ...]:
        """Return every channel."""
